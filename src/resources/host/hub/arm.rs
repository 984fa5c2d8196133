//! The kernel's watches: which events each must report, and who holds it.

use std::path::Path;

use rustix::fs::inotify::WatchFlags;
use rustix::io::Errno;

use super::node::{Needs, NodeId, State, SubId};
use super::slab::Few;
use super::tree::{Recheck, Tree, Watch};

/// Of every watch of a directory. Deleted files that are still open are none of our concern.
const DIR: WatchFlags = WatchFlags::ONLYDIR.union(WatchFlags::EXCL_UNLINK);

impl Tree {
    /// Watches the directory at a path for a node.
    pub(super) fn arm_dir(&mut self, id: NodeId, path: &Path, link: bool, needs: Needs) -> State {
        let follow = if link { WatchFlags::empty() } else { WatchFlags::DONT_FOLLOW };
        // Added to the events of another path to the same directory, if there is one.
        match self.kernel.add_watch(path, needs.mask() | DIR | follow | WatchFlags::MASK_ADD) {
            Ok(wd) => {
                let watch = self.watch(wd);
                watch.dirs.insert(id);
                watch.mask |= needs.mask();
                State::Armed(wd)
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => State::Absent,
            Err(Errno::ACCESS | Errno::PERM) => State::Blind,
            Err(error) => {
                self.warn_limit(error);
                State::Polled
            }
        }
    }

    /// Watches a file itself for a subscription.
    pub(super) fn arm_file(&mut self, id: SubId, path: &Path, needs: Needs) -> Result<i32, Errno> {
        let events = needs.mask() & (WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB);
        let flags = events | WatchFlags::DONT_FOLLOW | WatchFlags::MASK_ADD;
        let wd = self.kernel.add_watch(path, flags).inspect_err(|error| self.warn_limit(*error))?;
        let watch = self.watch(wd);
        watch.files.insert(id);
        watch.mask |= events;
        Ok(wd)
    }

    fn watch(&mut self, wd: i32) -> &mut Watch {
        self.watches.entry(wd).or_insert_with(|| Watch {
            dirs: Few::default(),
            files: Few::default(),
            mask: WatchFlags::empty(),
        })
    }

    fn warn_limit(&mut self, error: Errno) {
        if error == Errno::NOSPC && !self.warned {
            self.warned = true;
            tracing::warn!(
                watches = self.watches.len(),
                "the kernel's limit of watches is reached: further paths are polled; raise fs.inotify.max_user_watches"
            );
        }
    }

    /// A directory no longer needs a watch.
    pub(super) fn release_dir(&mut self, wd: i32, id: NodeId) {
        let Some(watch) = self.watches.get_mut(&wd) else { return };
        watch.dirs.remove(id);
        self.release_unused(wd);
    }

    /// A subscription no longer needs the watch of a file.
    pub(super) fn release_file(&mut self, wd: i32, id: SubId) {
        let Some(watch) = self.watches.get_mut(&wd) else { return };
        watch.files.remove(id);
        self.release_unused(wd);
    }

    fn release_unused(&mut self, wd: i32) {
        if self.watches.get(&wd).is_some_and(|watch| watch.dirs.is_empty() && watch.files.is_empty()) {
            self.watches.remove(&wd);
            self.kernel.remove_watch(wd);
        }
    }

    /// Asks the kernel for the events that a directory's subscribers need now: no more, since a write to a file that
    /// nobody watches should not wake us.
    pub(super) fn refresh_mask(&mut self, id: NodeId) {
        let Some(State::Armed(wd)) = self.nodes.get(id).map(|node| node.state) else { return };
        let Some(watch) = self.watches.get(&wd) else { return };
        let dirs = watch.dirs.as_slice().iter().filter_map(|dir| self.nodes.get(*dir));
        let needed = dirs.fold(Needs::default(), |needs, dir| needs.or(dir.needs())).mask();
        let had = watch.mask;
        if had == needed {
            return;
        }
        let add = if had.contains(needed) { WatchFlags::empty() } else { WatchFlags::MASK_ADD };
        let mask = if add.is_empty() { needed } else { had | needed };
        match self.kernel.add_watch(&self.path(id, b""), needed | DIR | add) {
            Ok(same) if same == wd => self.watch(wd).mask = mask,
            other => {
                // The path leads elsewhere by now; an event that says so is on its way or was lost.
                if let Ok(stray) = other
                    && !self.watches.contains_key(&stray)
                {
                    self.kernel.remove_watch(stray);
                }
                self.queue_recheck(id, Recheck::Place);
            }
        }
    }
}

//! What must be read to see a change is read by `notify`'s poll watchers: one for trees, one for contents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use notify::{Config, PollWatcher, RecursiveMode, Watcher};

use super::polled::{Polled, Reading};

/// Longer files are not variables of the kernel's, but memory or devices: nobody wants them read once a second.
const MAX_CONTENT: i64 = 1 << 20;

/// The poll watchers. Each exists only while it has a path, since it has a thread that ticks.
#[derive(Debug, Default)]
pub(super) struct Readers(BTreeMap<Reading, Reader>);

#[derive(Debug)]
struct Reader {
    watcher: PollWatcher,
    /// How many read a path.
    paths: BTreeMap<Arc<Path>, usize>,
}

impl Readers {
    /// Reads a path from now on, if that is what it takes, and it is there. Again: from what it is now.
    pub(super) fn begin(
        &mut self,
        polled: &Polled,
        interval: Duration,
        report: impl Fn(Vec<PathBuf>) + Send + 'static,
    ) {
        if !readable(polled) {
            return;
        }
        if let Err(error) = self.try_begin(polled, interval, report) {
            tracing::warn!(path = ?polled.path, %error, "cannot poll what is in a path");
        }
    }

    fn try_begin(
        &mut self,
        polled: &Polled,
        interval: Duration,
        report: impl Fn(Vec<PathBuf>) + Send + 'static,
    ) -> notify::Result<()> {
        let reader = match self.0.entry(polled.reading) {
            std::collections::btree_map::Entry::Occupied(reader) => reader.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let config = Config::default()
                    .with_poll_interval(interval)
                    .with_compare_contents(polled.reading == Reading::Contents)
                    .with_follow_symlinks(false);
                let handler = move |event: notify::Result<notify::Event>| match event {
                    Ok(event) => report(event.paths),
                    // A path that cannot be read has changed as far as anyone can tell.
                    Err(error) => report(error.paths),
                };
                let watcher = PollWatcher::new(handler, config)?;
                place.insert(Reader { watcher, paths: BTreeMap::new() })
            }
        };
        let mode = match polled.reading {
            Reading::Tree => RecursiveMode::Recursive,
            Reading::Contents | Reading::Nothing => RecursiveMode::NonRecursive,
        };
        reader.watcher.watch(&polled.path, mode)?;
        if !polled.is_read.swap(true, Ordering::SeqCst) {
            *reader.paths.entry(polled.path.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// Reads a path no more.
    pub(super) fn end(&mut self, polled: &Polled) {
        if !polled.is_read.swap(false, Ordering::SeqCst) {
            return;
        }
        let Some(reader) = self.0.get_mut(&polled.reading) else { return };
        let Some(count) = reader.paths.get_mut(&*polled.path) else { return };
        *count -= 1;
        if *count == 0 {
            reader.paths.remove(&*polled.path);
            let _ = reader.watcher.unwatch(&polled.path);
        }
        if reader.paths.is_empty() {
            self.0.remove(&polled.reading);
        }
    }
}

/// Whether there is something to read at a path.
fn readable(polled: &Polled) -> bool {
    match polled.reading {
        Reading::Nothing => false,
        Reading::Tree => polled.path.is_dir(),
        Reading::Contents => rustix::fs::stat(&*polled.path).is_ok_and(|stat| {
            super::kernel::file_type(&stat) == rustix::fs::FileType::RegularFile
                && stat.st_size <= MAX_CONTENT
        }),
    }
}

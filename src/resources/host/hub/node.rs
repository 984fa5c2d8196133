//! The directories on the way to every subscribed path, as a tree of names.
//!
//! A node is a directory path as it was written, whether or not something is there. Two nodes can be the same directory
//! (through links or bind mounts): then they share a kernel watch. A node knows its subscribers by name, so that ten
//! thousand paths of one directory store its path once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::inotify::WatchFlags;

use super::slab::{Few, key};
use super::tree::Recheck;

key!(
    /// A directory path.
    NodeId
);
key!(
    /// A subscription.
    SubId
);

/// A file name.
pub(super) type Name = Arc<[u8]>;

/// How a directory is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is no directory at the path.
    Absent,
    /// By the kernel's watch of this number.
    Armed(i32),
    /// It may be passed but not watched: who subscribes to its names is polled.
    Blind,
    /// Everything below is polled.
    Polled,
}

/// Which events a directory must report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Writes and attributes.
    pub(super) changes: bool,
    /// Closes after a write, and attributes, since links count.
    pub(super) contents: bool,
}

impl Needs {
    /// Either of two.
    pub(super) fn or(self, other: Self) -> Self {
        Self { changes: self.changes || other.changes, contents: self.contents || other.contents }
    }

    /// Whether anything is needed.
    pub(super) fn any(self) -> bool {
        self.changes || self.contents
    }

    /// The events to ask for. Names always count: each directory is on the way to something. No opens, reads or
    /// closes without a write: our own checks would wake us.
    pub(super) fn mask(self) -> WatchFlags {
        let mut mask =
            WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
        if self.changes {
            mask |= WatchFlags::MODIFY | WatchFlags::ATTRIB;
        }
        if self.contents {
            mask |= WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB;
        }
        mask
    }
}

/// What is known of a name in a directory.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Who wants to know of it.
    pub(super) subs: Few<SubId>,
    /// The name as a directory on the way to others.
    pub(super) child: Option<NodeId>,
}

/// A link on the way: where it leads is subscribed to, since changes there change this path.
#[derive(Debug)]
pub(super) struct Alias {
    /// The hub's own subscription of the target.
    pub(super) sub: SubId,
    /// The target, as written.
    pub(super) target: PathBuf,
}

/// A directory path.
#[derive(Debug)]
pub(super) struct Node {
    /// The directory around it; the root's is itself.
    pub(super) parent: NodeId,
    /// Its name there; the root's is empty.
    pub(super) name: Name,
    pub(super) state: State,
    /// How it waits to be looked at again, if it does.
    pub(super) queued: Option<Recheck>,
    pub(super) entries: HashMap<Name, Entry>,
    pub(super) alias: Option<Box<Alias>>,
    /// Who wants to know of everything below.
    pub(super) tree: Few<SubId>,
    /// What they need, and those who want to know of everything below a directory around.
    pub(super) deep: Needs,
    /// Whether it is part of a tree around: a real directory, below one that somebody wants to know everything of.
    pub(super) inherits: bool,
    /// How many hooks want changes.
    pub(super) changes: u32,
    /// How many hooks want contents.
    pub(super) contents: u32,
}

impl Node {
    pub(super) fn new(parent: NodeId, name: Name) -> Self {
        Self {
            parent,
            name,
            state: State::Absent,
            queued: None,
            entries: HashMap::new(),
            alias: None,
            tree: Few::default(),
            deep: Needs::default(),
            inherits: false,
            changes: 0,
            contents: 0,
        }
    }

    /// Whether nobody needs it any more.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.tree.is_empty() && !self.inherits
    }

    /// Whether it is `..`, which is not below the directory it is in.
    pub(super) fn is_up(&self) -> bool {
        *self.name == *b".."
    }

    /// Which events it must report.
    pub(super) fn needs(&self) -> Needs {
        Needs { changes: self.changes > 0, contents: self.contents > 0 }.or(self.deep)
    }

    /// The directories below that are on the way to something.
    pub(super) fn children(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.entries.values().filter_map(|entry| entry.child)
    }
}

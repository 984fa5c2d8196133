//! A subscription, and what it is about to be told.

use std::path::PathBuf;

use super::event::Wants;
use super::node::{Name, NodeId, SubId};
use super::poll::PollId;
use crate::engine::Stamp;
use crate::engine::path_watch::PathSink;

/// What an event of a subscription does.
pub(super) enum Action {
    /// Tells someone.
    Tell(PathSink),
    /// Looks again at a link whose target this is.
    Recheck(NodeId),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    pub(super) node: NodeId,
    pub(super) name: Name,
}

/// Somebody wants to know of a path. Small: there may be a hundred thousand.
pub(super) struct Sub {
    pub(super) action: Action,
    /// The path.
    pub(super) at: Hook,
    pub(super) wants: Wants,
    /// Everything below counts too.
    pub(super) recursive: bool,
    /// If the path is a link, what it leads to counts too.
    pub(super) follow: bool,
    /// Whether it waits to be looked at.
    pub(super) look_queued: bool,
    /// Its place among the pending ones; [`NOT_PENDING`]: nowhere.
    pub(super) pending: u32,
    /// What few have.
    pub(super) more: Option<Box<More>>,
}

/// The place of a subscription with nothing pending.
pub(super) const NOT_PENDING: u32 = u32::MAX;

/// What few subscriptions have.
#[derive(Debug, Default)]
pub(super) struct More {
    /// Where the path leads, link by link.
    pub(super) hooks: Vec<Hook>,
    /// The watch of a file that has other names.
    pub(super) file: Option<FileWatch>,
    /// The path as a directory, where everything below counts.
    pub(super) tree: Option<NodeId>,
    /// Polled, since the kernel reports no events of it.
    pub(super) polled: Option<PollId>,
}

/// A watch of a file itself rather than of its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileWatch {
    pub(super) wd: i32,
    pub(super) dev: u64,
    pub(super) ino: u64,
}

impl Sub {
    pub(super) fn new(action: Action, at: Hook, wants: Wants, recursive: bool, follow: bool) -> Self {
        Self { action, at, wants, recursive, follow, look_queued: false, pending: NOT_PENDING, more: None }
    }

    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Where the path leads, link by link.
    pub(super) fn hooks(&self) -> &[Hook] {
        self.more.as_ref().map_or(&[], |more| &more.hooks)
    }
}

/// What a subscription is about to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Whom; `None`: it has ended meanwhile.
    pub(super) sub: Option<SubId>,
    pub(super) told: Told,
    /// What the last look found.
    pub(super) stamp: Option<Stamp>,
}

/// The reasons for telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// There is an event.
    pub(super) deliver: bool,
    /// It is someone else's doing, or unknown.
    pub(super) certain: bool,
    /// There is an event if the path is a link or a directory, or has other names.
    pub(super) if_complete: bool,
    /// As the last, of what a link leads to.
    pub(super) if_target_complete: bool,
}

impl Told {
    /// Somebody else did it.
    pub(super) const CERTAIN: Self =
        Self { deliver: true, certain: true, if_complete: false, if_target_complete: false };

    /// Either of two.
    pub(super) fn merge(&mut self, other: Self) {
        self.deliver |= other.deliver;
        self.certain |= other.certain;
        self.if_complete |= other.if_complete;
        self.if_target_complete |= other.if_target_complete;
    }
}

/// Absolute, with the links in it as they are.
pub(super) fn target_of(link: &std::path::Path, target: PathBuf) -> PathBuf {
    match link.parent() {
        Some(dir) => dir.join(target),
        None => target,
    }
}

//! What the kernel reports, and what it means to a subscriber. Pure.

use rustix::fs::inotify::ReadFlags;

use crate::resources::host::temp_name::is_own_temp;

/// One report of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEvent<'a> {
    /// The watch.
    pub(super) wd: i32,
    /// What happened.
    pub(super) flags: ReadFlags,
    /// Pairs the two halves of a rename.
    pub(super) cookie: u32,
    /// In a watched directory: what it happened to; empty: the watched thing itself.
    pub(super) name: &'a [u8],
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Content was written; the writer may not be done.
    Written,
    /// A writer has closed it.
    Closed,
    /// Mode, owner, times, extended attributes or the number of links.
    Attributes,
    /// The name is new; a file's content is yet to come.
    Created,
    /// Something was renamed to this name.
    Arrived,
    /// Something was renamed to this name by this process, which had written it under a temporary name.
    ArrivedOwn,
    /// The name is gone.
    Gone,
}

impl Change {
    /// Whether the name may mean something else than before, or nothing.
    pub(super) fn is_of_name(self) -> bool {
        matches!(self, Self::Created | Self::Arrived | Self::ArrivedOwn | Self::Gone)
    }
}

/// What a subscriber wants of a change of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Ignore,
    /// No event; but what is at the path must be looked at, since links may have come or gone.
    Look,
    /// An event, certainly someone else's doing.
    Certain,
    /// An event that may be an echo of the subscriber's own doing.
    MaybeEcho,
    /// An event if it is a link or a directory, for which no close will follow.
    IfComplete,
}

/// What kind of changes a subscriber asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Every change of the path.
    Changes,
    /// Complete contents.
    Contents,
    /// Only what the names on the way lead to.
    Names,
}

impl Wants {
    /// What a subscriber that wants this makes of a change of its name.
    pub(super) fn verdict(self, change: Change) -> Verdict {
        match (self, change) {
            (Self::Changes, Change::Written) | (Self::Contents, Change::Closed) => Verdict::Certain,
            // The first half of a closed write was reported already, by the write.
            (Self::Changes, Change::Closed) => Verdict::Ignore,
            // Who repairs a path has written it; who reads it has not.
            (Self::Changes, Change::ArrivedOwn) => Verdict::Ignore,
            (Self::Changes, _) => Verdict::MaybeEcho,
            (Self::Contents, Change::Written) => Verdict::Ignore,
            (Self::Contents, Change::Attributes) => Verdict::Look,
            (Self::Contents, Change::Created) => Verdict::IfComplete,
            (Self::Contents, Change::Arrived | Change::ArrivedOwn | Change::Gone) => Verdict::MaybeEcho,
            (Self::Names, change) if change.is_of_name() => Verdict::Look,
            (Self::Names, _) => Verdict::Ignore,
        }
    }
}

/// The renames of our own temporary files that are under way: first halves whose second is yet to be read.
#[derive(Debug)]
pub(super) struct OwnRenames {
    cookies: [u32; Self::BOUND],
    next: usize,
}

impl OwnRenames {
    /// The kernel queues the halves one after the other, though other threads' events may come between: more renames
    /// than this are never under way at a time.
    const BOUND: usize = 64;

    pub(super) fn new() -> Self {
        Self { cookies: [0; Self::BOUND], next: 0 }
    }

    /// Remembers the first half of a rename of `name`, if the name is a temporary one of ours.
    pub(super) fn left(&mut self, event: &RawEvent<'_>) {
        if event.flags.contains(ReadFlags::MOVED_FROM) && is_own_temp(event.name) {
            self.cookies[self.next] = event.cookie;
            self.next = (self.next + 1) % Self::BOUND;
        }
    }

    /// Whether this is the second half of a rename of ours.
    fn arrived(&mut self, cookie: u32) -> bool {
        let found = self.cookies.iter_mut().find(|known| cookie != 0 && **known == cookie);
        found.map(|known| *known = 0).is_some()
    }

    /// What happened to the name of an event; the kernel reports one thing at a time.
    pub(super) fn change(&mut self, event: &RawEvent<'_>) -> Option<Change> {
        let flags = event.flags;
        Some(if flags.contains(ReadFlags::MODIFY) {
            Change::Written
        } else if flags.contains(ReadFlags::CLOSE_WRITE) {
            Change::Closed
        } else if flags.contains(ReadFlags::ATTRIB) {
            Change::Attributes
        } else if flags.contains(ReadFlags::CREATE) {
            Change::Created
        } else if flags.contains(ReadFlags::MOVED_TO) {
            if self.arrived(event.cookie) { Change::ArrivedOwn } else { Change::Arrived }
        } else if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            Change::Gone
        } else {
            return None;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::temp_name::next_temp_name;

    fn event<'a>(flags: ReadFlags, cookie: u32, name: &'a [u8]) -> RawEvent<'a> {
        RawEvent { wd: 1, flags, cookie, name }
    }

    #[test]
    fn only_the_other_half_of_our_own_rename_is_our_own() {
        let mut own = OwnRenames::new();
        let temp = next_temp_name();
        own.left(&event(ReadFlags::MOVED_FROM, 7, temp.as_bytes()));
        own.left(&event(ReadFlags::MOVED_FROM, 8, b".mgmt-0123456789abcdef-1"));
        assert_eq!(own.change(&event(ReadFlags::MOVED_TO, 8, b"f")), Some(Change::Arrived));
        assert_eq!(own.change(&event(ReadFlags::MOVED_TO, 7, b"f")), Some(Change::ArrivedOwn));
        assert_eq!(own.change(&event(ReadFlags::MOVED_TO, 7, b"f")), Some(Change::Arrived));
        assert_eq!(own.change(&event(ReadFlags::MOVED_TO, 0, b"f")), Some(Change::Arrived));
    }

    #[test]
    fn a_reader_is_never_told_of_half_a_file() {
        assert_eq!(Wants::Contents.verdict(Change::Written), Verdict::Ignore);
        assert_eq!(Wants::Contents.verdict(Change::Created), Verdict::IfComplete);
        assert_eq!(Wants::Contents.verdict(Change::Closed), Verdict::Certain);
    }
}

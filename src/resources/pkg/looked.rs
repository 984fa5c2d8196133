//! Which events are echoes: those of what was seen already, and of one's own repairs.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::Stamp;
use crate::resources::host::packages::{Marks, Packages};

/// What a resource last saw. An event of files that are as they were then is none: without this, a transaction that
/// fails would wake the resource that made it, and be made again for ever.
#[derive(Debug, Default)]
pub(super) struct Looked {
    seen: Mutex<Seen>,
    /// The members that were as wanted when they were last looked at.
    fine: Mutex<BTreeSet<u32>>,
    repairs: AtomicBool,
    misses_lists: AtomicBool,
    not_fetched: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    database: Option<Stamp>,
    lists: Option<Stamp>,
}

impl Seen {
    fn now(packages: &dyn Packages) -> Self {
        Self { database: packages.stamp(), lists: packages.lists_stamp() }
    }
}

impl Looked {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before each look.
    pub fn look(&self, packages: &dyn Packages) {
        self.look_at_database(packages);
        self.look_at_lists(packages);
    }

    /// To be called before each look at what is installed only: of lists that another has fetched since they were looked at
    /// nothing is known yet.
    pub fn look_at_database(&self, packages: &dyn Packages) {
        self.seen().database = packages.stamp();
    }

    /// To be called before each look at the lists only.
    pub fn look_at_lists(&self, packages: &dyn Packages) {
        self.seen().lists = packages.lists_stamp();
    }

    /// Whether the last repair missed something that other lists of packages may have.
    pub fn misses_lists(&self) -> bool {
        self.misses_lists.load(Ordering::SeqCst)
    }

    /// Whether it could not fetch them.
    pub fn not_fetched(&self) -> bool {
        self.not_fetched.load(Ordering::SeqCst)
    }

    /// Says both.
    pub fn miss_lists(&self, misses: bool, not_fetched: bool) {
        self.misses_lists.store(misses, Ordering::SeqCst);
        self.not_fetched.store(not_fetched, Ordering::SeqCst);
    }

    /// Whether a member is as wanted.
    pub fn judge(&self, member: u32, is_fine: bool) {
        let mut fine = self.fine.lock().unwrap_or_else(PoisonError::into_inner);
        if is_fine {
            fine.insert(member);
        } else {
            fine.remove(&member);
        }
    }

    /// Whether a member was as wanted when it was last looked at.
    pub fn was_fine(&self, member: u32) -> bool {
        self.fine.lock().unwrap_or_else(PoisonError::into_inner).contains(&member)
    }

    /// A repair begins: what happens is its own doing until it has ended, or was given up.
    pub fn begin(&self) -> Repairing<'_> {
        self.repairs.store(true, Ordering::SeqCst);
        Repairing(self)
    }

    /// Whether an event is news.
    pub fn is_news(&self, marks: Marks, packages: &dyn Packages) -> bool {
        if self.repairs.load(Ordering::SeqCst) {
            return false;
        }
        let (seen, now) = (*self.seen(), Seen::now(packages));
        match marks {
            // Within a transaction nothing is as it will be; its end is an event too.
            Marks::Change if packages.holder().is_some() => false,
            Marks::Change | Marks::Ends => seen.database.is_none() || seen.database != now.database,
            Marks::Lists => seen.lists.is_none() || seen.lists != now.lists,
        }
    }
}

/// A repair under way.
#[derive(Debug)]
pub(super) struct Repairing<'a>(&'a Looked);

impl Repairing<'_> {
    /// It has ended. Whether something happened after its last look, which may not have been its doing.
    pub fn end(self, packages: &dyn Packages, is_done: bool) -> bool {
        let now = Seen::now(packages);
        let before = std::mem::replace(&mut *self.0.seen(), now);
        is_done && before != now
    }
}

impl Drop for Repairing<'_> {
    fn drop(&mut self) {
        self.0.repairs.store(false, Ordering::SeqCst);
    }
}

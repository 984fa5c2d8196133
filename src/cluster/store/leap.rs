//! A store that begins a new life: its revision leaps ahead, and what was before cannot be asked for any more.

use super::Store;
use super::id::Revision;

/// How far a recovered store's revision leaps, in revisions: more than were ever acknowledged and lost, however long ago
/// the copy was made that it is recovered from. What etcd's documents name for the same purpose.
pub const LEAP: u64 = 1_000_000_000;

/// How many versions are looked at in one step.
const STEP: usize = 100_000;

impl Store {
    /// Raises the revision by so many, and compacts all that was before: who has seen the store's former future, of which
    /// this copy knows nothing, is told that it is gone, and reads anew. The keys stay as they are.
    ///
    /// Returns the new revision; `None`: there is no such number, and nothing has changed.
    pub fn leap(&mut self, by: u64) -> Option<Revision> {
        let ahead = i64::try_from(by).ok().and_then(|by| self.revision.0.checked_add(by))?;
        let before = std::mem::replace(&mut self.revision, Revision(ahead));
        if self.compact(self.revision).is_err() {
            // Only if it did not move: by nothing, to what is compacted already.
            self.revision = before;
        }
        while self.compact_step(STEP) {}
        Some(self.revision)
    }

    /// Forgets the alarms: they were raised by members that are none any more. Who still has reason raises its own anew.
    pub fn forget_alarms(&mut self) {
        self.alarms.clear();
    }
}

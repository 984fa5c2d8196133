//! The newest entries, in memory: those that were not applied yet, and some before them for members that are late. Who
//! is later than that gets a snapshot.

use std::cell::Cell;
use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};

use super::{convert, wire};

/// What an entry costs in memory beside its content, and more than in a message.
const ENTRY_BYTES: u64 = 96;

/// What is kept behind a snapshot: as much as both bounds permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// Entries.
    pub entries: u64,
    /// Bytes of entries.
    pub bytes: u64,
}

/// What a member finds on its disk when it starts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// The newest hard state; zeros at the very first start.
    pub hard_state: wire::HardState,
    /// The newest snapshot, with what tells others where to find it. Its state is in the state machine already.
    pub snapshot: Option<wire::Snapshot>,
    /// The entries behind it, without a gap. Entries that it holds may come first.
    pub entries: Vec<wire::Entry>,
}

impl Saved {
    /// The first state of each member of a new cluster, to be written before the first start.
    ///
    /// As etcd does it: one change per member, committed in term 1, so that the log tells who the members are. Each
    /// member must be given the same changes in the same order.
    pub fn new_cluster(members: &[wire::ConfChange]) -> Self {
        let entries: Vec<wire::Entry> = (1_u64..)
            .zip(members)
            .map(|(index, change)| wire::Entry {
                r#type: wire::EntryType::ConfChange.into(),
                term: 1,
                index,
                data: prost::Message::encode_to_vec(change).into(),
            })
            .collect();
        let commit = entries.len() as u64;
        Self { hard_state: wire::HardState { term: 1, vote: 0, commit }, snapshot: None, entries }
    }
}

/// What is wrong with a log that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// An entry does not follow the one before it.
    #[error("entry {found} of the log follows entry {before}")]
    Gap {
        /// The entry before, or the snapshot.
        before: u64,
        /// What came next.
        found: u64,
    },
    /// More is known to be committed than there is.
    #[error("the log ends at entry {last}, but entries up to {commit} were committed")]
    Short {
        /// The last entry.
        last: u64,
        /// What the hard state says.
        commit: u64,
    },
}

/// The log, as the `raft` crate reads it.
#[derive(Debug)]
pub(super) struct Log {
    /// The entry before the first: gone, but for its term.
    before: (u64, u64),
    entries: VecDeque<Entry>,
    /// Of all entries.
    bytes: u64,
    /// Of the entries behind the snapshot.
    new_bytes: u64,
    snapshot: Option<Snapshot>,
    /// A member needs a newer snapshot than there is.
    wanted: Cell<bool>,
    /// What Raft is to start from.
    start: (HardState, ConfState),
}

fn cost(entry: &Entry) -> u64 {
    entry.data.len() as u64 + ENTRY_BYTES
}

impl Log {
    /// The log as it was found on disk.
    pub(super) fn new(saved: &Saved) -> Result<Self, LogError> {
        let snapshot = saved.snapshot.as_ref().map(convert::snapshot_to_raft);
        let metadata = snapshot.as_ref().map(|snapshot| snapshot.get_metadata().clone()).unwrap_or_default();
        let mut log = Self {
            before: (metadata.index, metadata.term),
            entries: VecDeque::new(),
            bytes: 0,
            new_bytes: 0,
            snapshot,
            wanted: Cell::new(false),
            start: Default::default(),
        };
        for entry in &saved.entries {
            if entry.index <= metadata.index {
                continue;
            }
            let last = log.last();
            if entry.index != last + 1 {
                return Err(LogError::Gap { before: last, found: entry.index });
            }
            log.push(convert::entry_to_raft(entry));
        }
        let mut hard_state = convert::hard_state_to_raft(&saved.hard_state);
        // A snapshot tells of a commit, and of a term, before the hard state does.
        hard_state.commit = hard_state.commit.max(metadata.index);
        hard_state.term = hard_state.term.max(metadata.term);
        if hard_state.commit > log.last() {
            return Err(LogError::Short { last: log.last(), commit: hard_state.commit });
        }
        log.start = (hard_state, metadata.get_conf_state().clone());
        Ok(log)
    }

    /// The index of the snapshot; 0 without one.
    pub(super) fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.get_metadata().index)
    }

    /// The first entry that is here, or the one to come.
    pub(super) fn first(&self) -> u64 {
        self.before.0 + 1
    }

    /// The last entry; what went before if there is none.
    pub(super) fn last(&self) -> u64 {
        self.before.0 + self.entries.len() as u64
    }

    /// Whether a member needs a newer snapshot than there is.
    pub(super) fn wants_snapshot(&self) -> bool {
        self.wanted.get()
    }

    /// Bytes of the entries behind the snapshot.
    pub(super) fn new_bytes(&self) -> u64 {
        self.new_bytes
    }

    fn position(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first())?).ok()
    }

    fn push(&mut self, entry: Entry) {
        let cost = cost(&entry);
        self.bytes += cost;
        if entry.index > self.snapshot_index() {
            self.new_bytes += cost;
        }
        self.entries.push_back(entry);
    }

    /// Adds entries in the place of all from the first one's index on.
    pub(super) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let keep = self.position(first.index).expect("what is compacted is committed, and never replaced");
        assert!(keep <= self.entries.len(), "entries are appended without a gap");
        while self.entries.len() > keep {
            let gone = self.entries.pop_back().expect("it is longer");
            self.bytes -= cost(&gone);
            if gone.index > self.snapshot_index() {
                self.new_bytes -= cost(&gone);
            }
        }
        entries.iter().for_each(|entry| self.push(entry.clone()));
    }

    /// Starts anew behind a snapshot that a leader sent.
    pub(super) fn install(&mut self, snapshot: Snapshot) {
        self.before = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        self.entries.clear();
        self.bytes = 0;
        self.new_bytes = 0;
        self.snapshot = Some(snapshot);
    }

    /// Forgets entries up to this one, but for as many as `keep` permits: they are on disk, and in the state machine.
    pub(super) fn trim(&mut self, up_to: u64, keep: CatchUp) {
        while self.entries.len() as u64 > keep.entries || self.bytes > keep.bytes {
            let Some(entry) = self.entries.pop_front_if(|entry| entry.index <= up_to) else { break };
            self.before = (entry.index, entry.term);
            self.bytes -= cost(&entry);
        }
    }

    /// Takes a snapshot of what was applied here, and forgets what it makes needless.
    pub(super) fn compact(&mut self, snapshot: Snapshot, keep: CatchUp) {
        let index = snapshot.get_metadata().index;
        if index <= self.snapshot_index() || index > self.last() {
            return;
        }
        self.snapshot = Some(snapshot);
        self.wanted.set(false);
        let behind = self.position(index + 1).unwrap_or(0);
        self.new_bytes = self.entries.range(behind..).map(cost).sum();
        let mut old_bytes = self.bytes - self.new_bytes;
        let mut old = behind as u64;
        while let Some(entry) = self.entries.front() {
            if old == 0 || (old <= keep.entries && old_bytes <= keep.bytes) {
                break;
            }
            self.before = (entry.index, entry.term);
            old -= 1;
            old_bytes -= cost(entry);
            self.bytes -= cost(entry);
            self.entries.pop_front();
        }
        self.entries.shrink_to(self.entries.len() * 2);
    }
}

impl Storage for Log {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState { hard_state: self.start.0.clone(), conf_state: self.start.1.clone() })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let Some(from) = self.position(low) else { return Err(Error::Store(StorageError::Compacted)) };
        let Some(to) = self.position(high).filter(|to| *to <= self.entries.len()) else {
            return Err(Error::Store(StorageError::Unavailable));
        };
        let most = max_size.into().unwrap_or(u64::MAX);
        let mut size = 0;
        let fit = self.entries.range(from..to).take_while(|entry| {
            let first = size == 0;
            size += cost(entry);
            first || size <= most
        });
        Ok(fit.cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before.0 {
            return Ok(self.before.1);
        }
        let Some(at) = self.position(index) else { return Err(Error::Store(StorageError::Compacted)) };
        self.entries.get(at).map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first())
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// A member ignores a snapshot that does not know it, so one from before it was added will not do; nor will one
    /// whose next entry is gone.
    fn snapshot(&self, at_least: u64, to: u64) -> raft::Result<Snapshot> {
        let snapshot = self.snapshot.as_ref().filter(|snapshot| {
            let metadata = snapshot.get_metadata();
            let members = metadata.get_conf_state();
            let lists = [&members.voters, &members.learners, &members.voters_outgoing];
            metadata.index >= at_least.max(self.before.0) && lists.iter().any(|list| list.contains(&to))
        });
        self.wanted.set(self.wanted.get() || snapshot.is_none());
        snapshot.cloned().ok_or(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64, bytes: usize) -> wire::Entry {
        wire::Entry { term, index, data: vec![0; bytes].into(), ..Default::default() }
    }

    fn snapshot(index: u64, term: u64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.mut_metadata().index = index;
        snapshot.mut_metadata().term = term;
        snapshot
    }

    fn log(last: u64) -> Log {
        let entries = (1..=last).map(|index| entry(index, 1, 4)).collect();
        Log::new(&Saved { entries, ..Default::default() }).unwrap()
    }

    const ALL: CatchUp = CatchUp { entries: u64::MAX, bytes: u64::MAX };

    #[test]
    fn a_gap_in_what_was_found_is_an_error() {
        let saved = Saved { entries: vec![entry(1, 1, 0), entry(3, 1, 0)], ..Default::default() };
        assert_eq!(Log::new(&saved).unwrap_err(), LogError::Gap { before: 1, found: 3 });
    }

    #[test]
    fn a_log_without_what_it_committed_is_an_error() {
        let mut saved = Saved { entries: vec![entry(1, 1, 0)], ..Default::default() };
        saved.hard_state.commit = 2;
        assert_eq!(Log::new(&saved).unwrap_err(), LogError::Short { last: 1, commit: 2 });
    }

    #[test]
    fn new_entries_replace_what_they_contradict() {
        let mut log = log(5);
        log.append(&[convert::entry_to_raft(&entry(3, 2, 4))]);
        assert_eq!((log.last(), log.term(3)), (3, Ok(2)));
        assert_eq!(log.bytes, 3 * (4 + ENTRY_BYTES));
        assert_eq!(log.new_bytes, log.bytes);
    }

    #[test]
    fn compaction_keeps_the_entries_that_late_members_may_want() {
        let mut log = log(10);
        log.compact(snapshot(8, 1), CatchUp { entries: 3, ..ALL });
        assert_eq!((log.first(), log.last(), log.term(5)), (6, 10, Ok(1)));
        assert_eq!(log.new_bytes(), 2 * (4 + ENTRY_BYTES));
        assert_eq!(log.term(4), Err(Error::Store(StorageError::Compacted)));
    }

    #[test]
    fn compaction_keeps_no_more_bytes_than_it_may() {
        let mut log = log(10);
        log.compact(snapshot(8, 1), CatchUp { bytes: 2 * (4 + ENTRY_BYTES), ..ALL });
        assert_eq!((log.first(), log.last()), (7, 10));
    }

    #[test]
    fn what_was_applied_is_forgotten_without_a_snapshot_and_a_late_member_asks_for_one() {
        let mut log = log(10);
        log.trim(6, CatchUp { entries: 2, ..ALL });
        assert_eq!((log.first(), log.last(), log.term(6)), (7, 10, Ok(1)));
        log.trim(9, CatchUp { entries: 2, ..ALL });
        assert_eq!(log.first(), 9);
        assert_eq!(log.new_bytes(), 10 * (4 + ENTRY_BYTES), "they are on disk still");
        log.compact(snapshot(7, 1), ALL);
        assert!(log.snapshot(0, 2).is_err() && log.wants_snapshot());
    }

    #[test]
    fn an_older_snapshot_changes_nothing() {
        let mut log = log(10);
        log.compact(snapshot(8, 1), ALL);
        log.compact(snapshot(6, 1), CatchUp { entries: 0, bytes: 0 });
        assert_eq!((log.first(), log.snapshot_index()), (1, 8));
    }

    #[test]
    fn one_entry_is_given_however_long_it_is() {
        let log = log(10);
        let given = |most: u64| log.entries(2, 8, most, GetEntriesContext::empty(false)).unwrap().len();
        assert_eq!(given(0), 1);
        assert_eq!(given(2 * (4 + ENTRY_BYTES)), 2);
        assert_eq!(given(u64::MAX), 6);
    }
}

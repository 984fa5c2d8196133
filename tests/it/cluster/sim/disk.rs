//! A member's disk: the real log's bytes, and what a crash makes of those that were not synced.

use std::collections::BTreeMap;

use bytes::Bytes;
use fastrand::Rng;
use mgmt::cluster::disk::wal::encoder::Encoder;
use mgmt::cluster::disk::wal::replay::{Place, Replay, Wanted};
use mgmt::cluster::raft::wire::{Entry, Snapshot, SnapshotMetadata, WalMetadata, WalSnapshot};
use mgmt::cluster::raft::{Input, Save, Saved};

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// Something to be written.
#[derive(Debug)]
enum Job {
    Save(Save),
    /// A snapshot's body is there; the log is to know it.
    Mark(SnapshotMetadata, u64),
}

/// A sync under way.
#[derive(Debug)]
struct Sync {
    number: u64,
    length: usize,
    /// Nobody wants it synced.
    idle: bool,
    entries: Vec<Entry>,
    answers: Vec<Input>,
}

#[derive(Debug)]
pub struct Disk {
    bytes: Vec<u8>,
    synced: usize,
    encoder: Encoder,
    queue: Vec<Job>,
    sync: Option<Sync>,
    syncs: u64,
    /// Bodies of snapshots by index.
    pub bodies: BTreeMap<u64, Bytes>,
}

fn mark(metadata: &SnapshotMetadata) -> WalSnapshot {
    let conf_state = Some(metadata.conf_state.clone());
    WalSnapshot { index: metadata.index, term: metadata.term, conf_state }
}

/// What another member is told of a snapshot.
pub fn name(index: u64) -> Bytes {
    index.to_le_bytes().to_vec().into()
}

impl Disk {
    /// A new member's, with what it is to start from.
    pub fn new(member: u64, saved: &Saved) -> Self {
        let mut encoder = Encoder::new(0);
        encoder.checksum();
        encoder.metadata(&WalMetadata { node_id: member, cluster_id: 1 });
        encoder.snapshot(&WalSnapshot::default());
        saved.entries.iter().for_each(|entry| encoder.entry(entry));
        encoder.state(&saved.hard_state);
        let bytes = encoder.bytes().to_vec();
        encoder.clear();
        let (synced, bodies) = (bytes.len(), BTreeMap::new());
        Self { bytes, synced, encoder, queue: Vec::new(), sync: None, syncs: 0, bodies }
    }

    pub fn save(&mut self, save: Save) {
        self.queue.push(Job::Save(save));
    }

    /// A snapshot's body is written and synced; its place in the log is not.
    pub fn keep(&mut self, metadata: SnapshotMetadata, body: Bytes) {
        let size = body.len() as u64;
        self.bodies.insert(metadata.index, body);
        self.queue.push(Job::Mark(metadata, size));
    }

    /// Writes what waits, if the writer is free; the number of the sync that begins then, and whether it is needed.
    pub fn begin(&mut self) -> Option<(u64, bool)> {
        if self.sync.is_some() || self.queue.is_empty() {
            return None;
        }
        let mut idle = true;
        let mut answers = Vec::new();
        let mut entries = Vec::new();
        let mut number = None;
        for job in std::mem::take(&mut self.queue) {
            match job {
                Job::Save(save) => {
                    idle &= !save.must_sync;
                    save.snapshot
                        .iter()
                        .for_each(|snapshot| self.encoder.snapshot(&mark(&snapshot.metadata)));
                    save.behind_snapshot().iter().for_each(|state| self.encoder.state(state));
                    save.entries.iter().for_each(|entry| self.encoder.entry(entry));
                    save.hard_state.iter().for_each(|state| self.encoder.state(state));
                    number = Some(save.number);
                    entries.extend(save.entries);
                }
                Job::Mark(metadata, size) => {
                    idle = false;
                    self.encoder.snapshot(&mark(&metadata));
                    answers.push(Input::SnapshotMade { data: name(metadata.index), metadata, size });
                }
            }
        }
        answers.extend(number.map(|number| Input::Persisted { number }));
        self.bytes.extend_from_slice(self.encoder.bytes());
        self.encoder.clear();
        self.syncs += 1;
        self.sync = Some(Sync { number: self.syncs, length: self.bytes.len(), idle, entries, answers });
        Some((self.syncs, !idle))
    }

    /// Whether a sync goes on.
    pub fn syncs(&self, number: u64) -> bool {
        self.sync.as_ref().is_some_and(|sync| sync.number == number)
    }

    /// A sync is done; the entries that are on disk now, and what the replica is told.
    pub fn done(&mut self, number: u64) -> (Vec<Entry>, Vec<Input>) {
        let Some(sync) = self.sync.take_if(|sync| sync.number == number) else { return Default::default() };
        if !sync.idle {
            self.synced = sync.length;
        }
        (sync.entries, sync.answers)
    }

    /// The power goes: what was not synced is kept, lost, cut at a byte, or lost sector by sector.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.queue.clear();
        self.sync = None;
        let unsynced = self.synced..self.bytes.len();
        match rng.u32(0..4) {
            0 => {}
            1 => self.bytes.truncate(self.synced),
            2 => return self.bytes.truncate(rng.usize(unsynced.start..=unsynced.end)),
            _ => {
                let mut at = unsynced.start;
                while at < unsynced.end {
                    let next = unsynced.end.min((at / SECTOR + 1) * SECTOR);
                    if rng.bool() {
                        self.bytes[at..next].fill(0);
                    }
                    at = next;
                }
            }
        }
        // What is reserved and not written.
        self.bytes.resize(self.bytes.len() + 2 * SECTOR, 0);
    }

    /// What a member starts from.
    pub fn recover(&mut self) -> Result<Saved, String> {
        let read = |wanted| {
            let mut replay = Replay::new(wanted);
            let end = replay.segment(&self.bytes, Place::Newest).map_err(|broken| format!("{broken:?}"))?;
            Ok::<_, String>((replay, end.offset))
        };
        let (marks, end) = read(Wanted::Marks)?;
        // Not the last: making one takes a while, and a leader may have sent a newer one meanwhile.
        let committed = marks.marks.iter().filter(|mark| mark.index <= marks.state.commit);
        let newest = committed.max_by_key(|mark| mark.index);
        let newest = newest.cloned().unwrap_or_default();
        let (replay, _) = read(Wanted::EntriesAbove(newest.index))?;
        self.bytes.truncate(end);
        self.synced = end;
        self.encoder = Encoder::new(replay.crc());
        let snapshot = (newest.index > 0).then(|| Snapshot {
            data: name(newest.index),
            metadata: SnapshotMetadata {
                conf_state: newest.conf_state.clone().unwrap_or_default(),
                index: newest.index,
                term: newest.term,
            },
        });
        Ok(Saved { hard_state: replay.state, snapshot, entries: replay.entries })
    }
}

//! The log on a real disk, on one that fails, and after accidents.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::cluster::raft::wire::{ConfState, Entry, HardState};

mod accidents;
mod failing;
mod mutation;
mod writing;

const WHOSE: Metadata = Metadata { node_id: 0xab, cluster_id: 0xcd };

fn entry(index: u64, data: &[u8]) -> Entry {
    Entry { term: 1, index, data: data.to_vec().into(), ..Entry::default() }
}

fn state(commit: u64) -> HardState {
    HardState { term: 1, vote: 0xab, commit }
}

fn mark(index: u64) -> SnapshotMark {
    let conf_state = ConfState { voters: vec![0xab], ..ConfState::default() };
    SnapshotMark { index, term: 1, conf_state: Some(conf_state) }
}

/// Segments so small that tests have several.
fn small() -> Options {
    Options { segment_bytes: 64 << 10, ..Options::default() }
}

struct Scratch {
    _dir: tempfile::TempDir,
    wal: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { wal: dir.path().join("wal"), _dir: dir }
    }

    fn create(&self) -> Wal {
        Wal::create_with(&self.wal, WHOSE, small()).unwrap()
    }

    fn open(&self) -> Result<(Wal, Recovered), WalError> {
        Wal::open_with(&self.wal, &SnapshotMark::default(), small())
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(&self.wal).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn newest(&self) -> PathBuf {
        self.segments().pop().unwrap()
    }
}

fn indices(recovered: &Recovered) -> Vec<u64> {
    recovered.entries.iter().map(|entry| entry.index).collect()
}

/// Changes a file's bytes.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Where each frame of a segment begins, and where the last ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut decoder = decoder::Decoder::new(bytes, None);
    let mut offsets = vec![0];
    while let decoder::Step::Record(_) = decoder.step() {
        offsets.push(decoder.offset());
    }
    offsets
}

//! The hub against the real kernel.
//!
//! That something happened is waited for; that nothing happened is shown by a sentinel, an event of another path that
//! comes after it. No test waits for time to pass.

mod bulk;
mod contents;
mod dirs;
mod echoes;
mod interleavings;
mod limits;
mod links;
mod mounts;
mod names;
mod recursive;
mod stress;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::live::{self, Open};
use super::{Hub, HubStats};
use crate::engine::Stamp;
use crate::engine::path_watch::{Interest, PathEvent, PathGuard, PathSink, PathWatch};
use crate::resources::host::stamp::stamp_of;

/// Only a failure takes this long.
const TOO_LONG: Duration = Duration::from_secs(20);

const SENTINEL: &str = "sentinel";

/// A hub and a scratch folder.
struct Scene {
    // Before the folder: the hub should not watch it go.
    hub: Arc<Hub>,
    dir: TempDir,
    send: Mutex<Sender<(String, PathEvent)>>,
    events: Receiver<(String, PathEvent)>,
    guards: Vec<(String, PathGuard)>,
    even: bool,
}

impl Scene {
    fn new() -> Self {
        Self::with(Box::new(live::open))
    }

    fn with(open: Open) -> Self {
        let (send, events) = channel();
        let dir = tempfile::tempdir().unwrap();
        // Before anything is watched: its creation is no event.
        fs::write(dir.path().join(SENTINEL), "").unwrap();
        let hub = Hub::with(open, Duration::from_millis(5));
        Self { hub, dir, send: Mutex::new(send), events, guards: Vec::new(), even: false }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sink(&self, label: &str) -> PathSink {
        let (label, send) = (label.to_owned(), self.send.lock().unwrap().clone());
        Arc::new(move |event| drop(send.send((label.clone(), event))))
    }

    /// Watches a path below the scratch folder; its name is the label of its events.
    fn watch(&mut self, name: &str, interest: Interest) {
        self.watch_at(name, &self.path(name), interest);
    }

    fn watch_at(&mut self, label: &str, path: &Path, interest: Interest) {
        let guard = self.hub.watch(path, interest, self.sink(label)).unwrap();
        self.guards.push((label.to_owned(), guard));
    }

    fn end(&mut self, label: &str) {
        self.guards.retain(|(other, _)| other != label);
    }

    #[track_caller]
    fn next(&self) -> (String, PathEvent) {
        self.events.recv_timeout(TOO_LONG).expect("an event")
    }

    /// All events of what was done before this call.
    #[track_caller]
    fn all(&mut self) -> Vec<(String, PathEvent)> {
        if !self.guards.iter().any(|(label, _)| label == SENTINEL) {
            self.watch(SENTINEL, Interest::SELF);
        }
        let mut seen = Vec::new();
        // Twice: what is found out about a directory is told after an event that was read with it.
        for _ in 0..2 {
            self.round(&mut seen);
        }
        seen
    }

    /// Waits for an event of the sentinel that is no older than this call.
    #[track_caller]
    fn round(&mut self, seen: &mut Vec<(String, PathEvent)>) {
        let path = self.path(SENTINEL);
        loop {
            self.even = !self.even;
            // Exactly one report of the kernel.
            chmod(&path, if self.even { 0o600 } else { 0o644 });
            let event = loop {
                let event = self.next();
                if event.0 == SENTINEL {
                    break event.1;
                }
                seen.push(event);
            };
            // Else it is one more than was asked for, as everyone is told when the kernel loses events.
            if event.stamp == Some(self.stamp(SENTINEL)) {
                return;
            }
        }
    }

    /// The labels of those who were told of what was done before this call, each once, in order.
    #[track_caller]
    fn told(&mut self) -> Vec<String> {
        let mut labels: Vec<String> = self.all().into_iter().map(|(label, _)| label).collect();
        labels.sort();
        labels.dedup();
        labels
    }

    /// Waits until these were told, in the order of their labels; nobody else was.
    #[track_caller]
    fn tells<const N: usize>(&mut self, expected: [&str; N]) {
        let mut told = BTreeSet::new();
        while !expected.iter().all(|label| told.contains(*label)) {
            told.insert(self.next().0);
        }
        told.extend(self.told());
        told.remove(SENTINEL);
        assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn quiet(&mut self) {
        assert_eq!(self.told(), [""; 0]);
    }

    fn stats(&self) -> HubStats {
        self.hub.stats()
    }

    /// The stamp that a writer would record now.
    fn stamp(&self, name: &str) -> Stamp {
        stamp_of(rustix::fs::lstat(self.path(name)).ok().as_ref())
    }
}

fn chmod(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

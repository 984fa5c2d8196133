//! What events have told, and those who wait for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use zbus::message::Message;

use super::super::jobs::Jobs;
use super::super::rows::Rows;
use super::super::scan::Folder;
use super::super::signals::{self, Signal};
use super::super::{Change, ChangeSink, UnitName};
use crate::engine::path_watch::PathGuard;
use crate::resources::host::bus::Listener;
use crate::resources::host::observer::Observer;

/// What is known of a service manager until the next event.
#[derive(Default)]
pub(super) struct Known {
    rows: Mutex<Rows>,
    jobs: Mutex<Jobs>,
    /// Raised by each event, for those who wait for a state.
    tick: watch::Sender<u64>,
    /// Whether unit files are being read again.
    reloading: watch::Sender<bool>,
    /// What is in the folders of unit files.
    pub folders: Observer<Vec<Folder>>,
    /// When all unit files were last read, in microseconds since 1970.
    pub read_at: Observer<u64>,
    guards: Mutex<Vec<PathGuard>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.rows)
    }

    pub fn jobs(&self) -> MutexGuard<'_, Jobs> {
        lock(&self.jobs)
    }

    /// The watches of unit files.
    pub fn guards(&self) -> MutexGuard<'_, Vec<PathGuard>> {
        lock(&self.guards)
    }

    pub fn ticks(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }

    /// Returns once no unit files are being read, or after so long.
    pub async fn reloaded(&self, limit: Duration) {
        let mut reloading = self.reloading.subscribe();
        // In vain: then the next call says what is wrong.
        let _ = tokio::time::timeout(limit, reloading.wait_for(|reloading| !reloading)).await;
    }

    /// We have changed a unit ourselves.
    pub fn mark_changed(&self, unit: &str) {
        // Whoever follows it hears of it from systemd.
        let _ = self.rows().changed(unit);
    }

    /// All may be otherwise by now.
    pub fn all_stale(&self) -> Vec<ChangeSink> {
        self.folders.changed();
        self.read_at.changed();
        self.rows().all_changed()
    }

    /// Something happened to a unit file.
    pub fn files_changed(&self) {
        self.folders.changed();
        let sinks = self.rows().all_changed();
        self.tell(sinks, Change::Any);
    }

    fn unit_changed(&self, unit: &str) {
        let sinks = self.rows().changed(unit);
        // While files are read, units come and go; once they are read all are told.
        if *self.reloading.borrow() {
            self.tell(Vec::new(), Change::State);
        } else {
            self.tell(sinks, Change::State);
        }
    }

    fn tell(&self, sinks: Vec<ChangeSink>, change: Change) {
        self.tick.send_modify(|tick| *tick += 1);
        for sink in sinks {
            sink(change);
        }
    }
}

impl Listener for Known {
    fn up(&self, is_anew: bool) {
        self.reloading.send_replace(false);
        let sinks = self.all_stale();
        // Those who have the first connection opened are about to ask.
        self.tell(if is_anew { sinks } else { Vec::new() }, Change::Any);
    }

    fn down(&self) {
        self.reloading.send_replace(false);
        self.jobs().lose();
        let _ = self.all_stale();
        self.tell(Vec::new(), Change::Any);
    }

    fn signal(&self, message: &Message) {
        match signals::read(message) {
            Some(Signal::Unit(unit)) => self.unit_changed(&unit),
            Some(Signal::JobRemoved { job, unit, result }) => {
                self.jobs().end(job, result, Instant::now());
                self.unit_changed(&unit);
            }
            Some(Signal::Reloading(true)) => {
                self.reloading.send_replace(true);
            }
            Some(Signal::Reloading(false)) => {
                self.reloading.send_replace(false);
                let sinks = self.all_stale();
                self.tell(sinks, Change::Any);
            }
            Some(Signal::FilesChanged) => self.files_changed(),
            None => {}
        }
    }

    fn is_wanted(&self) -> bool {
        self.rows().is_followed()
    }
}

/// Forgets a unit when it is dropped.
pub(super) struct Mention {
    pub known: Arc<Known>,
    pub unit: UnitName,
}

impl Drop for Mention {
    fn drop(&mut self) {
        self.known.rows().forget(self.unit.as_str());
    }
}

/// Ends the watch of a unit when it is dropped, and with the last one that of the files.
pub(super) struct Follow {
    pub known: Arc<Known>,
    pub unit: UnitName,
    pub number: u64,
}

impl Drop for Follow {
    fn drop(&mut self) {
        let mut rows = self.known.rows();
        rows.unfollow(self.unit.as_str(), self.number);
        let is_last = !rows.is_followed();
        drop(rows);
        if is_last {
            let ended = std::mem::take(&mut *self.known.guards());
            drop(ended);
        }
    }
}

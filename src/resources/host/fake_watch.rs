//! A watch of paths without a file system: tests say what happens.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::path_watch::{
    Interest, PathEvent, PathGuard, PathSink, PathWatch, PathWatchError, Watching,
};

/// Watches nothing; events are fired by path, on the caller's thread.
#[derive(Clone, Default)]
pub struct FakeWatch(Arc<Mutex<Watches>>);

#[derive(Default)]
struct Watches {
    next: u64,
    live: BTreeMap<u64, (PathBuf, Interest, PathSink)>,
}

impl FakeWatch {
    /// Nothing is watched yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Someone else changed `path`: those who watch it, and those who watch a tree that holds it, are told. Returns
    /// how many were.
    pub fn change(&self, path: impl AsRef<Path>) -> usize {
        self.fire(path, PathEvent { stamp: None })
    }

    /// As [`change`](Self::change), with an event of the test's own.
    pub fn fire(&self, path: impl AsRef<Path>, event: PathEvent) -> usize {
        let path = path.as_ref();
        let concerned = |watched: &Path, interest: &Interest| {
            watched == path || (interest.recursive && path.starts_with(watched))
        };
        let sinks: Vec<PathSink> = self
            .lock()
            .live
            .values()
            .filter(|(watched, interest, _)| concerned(watched, interest))
            .map(|(_, _, sink)| sink.clone())
            .collect();
        // Outside of the lock, as the hub does: a sink may watch, or end a watch.
        for sink in &sinks {
            sink(event);
        }
        sinks.len()
    }

    /// What is watched now, in the order in which it began.
    pub fn watched(&self) -> Vec<(PathBuf, Interest)> {
        self.lock().live.values().map(|(path, interest, _)| (path.clone(), *interest)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Watches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PathWatch for FakeWatch {
    fn watch(&self, path: &Path, interest: Interest, sink: PathSink) -> Result<PathGuard, PathWatchError> {
        if !path.is_absolute() {
            return Err(PathWatchError::NotAbsolute(path.to_owned()));
        }
        let mut watches = self.lock();
        let id = watches.next;
        watches.next += 1;
        watches.live.insert(id, (path.to_owned(), interest, sink));
        Ok(PathGuard::new(FakeGuard { watch: self.clone(), id }))
    }
}

impl fmt::Debug for FakeWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakeWatch").field(&self.watched()).finish()
    }
}

struct FakeGuard {
    watch: FakeWatch,
    id: u64,
}

impl Watching for FakeGuard {}

impl Drop for FakeGuard {
    fn drop(&mut self) {
        let ended = self.watch.lock().live.remove(&self.id);
        // The lock is free again here: what the sink holds may end other watches.
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_watchers_of_a_path_and_of_the_tree_around_it_are_told_until_they_leave() {
        let fake = FakeWatch::new();
        let (send, events) = mpsc::channel();
        let sink = |name: &'static str| -> PathSink {
            let send = send.clone();
            Arc::new(move |_| send.send(name).unwrap())
        };
        let file = fake.watch(Path::new("/a/f"), Interest::SELF, sink("file")).unwrap();
        let _tree = fake.watch(Path::new("/a"), Interest::TREE, sink("tree")).unwrap();
        let _dir = fake.watch(Path::new("/a"), Interest::SELF, sink("dir")).unwrap();
        assert_eq!(fake.change("/a/f"), 2);
        assert_eq!(events.try_iter().collect::<Vec<_>>(), ["file", "tree"]);
        drop(file);
        assert_eq!(fake.change("/a/f"), 1);
        assert!(fake.watch(Path::new("a"), Interest::SELF, sink("x")).is_err());
    }
}

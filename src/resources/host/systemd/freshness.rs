//! Whether systemd has read the files of a unit as they are now. Pure.
//!
//! It says so itself (`NeedDaemonReload`), at a call a unit, and wrongly where a folder of drop-ins is new. So it is asked
//! only about units whose files changed after it had read all, and that it was not asked about in that state before.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::files::OnDisk;

/// The kernel's time of a change may lag so far behind the clock, in microseconds: a tick of its coarse clock.
const COARSE: u64 = 10_000;

/// What is known to be read, by unit.
#[derive(Debug, Default)]
pub(super) struct Freshness(HashMap<Box<str>, Known>);

#[derive(Debug, Default)]
struct Known {
    /// The files, and when systemd had read all at that time.
    read: Option<(u64, OnDisk)>,
    /// What was there at some look since: it may have been read, too.
    seen: BTreeSet<PathBuf>,
}

impl Known {
    /// Whether nothing is gone that may have been read.
    fn is_all_there(&self, now: &OnDisk) -> bool {
        let read = self.read.iter().flat_map(|(_, files)| files.paths());
        read.chain(&self.seen).all(|path| now.has(path))
    }

    /// Remembers what is there; nothing is known for sure.
    fn see(&mut self, now: &OnDisk) -> bool {
        self.seen.extend(now.paths().cloned());
        false
    }
}

impl Freshness {
    /// Whether a unit needs no question. `read_at`: when systemd last read all files, 0 if it does not say; `touched`: when
    /// something came to the folders of its files, or left them. In microseconds since 1970.
    pub fn is_sure(&mut self, unit: &str, read_at: u64, now: &OnDisk, touched: u64) -> bool {
        let known = self.0.entry(unit.into()).or_default();
        let is_read = match &known.read {
            Some((at, files)) if *at == read_at => return files == now || known.see(now),
            Some(_) => true,
            // Of what systemd has read and is gone by now no time tells but that of its folder, which is that of many. What
            // enables a unit touches it just before all is read, so that a tick more would mean a question for each.
            None => touched < read_at,
        };
        if is_read && now.newest() + COARSE < read_at && known.is_all_there(now) {
            self.confirm(unit, read_at, now);
            return true;
        }
        known.see(now)
    }

    /// systemd has these files.
    pub fn confirm(&mut self, unit: &str, read_at: u64, now: &OnDisk) {
        self.0.insert(unit.into(), Known { read: Some((read_at, now.clone())), seen: BTreeSet::new() });
    }
}

/// Whether two lists of drop-ins name the same files. Folders above their own are not compared: `/lib` and `/usr/lib` may
/// be one.
pub(super) fn are_same<A: AsRef<Path>, B: AsRef<Path>>(one: &[A], other: &[B]) -> bool {
    fn tails<P: AsRef<Path>>(paths: &[P]) -> Vec<std::path::PathBuf> {
        let tail = |path: &P| {
            let parts: Vec<_> = path.as_ref().iter().rev().take(2).collect();
            parts.into_iter().rev().collect()
        };
        let mut tails: Vec<_> = paths.iter().map(tail).collect();
        tails.sort();
        tails
    }
    tails(one) == tails(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(at: u64) -> OnDisk {
        OnDisk(vec![("/a".into(), at)])
    }

    #[test]
    fn files_that_are_older_than_the_last_reading_need_no_question() {
        let mut freshness = Freshness::default();
        assert!(freshness.is_sure("a", 5_000_000, &files(4_000_000), 0));
        assert!(!freshness.is_sure("b", 5_000_000, &files(4_999_999), 0), "within a tick");
        assert!(!freshness.is_sure("a", 5_000_000, &files(6_000_000), 0), "changed since");
        assert!(!freshness.is_sure("a", 5_000_000, &OnDisk::default(), 0), "gone");
        assert!(freshness.is_sure("a", 7_000_000, &files(6_000_000), 0), "read since");
        assert!(
            !freshness.is_sure("a", 8_000_000, &OnDisk::default(), 0),
            "gone, but perhaps only since it was read"
        );
    }

    #[test]
    fn what_may_have_been_read_and_is_gone_needs_a_question() {
        let drop_in = || OnDisk(vec![("/a".into(), 1), ("/a.d/x".into(), 3_000_000)]);
        let mut freshness = Freshness::default();
        assert!(freshness.is_sure("a", 2_000_000, &files(1), 0));
        assert!(!freshness.is_sure("a", 2_000_000, &drop_in(), 0), "to be read");
        assert!(!freshness.is_sure("a", 4_000_000, &files(1), 0), "it was there just before it was read");
        freshness.confirm("a", 4_000_000, &files(1));
        assert!(freshness.is_sure("a", 5_000_000, &files(1), 0));
        assert!(!freshness.is_sure("new", 5_000_000, &files(1), 6_000_000), "something was there");
        assert!(freshness.is_sure("other", 5_000_000, &files(1), 4_000_000));
    }

    #[test]
    fn a_question_is_asked_once() {
        let mut freshness = Freshness::default();
        assert!(!freshness.is_sure("a", 0, &files(1), 0));
        freshness.confirm("a", 0, &files(1));
        assert!(freshness.is_sure("a", 0, &files(1), 0));
        assert!(!freshness.is_sure("a", 0, &files(2), 0));
    }

    #[test]
    fn drop_ins_are_compared_by_their_own_folder_and_name() {
        let found = ["/lib/systemd/system/a.service.d/1.conf"];
        assert!(are_same(&found, &["/usr/lib/systemd/system/a.service.d/1.conf"]));
        assert!(!are_same(&found, &["/usr/lib/systemd/system/b.service.d/1.conf"]));
        assert!(!are_same(&found, &[] as &[&str]));
    }
}

//! Whether systemd has read the files of a unit as they are now. Pure.
//!
//! It says so itself (`NeedDaemonReload`), at a call a unit, and wrongly where a folder of drop-ins is new. So it is asked
//! only about units whose files changed after it had read all, and that it was not asked about in that state before.

use std::collections::HashMap;
use std::path::Path;

use super::files::OnDisk;

/// The kernel's time of a change may lag so far behind the clock, in microseconds: a tick of its coarse clock.
const COARSE: u64 = 10_000;

/// What is known to be read, by unit: the files, and when systemd had read all at that time.
#[derive(Debug, Default)]
pub(super) struct Freshness(HashMap<Box<str>, (u64, OnDisk)>);

impl Freshness {
    /// Whether a unit needs no question. `read_at`: when systemd last read all files, in microseconds since 1970; 0 if it
    /// does not say.
    pub fn is_sure(&mut self, unit: &str, read_at: u64, now: &OnDisk) -> bool {
        match self.0.get(unit) {
            Some((known_at, known)) if *known_at == read_at => known == now,
            _ => {
                let sure = now.newest() + COARSE < read_at;
                if sure {
                    self.confirm(unit, read_at, now);
                }
                sure
            }
        }
    }

    /// systemd has these files.
    pub fn confirm(&mut self, unit: &str, read_at: u64, now: &OnDisk) {
        self.0.insert(unit.into(), (read_at, now.clone()));
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
        assert!(freshness.is_sure("a", 5_000_000, &files(4_000_000)));
        assert!(!freshness.is_sure("b", 5_000_000, &files(4_999_999)), "within a tick");
        assert!(!freshness.is_sure("a", 5_000_000, &files(6_000_000)), "changed since");
        assert!(!freshness.is_sure("a", 5_000_000, &OnDisk::default()), "gone");
        assert!(freshness.is_sure("a", 7_000_000, &files(6_000_000)), "read since");
    }

    #[test]
    fn a_question_is_asked_once() {
        let mut freshness = Freshness::default();
        assert!(!freshness.is_sure("a", 0, &files(1)));
        freshness.confirm("a", 0, &files(1));
        assert!(freshness.is_sure("a", 0, &files(1)));
        assert!(!freshness.is_sure("a", 0, &files(2)));
    }

    #[test]
    fn drop_ins_are_compared_by_their_own_folder_and_name() {
        let found = ["/lib/systemd/system/a.service.d/1.conf"];
        assert!(are_same(&found, &["/usr/lib/systemd/system/a.service.d/1.conf"]));
        assert!(!are_same(&found, &["/usr/lib/systemd/system/b.service.d/1.conf"]));
        assert!(!are_same(&found, &[] as &[&str]));
    }
}

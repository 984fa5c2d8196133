use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::*;
use crate::resources::host::fs::{Faults, Fs};

/// Answers some operations with an error, so many times.
#[derive(Debug)]
struct Refuse(Mutex<HashMap<&'static str, (Errno, u32)>>);

impl Faults for Refuse {
    fn before(&self, op: &'static str, _: &Path) -> Result<(), Errno> {
        match self.0.lock().unwrap().get_mut(op) {
            Some((answer, times)) if *times > 0 => {
                *times -= 1;
                Err(*answer)
            }
            _ => Ok(()),
        }
    }
}

fn refusing(op: &'static str, answer: Errno, times: u32) -> Bed {
    let mut bed = Bed::new();
    let faults = Arc::new(Refuse(Mutex::new(HashMap::from([(op, (answer, times))]))));
    bed.host = Arc::new(Host { fs: Fs::with_faults(faults), ..Host::over(bed.watch.clone()) });
    bed
}

#[test]
fn a_reader_never_sees_a_part() {
    let bed = Bed::new();
    let contents = ["a".repeat(9000), "b".repeat(11_000)];
    bed.converge("f", &[("content", s(&contents[0]))]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let seen = bed.read("f");
                assert!(contents.contains(&seen), "{} bytes", seen.len());
            }
        });
        for n in 0..500 {
            bed.converge("f", &[("content", s(&contents[(n + 1) % 2]))]);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(bed.names(""), ["f"]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    for op in ["create", "write", "chmod", "rename"] {
        let bed = refusing(op, Errno::NOSPC, 1);
        bed.write("f", "old");
        bed.chmod("f", 0o640);
        let error = bed.fails("f", &[("content", s("new"))]);
        assert!(error.to_string().starts_with(op), "{error}");
        assert!(error.hint().unwrap().contains("full"));
        assert_eq!((bed.read("f").as_str(), bed.names("").len()), ("old", 1), "{op}");
        bed.converge("f", &[("content", s("new"))]);
    }
}

#[test]
fn a_file_that_something_is_mounted_on_is_written_in_place_and_its_echo_is_known() {
    let bed = refusing("rename", Errno::BUSY, 1);
    bed.write("f", "long old content");
    let inode = bed.inode("f");
    let resource = bed.build("f", &[("content", s("new")), ("mode", s("0600"))]);
    let cx = cx();
    let drift = now(resource.check(&cx)).unwrap().drift;
    now(resource.apply(&cx, drift)).unwrap();
    assert_eq!((bed.read("f").as_str(), bed.mode("f"), bed.inode("f")), ("new", 0o600, inode));
    assert!(cx.take_wrote().is_some());
    assert_eq!(bed.names(""), ["f"]);
}

#[test]
fn an_owner_that_cannot_be_given_away_is_kept_by_writing_in_place() {
    if !is_root() {
        return;
    }
    let bed = refusing("keep the owner of", Errno::PERM, 1);
    bed.write("f", "old");
    std::os::unix::fs::chown(bed.path("f"), Some(4711), None).unwrap();
    let inode = bed.inode("f");
    bed.converge("f", &[("content", s("new"))]);
    assert_eq!((bed.read("f").as_str(), bed.inode("f")), ("new", inode));
}

#[test]
fn a_write_whose_temporary_file_was_swept_away_is_done_again() {
    let bed = refusing("rename", Errno::NOENT, 2);
    bed.converge("f", &[("content", s("x"))]);
    assert_eq!((bed.read("f").as_str(), bed.names("")), ("x", vec!["f".to_owned()]));
    let bed = refusing("rename", Errno::NOENT, 3);
    assert!(bed.fails("f", &[("content", s("x"))]).to_string().starts_with("rename"));
}

#[test]
fn leftovers_of_dead_runs_go_at_the_first_write_and_those_being_written_stay() {
    let bed = Bed::new();
    for n in 0..3 {
        bed.write(&format!(".mgmt-0123456789abcdef-{n}"), "half");
    }
    std::os::unix::fs::symlink("x", bed.path(".mgmt-0123456789abcdef-a")).unwrap();
    bed.write(".mgmt-not-one-of-ours", "x");
    let live = fs::File::open(bed.path(".mgmt-0123456789abcdef-2")).unwrap();
    rustix::fs::flock(&live, rustix::fs::FlockOperation::LockExclusive).unwrap();
    bed.converge("f", &[("content", s("x"))]);
    assert_eq!(bed.names(""), [".mgmt-0123456789abcdef-2", ".mgmt-not-one-of-ours", "f"]);
}

#[test]
fn without_openat2_paths_are_walked() {
    let bed = refusing("open", Errno::NOSYS, 1);
    bed.mkdir("d");
    bed.converge("d/f", &[("content", s("x"))]);
    assert_eq!(bed.read("d/f"), "x");
    assert!(bed.fails("none/f", &[("content", s("x"))]).hint().unwrap().contains("declare"));
    assert!(bed.fails("d/f/x", &[("content", s("x"))]).hint().unwrap().contains("declare"));
}

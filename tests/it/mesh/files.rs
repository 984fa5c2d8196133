//! Files that come and change, waited for.

use std::fs;
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::control::host::LONG;

/// Waits until a file holds what it should.
pub fn wait_for(path: &Path, what: &str, is_so: impl Fn(&str) -> bool) {
    let what = format!("{} with {what}", path.display());
    wait_until(path.parent().unwrap(), &what, || fs::read_to_string(path).is_ok_and(|found| is_so(&found)));
}

/// Waits by watching a directory, which is made if it is not there.
fn wait_until(folder: &Path, what: &str, is_so: impl Fn() -> bool) {
    fs::create_dir_all(folder).unwrap();
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    let flags = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&watch, folder, flags).unwrap();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    while !is_so() {
        let patience = Timespec { tv_sec: LONG.as_secs().cast_signed(), tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&patience)).unwrap();
        assert!(ready > 0, "there never was {what}, but {:?}", names(folder));
        while inotify::Reader::new(&watch, &mut buffer).next().is_ok() {}
    }
}

/// Waits until a file in a directory holds all of this.
pub fn wait_for_one_with(folder: &Path, parts: &[&str]) {
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        parts.iter().all(|part| bytes.windows(part.len()).any(|found| found == part.as_bytes()))
    };
    wait_until(folder, &format!("a file with {parts:?}"), || {
        fs::read_dir(folder).unwrap().any(|entry| entry.is_ok_and(|entry| holds(&entry.path())))
    });
}

/// The files of a directory, but for hidden ones.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

//! A disk that is full, or fails.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::device::{Device, Kernel};
use super::*;

/// Refuses what it is told to refuse, as long as it is told so.
#[derive(Debug, Default)]
struct Failing {
    reserve: AtomicBool,
    write: AtomicBool,
    cut: AtomicBool,
    sync: AtomicBool,
}

fn refused(switch: &AtomicBool, errno: rustix::io::Errno) -> io::Result<()> {
    if switch.load(Ordering::Relaxed) { Err(errno.into()) } else { Ok(()) }
}

impl Device for Failing {
    fn reserve(&self, file: &File, length: u64) -> io::Result<()> {
        refused(&self.reserve, rustix::io::Errno::NOSPC)?;
        Kernel.reserve(file, length)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.write.load(Ordering::Relaxed) {
            // Half of it is written, as it is on a full disk.
            Kernel.write(file, &bytes[..bytes.len() / 2], offset)?;
        }
        refused(&self.write, rustix::io::Errno::NOSPC)?;
        Kernel.write(file, bytes, offset)
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        refused(&self.cut, rustix::io::Errno::IO)?;
        Kernel.cut(file, length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        refused(&self.sync, rustix::io::Errno::IO)?;
        Kernel.sync(file)
    }
}

fn failing(scratch: &Scratch) -> (Arc<Failing>, Wal) {
    let device = Arc::new(Failing::default());
    let options = Options { device: Arc::clone(&device) as Arc<dyn Device>, ..small() };
    let mut wal = Wal::create_with(&scratch.wal, WHOSE, options).unwrap();
    wal.append(Some(&state(0)), &[entry(1, b"one")]).unwrap();
    wal.sync().unwrap();
    (device, wal)
}

#[test]
fn a_full_disk_takes_nothing_and_the_log_goes_on_when_there_is_room() {
    let scratch = Scratch::new();
    let (device, mut wal) = failing(&scratch);
    device.write.store(true, Ordering::Relaxed);
    let full = wal.append(Some(&state(1)), &[entry(2, &[7; 3000])]).unwrap_err();
    assert!(matches!(full, WalError::Full { operation: "write", .. }), "{full}");
    device.write.store(false, Ordering::Relaxed);
    wal.append(Some(&state(1)), &[entry(2, b"two")]).unwrap();
    wal.sync().unwrap();
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(recovered.entries, [entry(1, b"one"), entry(2, b"two")]);
    assert_eq!((recovered.state, recovered.cut), (state(1), None));
}

#[test]
fn no_room_for_the_next_segment_refuses_the_batch_and_not_the_log() {
    let scratch = Scratch::new();
    let (device, mut wal) = failing(&scratch);
    device.reserve.store(true, Ordering::Relaxed);
    let mut index = 1;
    let full = loop {
        match wal.append(None, &[entry(index + 1, &[7; 5000])]) {
            Ok(()) => index += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, WalError::Full { operation: "reserve", .. }), "{full}");
    wal.sync().unwrap();
    device.reserve.store(false, Ordering::Relaxed);
    wal.append(None, &[entry(index + 1, b"after")]).unwrap();
    wal.sync().unwrap();
    assert_eq!(wal.segments().count(), 2);
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(indices(&recovered), (1..=index + 1).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let scratch = Scratch::new();
    let (device, mut wal) = failing(&scratch);
    wal.append(None, &[entry(2, b"two")]).unwrap();
    device.sync.store(true, Ordering::Relaxed);
    assert!(matches!(wal.sync(), Err(WalError::Sync { .. })));
    device.sync.store(false, Ordering::Relaxed);
    assert!(matches!(wal.sync(), Err(WalError::Closed { .. })));
    assert!(matches!(wal.append(None, &[entry(3, b"three")]), Err(WalError::Closed { .. })));
    assert!(matches!(wal.mark_snapshot(&mark(1)), Err(WalError::Closed { .. })));
}

#[test]
fn a_half_written_batch_that_cannot_be_taken_back_closes_the_log() {
    let scratch = Scratch::new();
    let (device, mut wal) = failing(&scratch);
    device.write.store(true, Ordering::Relaxed);
    device.cut.store(true, Ordering::Relaxed);
    assert!(matches!(wal.append(None, &[entry(2, &[7; 3000])]), Err(WalError::Full { .. })));
    device.write.store(false, Ordering::Relaxed);
    assert!(matches!(wal.append(None, &[entry(2, b"two")]), Err(WalError::Closed { .. })));
    drop(wal);
    let (_, recovered) = scratch.open().unwrap();
    assert_eq!(indices(&recovered), [1]);
    assert!(recovered.cut.is_some());
}

//! The outbox on disk: what waited when the agent ended, or the power.
//!
//! A file of records, each with its length and checksum. A torn end is what was being written when the power went: it
//! was promised to nobody. A batch is noted before it is sent and when it has arrived, with its number: one that was sent
//! and not noted as arrived is looked up in the store, so that nothing is written twice.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use bytes::Bytes;
use prost::Message as _;

use super::outbox::Write;

/// One line of the journal.
#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(enumeration = "What", tag = "1")]
    what: i32,
    #[prost(bytes = "bytes", tag = "2")]
    key: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    value: Option<Bytes>,
    #[prost(bool, tag = "4")]
    leased: bool,
    /// The number of a batch.
    #[prost(uint64, tag = "5")]
    seq: u64,
    /// The keys of a batch.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    keys: Vec<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
enum What {
    Nothing = 0,
    Waits = 1,
    Sent = 2,
    Arrived = 3,
}

/// What was left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// A batch that may have arrived: its number, and its writes.
    pub sent: Option<(u64, Vec<Write>)>,
    /// What was not sent, in order.
    pub waiting: Vec<Write>,
}

/// The file.
#[derive(Debug)]
pub struct Journal {
    file: File,
    is_empty: bool,
}

impl Journal {
    /// Opens the journal, and reads what was left.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(path: &Path) -> io::Result<(Self, Left)> {
        let mut file = File::options().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (left, sound) = read(&text);
        if sound < text.len() {
            file.set_len(sound as u64)?;
        }
        Ok((Self { file, is_empty: sound == 0 }, left))
    }

    /// Keeps writes that wait: they are on disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep<'w>(&mut self, writes: impl Iterator<Item = &'w Write>) -> io::Result<()> {
        let records = writes.map(|write| Record {
            what: What::Waits.into(),
            key: write.key.clone(),
            value: write.value.clone(),
            leased: write.leased,
            ..Record::default()
        });
        self.append(records)
    }

    /// Notes that what waits for these keys, or something newer, is sent as a batch of this number.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sent(&mut self, seq: u64, keys: Vec<Bytes>) -> io::Result<()> {
        self.append([Record { what: What::Sent.into(), seq, keys, ..Record::default() }].into_iter())
    }

    /// Notes that the batch that was sent has arrived.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn arrived(&mut self, seq: u64) -> io::Result<()> {
        self.append([Record { what: What::Arrived.into(), seq, ..Record::default() }].into_iter())
    }

    /// Forgets everything: nothing waits any more.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&mut self) -> io::Result<()> {
        if !self.is_empty {
            self.file.set_len(0)?;
            self.file.sync_data()?;
            self.is_empty = true;
        }
        Ok(())
    }

    fn append(&mut self, records: impl Iterator<Item = Record>) -> io::Result<()> {
        let mut text = Vec::new();
        for record in records {
            let body = record.encode_to_vec();
            let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            text.extend_from_slice(&length.to_le_bytes());
            text.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
            text.extend_from_slice(&body);
        }
        if text.is_empty() {
            return Ok(());
        }
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // What is there in part would hide what comes after.
            let _ = self.file.set_len(before);
        } else {
            self.is_empty = false;
        }
        written
    }
}

/// What the records say, and how many bytes of them are sound.
fn read(text: &[u8]) -> (Left, usize) {
    let mut left = Left::default();
    let mut at = 0;
    while let Some((record, end)) = record(text, at) {
        at = end;
        match record.what() {
            What::Nothing => {}
            What::Waits => {
                left.waiting.retain(|write| write.key != record.key);
                left.waiting.push(Write { key: record.key, value: record.value, leased: record.leased });
            }
            What::Sent => {
                let is_sent = |write: &Write| record.keys.contains(&write.key);
                let (sent, waiting) = std::mem::take(&mut left.waiting).into_iter().partition(is_sent);
                left.waiting = waiting;
                left.sent = Some((record.seq, sent));
            }
            What::Arrived => left.sent = None,
        }
    }
    (left, at)
}

fn record(text: &[u8], at: usize) -> Option<(Record, usize)> {
    let head = text.get(at..at + 8)?;
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let (length, sum) = (number(&head[..4]) as usize, number(&head[4..]));
    let end = (at + 8).checked_add(length)?;
    let body = text.get(at + 8..end)?;
    (crc32c::crc32c(body) == sum).then(|| Record::decode(body).ok())?.map(|record| (record, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &'static str, value: &'static str) -> Write {
        Write { key: key.into(), value: Some(value.into()), leased: false }
    }

    fn left_in(path: &Path) -> Left {
        Journal::open(path).unwrap().1
    }

    #[test]
    fn what_waits_is_there_again_and_what_has_arrived_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("outbox");
        let (mut journal, left) = Journal::open(&path).unwrap();
        assert_eq!(left, Left::default());
        let (a, b, newer) = (write("a", "1"), write("b", "1"), write("a", "2"));
        journal.keep([&a, &b].into_iter()).unwrap();
        assert_eq!(left_in(&path).waiting, [a.clone(), b.clone()]);
        journal.sent(7, vec!["a".into()]).unwrap();
        journal.keep([&newer].into_iter()).unwrap();
        let left = left_in(&path);
        assert_eq!((left.sent, left.waiting), (Some((7, vec![a])), vec![b.clone(), newer.clone()]));
        journal.arrived(7).unwrap();
        assert_eq!(left_in(&path), Left { sent: None, waiting: vec![b, newer] });
        journal.clear().unwrap();
        assert_eq!(left_in(&path), Left::default());
    }

    #[test]
    fn a_torn_or_damaged_end_is_cut_off_and_what_follows_is_read() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("outbox");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let (a, b) = (write("a", "1"), write("b", "1"));
        journal.keep([&a, &b].into_iter()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() / 2 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, left) = Journal::open(&path).unwrap();
            assert_eq!(left.waiting, std::slice::from_ref(&a), "{cut} bytes less");
            journal.keep([&b].into_iter()).unwrap();
            assert_eq!(left_in(&path).waiting, [a.clone(), b.clone()]);
        }
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(left_in(&path).waiting, [a]);
    }
}

//! Records as bytes: pure, into one buffer that is kept.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::frame::{Extent, Kind};
use crate::cluster::raft::wire::{Entry, HardState, WalMetadata, WalSnapshot};

/// What the buffer may keep after an unusually large batch, in bytes.
const KEPT: usize = 1 << 20;

/// Encodes records one behind the other, each with the checksum over all before it.
#[derive(Debug)]
pub struct Encoder {
    crc: u32,
    buffer: Vec<u8>,
    /// The fields of an entry before its data.
    prefix: Vec<u8>,
}

impl Encoder {
    /// Goes on from a checksum; a new log starts from 0.
    pub fn new(crc: u32) -> Self {
        Self { crc, buffer: Vec::new(), prefix: Vec::new() }
    }

    /// The checksum over all records so far.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// What was encoded since the last [`Self::clear`].
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Empties the buffer, and keeps it.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
    }

    /// Takes back what was encoded since the checksum was `crc`, when nothing of it was written.
    pub fn rewind(&mut self, crc: u32) {
        self.crc = crc;
        self.clear();
    }

    /// The checksum itself: the first record of a segment.
    pub fn checksum(&mut self) {
        self.frame(Kind::Checksum, None);
    }

    /// Whose log it is.
    pub fn metadata(&mut self, metadata: &WalMetadata) {
        let data = metadata.encode_to_vec();
        self.frame(Kind::Metadata, Some([&data, &[]]));
    }

    /// Raft's hard state.
    pub fn state(&mut self, state: &HardState) {
        let mut data = std::mem::take(&mut self.prefix);
        data.clear();
        // A vector grows, so it has room.
        let _ = state.encode(&mut data);
        self.frame(Kind::State, Some([&data, &[]]));
        self.prefix = data;
    }

    /// A snapshot was written.
    pub fn snapshot(&mut self, snapshot: &WalSnapshot) {
        let data = snapshot.encode_to_vec();
        self.frame(Kind::Snapshot, Some([&data, &[]]));
    }

    /// An entry. Its data, which comes last in it, is copied once.
    pub fn entry(&mut self, entry: &Entry) {
        let mut prefix = std::mem::take(&mut self.prefix);
        prefix.clear();
        let bare = Entry { r#type: entry.r#type, term: entry.term, index: entry.index, data: Bytes::new() };
        // A vector grows, so it has room.
        let _ = bare.encode(&mut prefix);
        if !entry.data.is_empty() {
            prefix.push(0x22);
            encode_varint(entry.data.len() as u64, &mut prefix);
        }
        self.frame(Kind::Entry, Some([&prefix, &entry.data]));
        self.prefix = prefix;
    }

    fn frame(&mut self, kind: Kind, data: Option<[&[u8]; 2]>) {
        let mut length = 2;
        if let Some(parts) = data {
            for part in parts {
                self.crc = crc32c::crc32c_append(self.crc, part);
            }
            let data = parts[0].len() + parts[1].len();
            length += 1 + encoded_len_varint(data as u64) + data;
        }
        let crc = u64::from(self.crc);
        let extent = Extent::of(length + 1 + encoded_len_varint(crc));
        self.buffer.extend_from_slice(&extent.header().to_le_bytes());
        self.buffer.extend_from_slice(&[0x08, kind as u8, 0x10]);
        encode_varint(crc, &mut self.buffer);
        if let Some(parts) = data {
            self.buffer.push(0x1a);
            encode_varint((parts[0].len() + parts[1].len()) as u64, &mut self.buffer);
            self.buffer.extend_from_slice(parts[0]);
            self.buffer.extend_from_slice(parts[1]);
        }
        self.buffer.extend_from_slice(&[0; 8][..extent.padding as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::raft::wire::WalRecord;

    /// The same frame by way of the message.
    fn plainly(crc: u32, kind: i64, data: Option<Vec<u8>>) -> (u32, Vec<u8>) {
        let crc = crc32c::crc32c_append(crc, data.as_deref().unwrap_or_default());
        let record = WalRecord { r#type: kind, crc, data: data.map(Bytes::from) }.encode_to_vec();
        let mut frame = Extent::of(record.len()).header().to_le_bytes().to_vec();
        frame.extend(record);
        frame.resize(frame.len().next_multiple_of(8), 0);
        (crc, frame)
    }

    #[test]
    fn records_are_what_their_messages_are() {
        let mut encoder = Encoder::new(0x1234);
        let metadata = WalMetadata { node_id: 1, cluster_id: u64::MAX };
        let state = HardState { term: 3, vote: 1, commit: 9 };
        let snapshot = WalSnapshot { index: 9, term: 2, conf_state: Some(Default::default()) };
        encoder.checksum();
        encoder.metadata(&metadata);
        encoder.snapshot(&snapshot);
        let mut wanted = plainly(0x1234, 4, None);
        for (kind, data) in [(1, metadata.encode_to_vec()), (5, snapshot.encode_to_vec())] {
            let (crc, frame) = plainly(wanted.0, kind, Some(data));
            wanted.0 = crc;
            wanted.1.extend(frame);
        }
        for length in [0, 1, 7, 8, 127, 128, 70_000] {
            let entry = Entry { r#type: 1, term: 2, index: 10, data: vec![7; length].into() };
            encoder.entry(&entry);
            encoder.state(&state);
            for (kind, data) in [(2, entry.encode_to_vec()), (3, state.encode_to_vec())] {
                let (crc, frame) = plainly(wanted.0, kind, Some(data));
                wanted.0 = crc;
                wanted.1.extend(frame);
            }
        }
        assert_eq!((encoder.crc(), encoder.bytes()), (wanted.0, &wanted.1[..]));
    }
}

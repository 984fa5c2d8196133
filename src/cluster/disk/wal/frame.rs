//! The shape of the log on disk: frames, and the record in each.
//!
//! A frame is eight bytes of little-endian header (the record's length, and above it `0x80 | padding` when the record is
//! padded), the record, and zeros up to a multiple of eight. A record is `walpb.Record`.

use prost::encoding::decode_varint;

/// Bytes of a frame before its record.
pub const HEADER: usize = 8;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Whose log it is.
    Metadata = 1,
    /// An entry of Raft's log.
    Entry = 2,
    /// Raft's hard state.
    State = 3,
    /// The checksum so far, without data.
    Checksum = 4,
    /// A snapshot was written.
    Snapshot = 5,
}

impl Kind {
    /// The kind of that number.
    pub fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Metadata,
            2 => Self::Entry,
            3 => Self::State,
            4 => Self::Checksum,
            5 => Self::Snapshot,
            _ => return None,
        })
    }
}

/// How long a frame's record is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The record itself.
    pub record: u64,
    /// Zeros behind it.
    pub padding: u64,
}

impl Extent {
    /// The extent of a record of that many bytes.
    pub fn of(record: usize) -> Self {
        Self { record: record as u64, padding: (8 - record as u64 % 8) % 8 }
    }

    /// The header that says so.
    pub fn header(self) -> u64 {
        let padding = if self.padding == 0 { 0 } else { (0x80 | self.padding) << 56 };
        self.record | padding
    }

    /// Reads a header; none when no writer makes such a one.
    pub fn parse(header: u64) -> Option<Self> {
        let record = header & !(0xff << 56);
        let extent = Self { record, padding: (8 - record % 8) % 8 };
        // The shortest record has a kind and a checksum.
        (record >= 4 && extent.header() == header).then_some(extent)
    }

    /// The frame without its header.
    pub fn body(self) -> u64 {
        self.record + self.padding
    }
}

/// A record, its data where it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the data is: the number of a [`Kind`].
    pub kind: u64,
    /// CRC-32C over all data up to and with this record's.
    pub crc: u32,
    /// The data; empty when absent.
    pub data: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record that these bytes are.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match Self::parse_prefix(bytes)? {
            (record, []) => Some(record),
            _ => None,
        }
    }

    /// Reads the record that begins here, whatever its header said, and what follows it.
    pub fn parse_prefix(mut bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let kind = field(&mut bytes, 0x08)?;
        let crc = u32::try_from(field(&mut bytes, 0x10)?).ok()?;
        if bytes.first() != Some(&0x1a) {
            return Some((Self { kind, crc, data: &[] }, bytes));
        }
        let length = usize::try_from(field(&mut bytes, 0x1a)?).ok()?;
        let (data, rest) = bytes.split_at_checked(length)?;
        Some((Self { kind, crc, data }, rest))
    }

    /// Whether its checksum follows from the one before.
    pub fn follows(&self, crc: u32) -> bool {
        crc32c::crc32c_append(crc, self.data) == self.crc
    }
}

/// The number behind a field's key.
fn field(bytes: &mut &[u8], key: u8) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if *first != key {
        return None;
    }
    *bytes = rest;
    decode_varint(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::raft::wire::WalRecord;
    use bytes::Bytes;
    use prost::Message as _;

    #[test]
    fn a_header_says_length_and_padding() {
        for length in 4..100 {
            let extent = Extent::of(length);
            assert_eq!(Extent::parse(extent.header()), Some(extent));
            assert_eq!(extent.body() % 8, 0);
        }
        assert_eq!(Extent::of(21).header(), 21 | 0x83 << 56);
    }

    #[test]
    fn a_header_that_nobody_writes_is_refused() {
        for header in [0, 3, 21, 16 | 0x80 << 56, 21 | 0x82 << 56, 21 | 0x43 << 56, u64::MAX] {
            assert_eq!(Extent::parse(header), None, "{header:x}");
        }
    }

    #[test]
    fn a_record_is_read_as_its_message_is() {
        for data in [None, Some(Bytes::from_static(b"data"))] {
            let message = WalRecord { r#type: 2, crc: 0xffff_fffe, data: data.clone() };
            let bytes = message.encode_to_vec();
            let record = Record::parse(&bytes).unwrap();
            assert_eq!((record.kind, record.crc), (2, 0xffff_fffe));
            assert_eq!(record.data, data.unwrap_or_default());
            assert_eq!(Record::parse(&bytes[..bytes.len() - 1]), None);
        }
    }
}

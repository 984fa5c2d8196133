//! Bytes of one segment as records: pure. Says where and how it went wrong; [`super::tear`] says what that means.

use super::frame::{Extent, HEADER, Kind, Record};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No writer makes such a header.
    #[error("its length is impossible")]
    Header,
    /// The file ends inside the frame.
    #[error("it reaches past the end of the file")]
    PastEnd,
    /// The frame's bytes are no record.
    #[error("it is no record")]
    Record,
    /// The record is not the one that was written here.
    #[error("its checksum is {stored:08x}, that of its data {computed:08x}")]
    Checksum {
        /// In the record.
        stored: u32,
        /// Over what was read.
        computed: u32,
    },
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A sound record.
    Record(Record<'a>),
    /// The bytes end here, or nothing was written from here on.
    End,
    /// What is here is not sound.
    Fault(Fault),
}

/// Reads one segment.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// None until the first checksum record of the first segment that is read: what was before it is not there.
    crc: Option<u32>,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, which follow a segment that ended with the checksum `crc`.
    pub fn new(bytes: &'a [u8], crc: Option<u32>) -> Self {
        Self { bytes, offset: 0, crc }
    }

    /// Where the next frame begins: after all that was sound.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The checksum up to there.
    pub fn crc(&self) -> Option<u32> {
        self.crc
    }

    /// The next record. After an end or a fault it stays there.
    pub fn step(&mut self) -> Step<'a> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else {
            return if rest.iter().all(|byte| *byte == 0) { Step::End } else { Step::Fault(Fault::PastEnd) };
        };
        let header = u64::from_le_bytes(*header);
        if header == 0 {
            return Step::End;
        }
        let Some(extent) = Extent::parse(header) else { return Step::Fault(Fault::Header) };
        if extent.body() > rest.len() as u64 {
            return Step::Fault(Fault::PastEnd);
        }
        let Some(record) = Record::parse(&rest[..extent.record as usize]) else {
            return Step::Fault(Fault::Record);
        };
        let crc = match self.crc {
            Some(crc) => crc,
            None if record.kind == Kind::Checksum as u64 => record.crc,
            None => 0,
        };
        let computed = crc32c::crc32c_append(crc, record.data);
        if computed != record.crc {
            return Step::Fault(Fault::Checksum { stored: record.crc, computed });
        }
        self.crc = Some(computed);
        self.offset += HEADER + extent.body() as usize;
        Step::Record(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::disk::wal::encoder::Encoder;
    use crate::cluster::raft::wire::{Entry, WalMetadata};

    fn segment() -> Vec<u8> {
        let mut encoder = Encoder::new(77);
        encoder.checksum();
        encoder.metadata(&WalMetadata { node_id: 1, cluster_id: 2 });
        encoder.entry(&Entry { index: 1, data: vec![9; 100].into(), ..Entry::default() });
        encoder.bytes().to_vec()
    }

    #[test]
    fn what_was_encoded_is_read_again() {
        let mut bytes = segment();
        let written = bytes.len();
        bytes.resize(4096, 0);
        let mut decoder = Decoder::new(&bytes, Some(77));
        for kind in [4, 1, 2] {
            assert!(matches!(decoder.step(), Step::Record(record) if record.kind == kind));
        }
        assert_eq!(decoder.step(), Step::End);
        assert_eq!(decoder.offset(), written);
    }

    #[test]
    fn a_segment_that_does_not_follow_is_a_fault() {
        let bytes = segment();
        assert!(matches!(
            Decoder::new(&bytes, Some(78)).step(),
            Step::Fault(Fault::Checksum { stored: 77, .. })
        ));
    }

    #[test]
    fn a_shortened_segment_ends_in_a_fault_at_its_last_record() {
        let bytes = segment();
        for cut in 1..100 {
            let mut decoder = Decoder::new(&bytes[..bytes.len() - cut], None);
            decoder.step();
            decoder.step();
            assert_eq!(decoder.step(), Step::Fault(Fault::PastEnd));
        }
    }
}

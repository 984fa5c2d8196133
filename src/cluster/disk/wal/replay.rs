//! What a log says, segment after segment: pure.

use prost::Message as _;

use super::decoder::{Decoder, Step};
use super::error::Damage;
use super::frame::{Kind, Record};
use super::tear::{self, Ending, Tear};
use crate::cluster::raft::wire::{Entry, HardState, WalMetadata, WalSnapshot};

/// What of a log is of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Only marks of snapshots and the hard state.
    Marks,
    /// The entries above this index too.
    EntriesAbove(u64),
}

/// Where a segment stands among those that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Another follows: it was finished in order.
    Finished,
    /// The newest: its tail may be torn.
    Newest,
}

/// Where the records of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentEnd {
    /// Behind the last sound record.
    pub offset: usize,
    /// What is behind it and was never promised.
    pub tear: Option<Tear>,
}

/// A segment that cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The first bad frame.
    pub offset: usize,
    /// What is wrong with it.
    pub damage: Damage,
}

/// Collects what segments say, in their order.
#[derive(Debug)]
pub struct Replay {
    wanted: Wanted,
    crc: Option<u32>,
    /// Whose log it is, as the first segment says.
    pub metadata: Option<WalMetadata>,
    /// Snapshots, in the order in which they were marked.
    pub marks: Vec<WalSnapshot>,
    /// The last hard state.
    pub state: HardState,
    /// Entries above the wanted index, without a gap.
    pub entries: Vec<Entry>,
    /// The last entry or snapshot.
    pub last_index: u64,
}

impl Replay {
    /// Before the first segment.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            crc: None,
            metadata: None,
            marks: Vec::new(),
            state: HardState::default(),
            entries: Vec::new(),
            last_index: 0,
        }
    }

    /// The checksum over all that was read: the next record goes on from it.
    pub fn crc(&self) -> u32 {
        self.crc.unwrap_or_default()
    }

    /// Reads the next segment. It allocates no more than the segment's length for its data.
    ///
    /// # Errors
    /// When the segment is damaged; what was read before that stays.
    pub fn segment(&mut self, bytes: &[u8], place: Place) -> Result<SegmentEnd, Broken> {
        let mut decoder = Decoder::new(bytes, self.crc);
        let mut count = 0_u64;
        let fault = loop {
            let offset = decoder.offset();
            match decoder.step() {
                Step::Record(record) => {
                    self.record(record, count).map_err(|damage| Broken { offset, damage })?;
                    self.crc = decoder.crc();
                    count += 1;
                }
                Step::End => break None,
                Step::Fault(fault) => break Some(fault),
            }
        };
        let offset = decoder.offset();
        let damage = fault.map_or(Damage::Zeroed, Damage::Frame);
        let ending = match (place, fault) {
            // A checksum and metadata were synced before the segment got its name.
            _ if count < 2 && fault.is_none() => {
                return Err(Broken { offset, damage: Damage::NoHeader });
            }
            (Place::Finished, Some(_)) => Ending::Damaged,
            (Place::Finished, None) if bytes[offset..].iter().any(|byte| *byte != 0) => Ending::Damaged,
            (Place::Finished, None) => Ending::Clean,
            (Place::Newest, _) if count < 2 => Ending::Damaged,
            (Place::Newest, fault) => tear::judge(bytes, offset, self.crc(), fault),
        };
        match ending {
            Ending::Clean => Ok(SegmentEnd { offset, tear: None }),
            Ending::Torn(tear) => Ok(SegmentEnd { offset, tear: Some(tear) }),
            Ending::Damaged => Err(Broken { offset, damage }),
        }
    }

    /// Takes a record, the `nth` of its segment.
    fn record(&mut self, record: Record<'_>, nth: u64) -> Result<(), Damage> {
        let kind = Kind::of(record.kind).ok_or(Damage::UnknownKind(record.kind))?;
        match (nth, kind) {
            (0, Kind::Checksum) | (1, Kind::Metadata) => {}
            (0 | 1, _) => return Err(Damage::NoHeader),
            _ => {}
        }
        match kind {
            Kind::Checksum => {}
            Kind::Metadata => {
                let metadata = WalMetadata::decode(record.data)?;
                if *self.metadata.get_or_insert(metadata) != metadata {
                    return Err(Damage::OtherMetadata);
                }
            }
            Kind::State => self.state = HardState::decode(record.data)?,
            Kind::Snapshot => {
                let mark = WalSnapshot::decode(record.data)?;
                self.last_index = self.last_index.max(mark.index);
                self.marks.push(mark);
            }
            Kind::Entry => {
                if let Wanted::EntriesAbove(start) = self.wanted {
                    // From a slice, so the data is copied: a view would keep the whole segment in memory.
                    self.entry(Entry::decode(record.data)?, start)?;
                }
            }
        }
        Ok(())
    }

    /// Takes an entry. One with the index of an earlier one replaces it and all behind it.
    fn entry(&mut self, entry: Entry, start: u64) -> Result<(), Damage> {
        self.last_index = entry.index;
        if entry.index <= start {
            return Ok(());
        }
        let offset = entry.index - start - 1;
        if offset > self.entries.len() as u64 {
            return Err(Damage::Gap { expected: start + self.entries.len() as u64 + 1, found: entry.index });
        }
        self.entries.truncate(offset as usize);
        self.entries.push(entry);
        Ok(())
    }
}

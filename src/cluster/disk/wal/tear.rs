//! Tells a torn tail, which a crash leaves and nobody was promised, from damage to what was once synced. Pure.
//!
//! A crash may keep some sectors of the last write and lose others, in any order; a lost one reads as it was before: zeros,
//! because a segment is made of zeros and its tail is zeroed when it is opened. So what is torn shows a whole sector of
//! zeros, or the file's end. And a write never reaches further than [`REACH`], because the writer syncs before that. All else
//! is damage.

use super::decoder::Fault;
use super::frame::{Extent, HEADER, Kind, Record};

/// What a disk writes as a whole, in bytes; larger sectors are multiples of it.
const SECTOR: usize = 512;

/// Further behind a torn frame no record of the same write is, in bytes: four times what the writer leaves unsynced, because a
/// single record may be larger, and real etcd has no such bound.
pub const REACH: usize = 4 * super::UNSYNCED;

/// How a segment's records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is behind the last record.
    Clean,
    /// A write behind it was torn.
    Torn(Tear),
    /// What was written is no longer what is there.
    Damaged,
}

/// What there is of a torn write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tear {
    /// From the end of the last sound record to the last byte that is not zero.
    pub length: usize,
    /// Whole records lie behind the tear.
    pub intact_after: bool,
}

/// Judges what is behind the last sound record, at `offset`, of the last segment; `fault` is none when its header is zero.
pub fn judge(bytes: &[u8], offset: usize, crc: u32, fault: Option<Fault>) -> Ending {
    let tail = &bytes[offset..];
    let length = written(tail);
    if length == 0 {
        return Ending::Clean;
    }
    // A header that fills the end of a sector may be lost alone.
    let alone = fault.is_none() && (offset + HEADER).is_multiple_of(SECTOR);
    let torn = (alone || !has_wrong_length(tail, crc))
        && match fault {
            None => tail[..length.min(SECTOR - offset % SECTOR)].iter().all(|byte| *byte == 0),
            Some(Fault::Header) => false,
            Some(Fault::PastEnd) => !intact_from(bytes, offset + HEADER),
            Some(Fault::Record | Fault::Checksum { .. }) => has_lost_sector(bytes, offset),
        };
    if !torn || intact_from(bytes, offset.saturating_add(REACH)) {
        return Ending::Damaged;
    }
    Ending::Torn(Tear { length, intact_after: intact_from(bytes, offset + HEADER) })
}

/// How long the bytes are up to the last that is not zero.
fn written(bytes: &[u8]) -> usize {
    let mut bytes = bytes;
    // Most of a segment is zeros: whole blocks go at the speed of memory, which a search byte by byte does not.
    while let Some((rest, block)) = bytes.split_last_chunk::<4096>()
        && block.iter().fold(0, |all, byte| all | byte) == 0
    {
        bytes = rest;
    }
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Whether a sector of the frame at `offset`, but the one where it begins, is zeros from end to end.
fn has_lost_sector(bytes: &[u8], offset: usize) -> bool {
    let Some(frame) = extent_at(bytes, offset) else { return false };
    let end = offset + HEADER + frame.body() as usize;
    let first = (offset / SECTOR + 1) * SECTOR;
    (first..end)
        .step_by(SECTOR)
        .any(|at| bytes[at..bytes.len().min(at + SECTOR)].iter().all(|byte| *byte == 0))
}

/// Whether a frame holds the record that belongs here, and only its header says something else.
fn has_wrong_length(frame: &[u8], crc: u32) -> bool {
    let Some((header, body)) = frame.split_first_chunk::<HEADER>() else { return false };
    let Some((record, rest)) = Record::parse_prefix(body) else { return false };
    let length = body.len() - rest.len();
    let header_is_right = Extent::of(length).header() == u64::from_le_bytes(*header);
    !header_is_right && Kind::of(record.kind).is_some() && record.follows(crc)
}

/// Whether two records, of which the second follows the first, begin at `from` or behind it.
fn intact_from(bytes: &[u8], from: usize) -> bool {
    // Bytes made for it could have us hash each again and again; then the log is rather refused than cut.
    let mut budget = bytes.len().saturating_mul(4);
    for at in (from.next_multiple_of(8)..bytes.len()).step_by(8) {
        let Some((first, next)) = record_at(bytes, at) else { continue };
        let Some((second, _)) = record_at(bytes, next) else { continue };
        if second.data.is_empty() {
            continue;
        }
        if second.data.len() > budget {
            return true;
        }
        budget -= second.data.len();
        if second.follows(first.crc) {
            return true;
        }
    }
    false
}

fn extent_at(bytes: &[u8], at: usize) -> Option<Extent> {
    let (header, rest) = bytes.get(at..)?.split_first_chunk::<HEADER>()?;
    let extent = Extent::parse(u64::from_le_bytes(*header))?;
    (extent.body() <= rest.len() as u64).then_some(extent)
}

/// What looks like a record at that place, and where the next would be.
fn record_at(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let extent = extent_at(bytes, at)?;
    let record = Record::parse(&bytes[at + HEADER..][..extent.record as usize])?;
    Kind::of(record.kind)?;
    Some((record, at + HEADER + extent.body() as usize))
}

//! Names of segments.

use std::fmt;

/// A segment's name: `SEQUENCE-INDEX.wal`, both as sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// Counts the segments from 0, without a gap.
    pub sequence: u64,
    /// The index of the first entry that may be in it.
    pub index: u64,
}

impl SegmentName {
    /// Reads a file name; none when it is not that of a segment.
    pub fn parse(name: &str) -> Option<Self> {
        let (sequence, index) = name.strip_suffix(".wal")?.split_once('-')?;
        let parsed = Self {
            sequence: u64::from_str_radix(sequence, 16).ok()?,
            index: u64::from_str_radix(index, 16).ok()?,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.wal", self.sequence, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = SegmentName { sequence: 11, index: 0xabcd };
        assert_eq!(name.to_string(), "000000000000000b-000000000000abcd.wal");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in [
            "b-abcd.wal",
            "0.tmp",
            "000000000000000B-000000000000abcd.wal",
            "+00000000000000b-000000000000abcd.wal",
        ] {
            assert_eq!(SegmentName::parse(other), None);
        }
    }
}

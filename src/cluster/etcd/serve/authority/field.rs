//! Finds the authority in a block of fields (RFC 7541, section 6), and overwrites it when it is none.

use std::ops::Range;

use hyper::http::uri::Authority;

use super::huffman;

/// `:authority` in the static table.
const AUTHORITY: usize = 1;
/// A longer number is none that a frame has room for.
const LARGEST: usize = 1 << 24;

/// What a block's authority was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Not spelt out, or nothing that this knows to read.
    Nothing,
    /// In order.
    Good,
    /// None; it is one now.
    Repaired,
}

/// A block being read. `None`, of all that it reads: it ends too early, or is none.
struct Block<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// Looks through a block.
pub fn repair(bytes: &mut [u8]) -> Found {
    Block { bytes, at: 0 }.look().unwrap_or(Found::Nothing)
}

impl Block<'_> {
    fn look(&mut self) -> Option<Found> {
        while let Some(first) = self.bytes.get(self.at).copied() {
            match first {
                // A field of a table.
                0x80.. => drop(self.number(7)?),
                // A table's new size.
                0x20..=0x3f => drop(self.number(5)?),
                _ => {
                    let name = self.number(if first >= 0x40 { 6 } else { 4 })?;
                    if name == 0 {
                        self.string()?;
                    }
                    let (compressed, value) = self.string()?;
                    if name == AUTHORITY {
                        return Some(judge(compressed, &mut self.bytes[value]));
                    }
                }
            }
        }
        None
    }

    /// A number whose first byte has so many bits for it.
    fn number(&mut self, bits: u32) -> Option<usize> {
        let most = (1 << bits) - 1;
        let mut number = usize::from(self.byte()?) & most;
        if number < most {
            return Some(number);
        }
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if number > LARGEST || shift > 28 {
                return None;
            }
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
    }

    /// Whether a string is compressed, and where it is.
    fn string(&mut self) -> Option<(bool, Range<usize>)> {
        let compressed = self.bytes.get(self.at)? & 0x80 != 0;
        let length = self.number(7)?;
        let range = self.at..self.at + length;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some((compressed, range))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }
}

fn judge(compressed: bool, value: &mut [u8]) -> Found {
    if !compressed {
        if Authority::try_from(&*value).is_ok() {
            return Found::Good;
        }
        value.fill(b'x');
        return Found::Repaired;
    }
    let Some(text) = huffman::decode(value) else { return Found::Nothing };
    if Authority::try_from(&*text).is_ok() {
        return Found::Good;
    }
    if huffman::overwrite(value, text.len()) { Found::Repaired } else { Found::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(compressed: bool, value: &[u8]) -> Vec<u8> {
        let length = u8::try_from(value.len()).unwrap() | if compressed { 0x80 } else { 0 };
        // `:method: POST`, `:scheme: http`, `:path: /`, then the authority, then a field by its name.
        [&[0x83, 0x86, 0x44, 1, b'/', 0x41, length], value, &[0x40, 1, b'a', 1, b'b']].concat()
    }

    /// `http://127.0.0.1:23999`, as etcdctl 3.4.23 sent it.
    const SENT: &[u8] =
        &[0x9d, 0x29, 0xae, 0xe3, 0x0c, 0x04, 0x4e, 0xae, 0x05, 0xc0, 0xb8, 0x6e, 0x09, 0x97, 0xdf, 0x7f];

    #[test]
    fn what_etcdctl_3_4_sends_is_repaired_and_as_long_as_before() {
        assert_eq!(huffman::decode(SENT).unwrap(), b"http://127.0.0.1:23999");
        let mut block = field(true, SENT);
        let before = block.clone();
        assert_eq!(repair(&mut block), Found::Repaired);
        assert_eq!(block[..7], before[..7]);
        assert_eq!(block[23..], before[23..]);
        let now = huffman::decode(&block[7..23]).unwrap();
        assert_eq!(now.len(), "http://127.0.0.1:23999".len());
        assert!(Authority::try_from(&*now).is_ok());
        assert_eq!(repair(&mut block), Found::Good);
    }

    #[test]
    fn one_that_is_not_compressed_is_repaired_too() {
        let mut block = field(false, b"/run/etcd.sock");
        assert_eq!(repair(&mut block), Found::Repaired);
        assert_eq!(block, field(false, b"xxxxxxxxxxxxxx"));
    }

    #[test]
    fn a_good_one_stays() {
        for good in [&b"127.0.0.1:2379"[..], b"localhost", b"[::1]:2379"] {
            let mut block = field(false, good);
            assert_eq!(repair(&mut block), Found::Good);
            assert_eq!(block, field(false, good));
        }
    }

    #[test]
    fn a_block_that_is_cut_off_anywhere_is_left_alone() {
        let whole = field(true, SENT);
        for end in 0..23 {
            let mut block = whole[..end].to_vec();
            assert_eq!(repair(&mut block), Found::Nothing, "{end}");
            assert_eq!(block, whole[..end]);
        }
        assert_eq!(repair(&mut [0xff; 40]), Found::Nothing);
    }
}

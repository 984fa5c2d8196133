//! Finds blocks of fields in what a connection brings (RFC 9113, section 4), and has them repaired.

use super::field::{Found, repair};

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The head of a frame: its length in 3 bytes, type, flags, stream in 4.
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// The length of a priority.
const PRIORITY_BYTES: usize = 5;
/// The longest frame that a server takes unless it says otherwise.
const LONGEST: usize = 1 << 14;

/// Where in the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// So many bytes of the preface are read.
    Preface(usize),
    /// Before a frame.
    Head,
    /// In a frame of no interest, so many bytes before its end.
    Within(usize),
    /// Nothing needs to be repaired.
    Off,
}

impl Frames {
    /// At its beginning.
    pub fn new() -> Self {
        Self::Preface(0)
    }

    /// Repairs what has come. Returns how much of it can go on; the rest is to be shown again, with more behind it.
    pub fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match *self {
                Self::Off => return bytes.len(),
                Self::Preface(read) => {
                    let next = (PREFACE.len() - read).min(bytes.len() - at);
                    if bytes[at..at + next] != PREFACE[read..read + next] {
                        *self = Self::Off;
                        continue;
                    }
                    at += next;
                    *self =
                        if read + next == PREFACE.len() { Self::Head } else { Self::Preface(read + next) };
                }
                Self::Within(left) => {
                    let next = left.min(bytes.len() - at);
                    at += next;
                    *self = if next == left { Self::Head } else { Self::Within(left - next) };
                }
                Self::Head => {
                    let Some(passed) = self.frame(&mut bytes[at..]) else { return at };
                    at += passed;
                }
            }
        }
        at
    }

    /// At the head of a frame. How much of it can go on; `None`: it must be read further first.
    fn frame(&mut self, bytes: &mut [u8]) -> Option<usize> {
        let head = bytes.get(..HEAD)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        if kind != HEADERS || length > LONGEST {
            *self = Self::Within(length);
            return Some(HEAD);
        }
        let frame = bytes.get_mut(HEAD..HEAD + length)?;
        let begin =
            if flags & PADDED != 0 { 1 } else { 0 } + if flags & PRIORITY != 0 { PRIORITY_BYTES } else { 0 };
        let padding = if flags & PADDED != 0 { frame.first().copied().map_or(0, usize::from) } else { 0 };
        let block = frame.get_mut(begin..length.saturating_sub(padding));
        match block.map_or(Found::Nothing, repair) {
            // It has one that is fine, and has no other.
            Found::Good => *self = Self::Off,
            Found::Repaired | Found::Nothing => {}
        }
        Some(HEAD + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// A request to an authority in plain letters.
    fn request(authority: &str) -> Vec<u8> {
        let length = u8::try_from(authority.len()).unwrap();
        [&[0x83, 0x86, 0x41, length], authority.as_bytes()].concat()
    }

    /// Preface, settings, a request, its message, and the next request that spells its authority out again.
    fn connection(authority: &str) -> Vec<u8> {
        let padded = [&[2_u8][..], &[0; 5], &request(authority), &[0, 0]].concat();
        [
            PREFACE.to_vec(),
            frame(4, 0, &[]),
            frame(HEADERS, 4, &request(authority)),
            frame(0, 1, &[1; 100]),
            frame(HEADERS, 4 | PADDED | PRIORITY, &padded),
            frame(0, 1, &[1; 100]),
        ]
        .concat()
    }

    /// What comes out when it comes in pieces of a length.
    fn in_pieces(bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut frames = Frames::new();
        let (mut out, mut held) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            held.extend_from_slice(piece);
            let passed = frames.pass(&mut held);
            out.extend(held.drain(..passed));
        }
        assert!(held.is_empty());
        out
    }

    #[test]
    fn every_request_is_repaired_in_whatever_pieces_it_comes() {
        let bytes = connection("http://h:1");
        let repaired = connection("xxxxxxxxxx");
        for piece in 1..=bytes.len() {
            assert_eq!(in_pieces(&bytes, piece), repaired, "pieces of {piece}");
        }
    }

    #[test]
    fn a_connection_in_order_is_looked_at_once() {
        let bytes = connection("h:1");
        assert_eq!(in_pieces(&bytes, 7), bytes);
        let mut frames = Frames::new();
        frames.pass(&mut bytes.clone());
        assert_eq!(frames, Frames::Off);
    }

    #[test]
    fn http_1_is_passed_at_once() {
        let mut frames = Frames::new();
        let mut bytes = b"POST / HTTP/1.1\r\n\r\n".to_vec();
        assert_eq!(frames.pass(&mut bytes), bytes.len());
        assert_eq!(frames, Frames::Off);
    }
}

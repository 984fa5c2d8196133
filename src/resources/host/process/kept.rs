//! What is kept of a command's output: all of it up to a bound, and then its beginning and its end.

use std::borrow::Cow;
use std::collections::VecDeque;

/// Bytes kept of each output of a command: half of the beginning, half of the end. A log of a build fits; an output
/// without end costs no more than this.
pub const KEPT: usize = 1 << 20;

/// Output, kept within a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_max: usize,
    tail_max: usize,
    dropped: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self::bounded(KEPT / 2, KEPT / 2)
    }
}

impl Kept {
    /// Keeps so many bytes of the beginning, and so many of the end.
    pub const fn bounded(head_max: usize, tail_max: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), head_max, tail_max, dropped: 0 }
    }

    /// Takes in what comes next.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = (self.head_max - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let bytes = &bytes[room..];
        // Of what is longer than the tail, only its end comes into it at all.
        let skipped = bytes.len().saturating_sub(self.tail_max);
        let bytes = &bytes[skipped..];
        let over = (self.tail.len() + bytes.len()).saturating_sub(self.tail_max);
        self.tail.drain(..over);
        self.tail.extend(bytes);
        self.dropped += (skipped + over) as u64;
    }

    /// Whether nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.dropped == 0
    }

    /// Whether the whole output was exactly this.
    pub fn equals(&self, wanted: &str) -> bool {
        let wanted = wanted.as_bytes();
        self.is_whole()
            && wanted.len() == self.head.len() + self.tail.len()
            && wanted.starts_with(&self.head)
            && self.tail.iter().eq(&wanted[self.head.len()..])
    }

    /// The output as text, with a note where something was left out. Bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        let (front, back) = self.tail.as_slices();
        if self.is_whole() {
            return lossy([&self.head, front, back].concat());
        }
        let note = format!("\n[{} bytes are left out here]\n", self.dropped);
        [lossy(self.head.clone()), note, lossy([front, back].concat())].concat()
    }

    /// The last lines, at most so many and so long together, without blank ones at the end.
    pub fn last_lines(&self, lines: usize, bytes: usize) -> String {
        let (front, back) = self.tail.as_slices();
        let all = [&self.head, front, back].concat();
        let cut = all.len().saturating_sub(bytes);
        let text = String::from_utf8_lossy(&all[cut..]);
        let text = match (cut > 0 || !self.is_whole(), text.split_once('\n')) {
            // A line of which the beginning is cut off is none, unless it is the only one.
            (true, Some((_, rest))) if !rest.trim().is_empty() => Cow::Borrowed(rest),
            _ => text.clone(),
        };
        let mut last: Vec<&str> = text.trim_end().lines().rev().take(lines).collect();
        last.reverse();
        last.join("\n")
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(head: usize, tail: usize, pieces: &[&str]) -> Kept {
        let mut kept = Kept::bounded(head, tail);
        pieces.iter().for_each(|piece| kept.push(piece.as_bytes()));
        kept
    }

    #[test]
    fn what_fits_is_whole_however_it_came() {
        for pieces in [&["abcdef"][..], &["a", "bcd", "ef"], &["abc", "", "def"]] {
            let kept = kept(3, 3, pieces);
            assert!(kept.is_whole() && kept.equals("abcdef"));
            assert!(!kept.equals("abcde") && !kept.equals("abcdef\n") && !kept.equals("abcdeg"));
            assert_eq!(kept.text(), "abcdef");
        }
    }

    #[test]
    fn of_what_does_not_fit_the_beginning_and_the_end_are_kept_with_a_note() {
        for pieces in [&["abcdefghij"][..], &["a", "bcdefgh", "ij"], &["abcd", "ef", "ghij"]] {
            let kept = kept(3, 3, pieces);
            assert!(!kept.is_whole() && !kept.equals("abchij"));
            assert_eq!(kept.text(), "abc\n[4 bytes are left out here]\nhij");
        }
    }

    #[test]
    fn the_last_lines_are_whole_lines_within_both_bounds() {
        let output = kept(100, 0, &["one\ntwo\nthree\n\n"]);
        assert_eq!(output.last_lines(2, 100), "two\nthree");
        assert_eq!(output.last_lines(9, 10), "three");
        assert_eq!(output.last_lines(9, 100), "one\ntwo\nthree");
        assert_eq!(kept(100, 0, &["abcdef"]).last_lines(1, 3), "def");
        assert_eq!(kept(100, 0, &[" \n"]).last_lines(3, 9), "");
    }
}

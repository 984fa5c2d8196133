//! Finding, adding and removing lines in a text. Pure; on bytes, as a file may hold anything.
//!
//! A line ends with `\n` or `\r\n`, the last one perhaps with neither; its end is no part of what is compared.

/// Lines that stand one after the other, without their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block(Vec<Box<[u8]>>);

impl Block {
    /// The lines of a text; a line end at its end begins no further line. `None`: there is none.
    pub fn new(text: &str) -> Option<Self> {
        let lines: Vec<Box<[u8]>> = lines(text.as_bytes()).map(|line| without_end(line).into()).collect();
        (!lines.is_empty()).then_some(Self(lines))
    }

    /// Whether they stand somewhere in the text.
    pub fn is_in(&self, text: &[u8]) -> bool {
        let lines: Vec<&[u8]> = lines(text).map(without_end).collect();
        lines.windows(self.0.len()).any(|window| self.is(window))
    }

    /// The text with them at its end. A last line without an end is given one. New lines end as the first line does.
    pub fn added_to(&self, text: &[u8]) -> Vec<u8> {
        let end = line_end(text);
        let mut result = text.to_vec();
        self.0.iter().for_each(|line| append(&mut result, line, end));
        result
    }

    /// The text without them, wherever they stand.
    pub fn removed_from(&self, text: &[u8]) -> Vec<u8> {
        let whole: Vec<&[u8]> = lines(text).collect();
        let bare: Vec<&[u8]> = whole.iter().map(|line| without_end(line)).collect();
        let mut result = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < whole.len() {
            let window = bare.get(at..at + self.0.len());
            if window.is_some_and(|window| self.is(window)) {
                at += self.0.len();
            } else {
                result.extend_from_slice(whole[at]);
                at += 1;
            }
        }
        result
    }

    fn is(&self, window: &[&[u8]]) -> bool {
        window.iter().zip(&self.0).all(|(found, wanted)| **found == **wanted)
    }
}

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is another's: it stays.
    Stays,
    /// It is the one that should be there, and right.
    Right,
    /// It is the one that should be there, and should be this.
    Becomes(String),
    /// It goes.
    Goes,
}

/// The text with one line of a sort in it: `fate` knows which lines are of it. The first of them is kept in its place, and
/// the others go; where there is none, `missing` is put at the end.
pub fn put(text: &[u8], missing: Option<&str>, mut fate: impl FnMut(&[u8]) -> Fate) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len() + 80);
    let mut is_placed = false;
    for line in lines(text) {
        let bare = without_end(line);
        match fate(bare) {
            Fate::Stays => result.extend_from_slice(line),
            Fate::Right if !is_placed => {
                result.extend_from_slice(line);
                is_placed = true;
            }
            Fate::Becomes(wanted) if !is_placed => {
                result.extend_from_slice(wanted.as_bytes());
                result.extend_from_slice(&line[bare.len()..]);
                is_placed = true;
            }
            Fate::Right | Fate::Becomes(_) | Fate::Goes => {}
        }
    }
    if let Some(line) = missing.filter(|_| !is_placed) {
        append(&mut result, line.as_bytes(), line_end(text));
    }
    result
}

/// Adds a line at the end. A last line without an end is given one.
fn append(text: &mut Vec<u8>, line: &[u8], end: &[u8]) {
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.extend_from_slice(end);
    }
    text.extend_from_slice(line);
    text.extend_from_slice(end);
}

/// How the lines of a text end: as its first one does.
pub fn line_end(text: &[u8]) -> &'static [u8] {
    match lines(text).next() {
        Some(first) if first.ends_with(b"\r\n") => b"\r\n",
        _ => b"\n",
    }
}

/// The lines of a text with their ends.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// A line without its end.
pub fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, lines: &str) -> String {
        String::from_utf8(Block::new(lines).unwrap().added_to(text.as_bytes())).unwrap()
    }

    fn removed(text: &str, lines: &str) -> String {
        String::from_utf8(Block::new(lines).unwrap().removed_from(text.as_bytes())).unwrap()
    }

    #[test]
    fn only_whole_lines_that_stand_together_count() {
        let block = |lines| Block::new(lines).unwrap();
        for (text, lines, is_in) in [
            ("a\nb\nc\n", "b", true),
            ("a\nb\nc", "c", true),
            ("a\nb\nc", "c\n", true),
            ("abc\n", "b", false),
            ("a\nb\nc\n", "b\nc", true),
            ("a\nb\nc\n", "a\nc", false),
            ("a\r\nb\r\n", "a\nb\n", true),
            ("a\n\nb\n", "\n", true),
            ("a\nb\n", "\n", false),
            ("", "a", false),
        ] {
            assert_eq!(block(lines).is_in(text.as_bytes()), is_in, "{lines:?} in {text:?}");
        }
        assert_eq!(Block::new(""), None);
        assert!(block("a").is_in(b"\xff\na\n"));
    }

    #[test]
    fn lines_are_added_at_the_end_and_end_as_the_others_do() {
        assert_eq!(added("", "a"), "a\n");
        assert_eq!(added("x\n", "a\n"), "x\na\n");
        assert_eq!(added("x", "a\nb"), "x\na\nb\n");
        assert_eq!(added("x\r\ny", "a\nb"), "x\r\ny\r\na\r\nb\r\n");
        assert_eq!(added("x\ny\r\n", "a"), "x\ny\r\na\n");
        assert_eq!(added("x\n", "a\n\n"), "x\na\n\n");
    }

    #[test]
    fn one_line_of_a_sort_is_put_in_its_place_or_at_the_end() {
        let put = |text: &str, missing| {
            let fate = |line: &[u8]| match line {
                b"k=1" => Fate::Right,
                b"gone" => Fate::Goes,
                _ if line.starts_with(b"k=") => Fate::Becomes("k=1".to_owned()),
                _ => Fate::Stays,
            };
            String::from_utf8(put(text.as_bytes(), missing, fate)).unwrap()
        };
        for (text, made) in [
            ("", "k=1\n"),
            ("a\r\nb", "a\r\nb\r\nk=1\r\n"),
            ("a\nk=2\r\nb", "a\nk=1\r\nb"),
            ("k=1", "k=1"),
            ("k=2\nk=1\nk=3\n", "k=1\n"),
            ("gone\nk=1\n", "k=1\n"),
        ] {
            assert_eq!(put(text, Some("k=1")), made, "{text:?}");
        }
        assert_eq!(put("a\ngone\nb", None), "a\nb");
    }

    #[test]
    fn every_occurrence_is_removed_and_all_else_stays_as_it_is() {
        assert_eq!(removed("a\nb\na\n", "a"), "b\n");
        assert_eq!(removed("a\nb", "b"), "a\n");
        assert_eq!(removed("a\nb", "a\n"), "b");
        assert_eq!(removed("a\r\nb\nc\r\n", "b"), "a\r\nc\r\n");
        assert_eq!(removed("a\r\n", "a"), "");
        assert_eq!(removed("a\nb\na\nc\na\nb", "a\nb"), "a\nc\n");
        assert_eq!(removed("a\na\na\n", "a\na"), "a\n");
        assert_eq!(removed("xa\n", "a"), "xa\n");
    }
}

//! From the parser's offsets in characters to offsets in bytes.

/// How many characters lie between two marks of the table.
const STRIDE: usize = 64;

/// Byte offsets of a text's characters. Costs nothing for ASCII.
#[derive(Debug)]
pub struct Offsets<'s> {
    text: &'s str,
    /// The byte offset of each 64th character; empty: the text is ASCII.
    marks: Vec<u32>,
}

impl<'s> Offsets<'s> {
    /// A table for a text.
    pub fn new(text: &'s str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(byte, _)| byte as u32).collect()
        };
        Self { text, marks }
    }

    /// The byte offset of a character; the end for those past it.
    pub fn byte(&self, char: usize) -> usize {
        if self.marks.is_empty() {
            return char.min(self.text.len());
        }
        let Some(&mark) = self.marks.get(char / STRIDE) else { return self.text.len() };
        let rest = &self.text[mark as usize..];
        let within = rest.char_indices().nth(char % STRIDE).map_or(rest.len(), |(byte, _)| byte);
        mark as usize + within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_byte() {
        let text = "aé漢🙂\n".repeat(100);
        let offsets = Offsets::new(&text);
        for (char, (byte, _)) in text.char_indices().enumerate() {
            assert_eq!(offsets.byte(char), byte);
        }
        assert_eq!(offsets.byte(500), text.len());
        assert_eq!(offsets.byte(9999), text.len());
        assert_eq!(Offsets::new("ab").byte(9), 2);
    }
}

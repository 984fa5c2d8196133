//! One line of a text, cut and cleaned for a terminal, with the columns that a span covers in it.

use unicode_width::UnicodeWidthChar;

use crate::engine::{Origin, Source};

/// The widest excerpt, in columns, the ellipses included.
pub const WIDTH: usize = 200;

/// How many columns before the span are kept when a line is cut.
const BEFORE: usize = 60;

/// A tab is shown as this many spaces.
const TAB: &str = "    ";

/// A line to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line's number, from 1.
    pub line: u32,
    /// What to show of it.
    pub text: String,
    /// How many columns precede the span.
    pub indent: usize,
    /// How many columns the span covers: at least one. A span that goes on over further lines ends with this one.
    pub width: usize,
}

/// What a terminal shows for a character, and how many columns that takes. Characters that move the cursor or turn
/// the direction of text are not let through.
fn shown(ch: char, buffer: &mut [u8; 4]) -> (&str, usize) {
    match ch {
        '\t' => (TAB, TAB.len()),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ("\u{fffd}", 1),
        _ => match ch.width() {
            Some(width) => (ch.encode_utf8(buffer), width),
            None => ("\u{fffd}", 1),
        },
    }
}

fn width_of(ch: char) -> usize {
    shown(ch, &mut [0; 4]).1
}

/// The nearest character boundary at or before an offset.
fn boundary(text: &str, mut offset: usize) -> usize {
    offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl Excerpt {
    /// The first line of a place. Takes time in the excerpt, not in the line.
    pub fn of(origin: &Origin) -> Self {
        let source: &Source = &origin.source;
        let number = source.line_column(origin.span.start).line;
        let line = source.line(number);
        let line_start = line.as_ptr() as usize - source.text().as_ptr() as usize;
        let start = boundary(line, (origin.span.start as usize).saturating_sub(line_start));
        let end = boundary(line, (origin.span.end as usize).saturating_sub(line_start)).max(start);

        let from = window_start(line, start);
        let mut excerpt = Self { line: number, text: String::new(), indent: 0, width: 0 };
        let mut columns = 0;
        if from > 0 {
            excerpt.text.push('…');
            columns = 1;
        }
        excerpt.indent = columns;
        let mut rest = line[from..].char_indices().peekable();
        while let Some((at, ch)) = rest.next() {
            let mut buffer = [0; 4];
            let (text, width) = shown(ch, &mut buffer);
            let ellipsis = usize::from(rest.peek().is_some());
            if columns + width + ellipsis > WIDTH {
                excerpt.text.push('…');
                break;
            }
            excerpt.text.push_str(text);
            columns += width;
            if from + at < start {
                excerpt.indent += width;
            } else if from + at < end {
                excerpt.width += width;
            }
        }
        excerpt.width = excerpt.width.max(1);
        excerpt
    }
}

/// Where to start showing a line: at its start, unless the span would be too far right.
fn window_start(line: &str, start: usize) -> usize {
    let mut columns = 0;
    let mut before = start;
    for (at, ch) in line[..start].char_indices().rev() {
        columns += width_of(ch);
        if columns > WIDTH - BEFORE {
            break;
        }
        before = at;
    }
    if before == 0 && columns + remaining(line, start, BEFORE) <= WIDTH {
        return 0;
    }
    let mut columns = 0;
    let mut from = start;
    for (at, ch) in line[..start].char_indices().rev() {
        columns += width_of(ch);
        if columns > BEFORE {
            break;
        }
        from = at;
    }
    from
}

/// How many columns follow an offset, up to a bound.
fn remaining(line: &str, start: usize, bound: usize) -> usize {
    let mut columns = 0;
    for ch in line[start..].chars() {
        columns += width_of(ch);
        if columns >= bound {
            return bound;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Span;

    fn excerpt(text: &str, range: std::ops::Range<usize>) -> Excerpt {
        Excerpt::of(&Origin { source: Source::new("x", text), span: Span::new(range) })
    }

    #[test]
    fn a_short_line_is_shown_whole() {
        let found = excerpt("a\n  name: b\n", 4..8);
        assert_eq!((found.line, found.text.as_str(), found.indent, found.width), (2, "  name: b", 2, 4));
    }

    #[test]
    fn wide_characters_and_tabs_take_their_columns() {
        let found = excerpt("\t漢字: x", 8..10);
        assert_eq!((found.text.as_str(), found.indent), ("    漢字: x", 9));
    }

    #[test]
    fn a_long_line_is_cut_around_the_span() {
        let line = "a".repeat(10_000_000);
        let found = excerpt(&line, 5_000_000..5_000_004);
        assert_eq!(found.text.chars().count(), WIDTH);
        assert!(found.text.starts_with('…') && found.text.ends_with('…'));
        assert_eq!((found.indent, found.width), (BEFORE + 1, 4));
    }

    #[test]
    fn a_span_at_the_end_of_the_text_has_a_column() {
        let found = excerpt("ab", 2..2);
        assert_eq!((found.indent, found.width), (2, 1));
        assert_eq!(excerpt("", 0..0).width, 1);
    }

    #[test]
    fn characters_that_steer_a_terminal_are_replaced() {
        assert_eq!(excerpt("a\x1b[31m\u{202e}b", 0..1).text, "a\u{fffd}[31m\u{fffd}b");
    }
}

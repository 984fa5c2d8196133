//! What the YAML parser says, in words that help.

use std::sync::Arc;

use crate::engine::{Source, Span};
use crate::lang::diag::{Diagnostic, codes};

/// Parts of the parser's messages, what we say in their place, and what to do.
const KNOWN: &[(&str, &str, &str)] = &[
    ("tab", "a tab where YAML wants spaces", "indent with spaces"),
    (
        "mapping values are not allowed",
        "a `:` where no key can stand",
        "put a value that contains `: ` into quotes, and start the keys of one map in the same column",
    ),
    (
        "mapping keys are not allowed",
        "a key where none can stand",
        "start the keys of one map in the same column",
    ),
    (
        "did not find expected key",
        "neither a key of the map above nor its end",
        "start the keys of one map in the same column",
    ),
    (
        "did not find expected '-'",
        "neither an entry of the list above nor its end",
        "start the `-` of all entries of a list in the same column",
    ),
    (
        "block sequence entries are not allowed",
        "a list entry where none can stand",
        "put the `-` on a line of its own, below the key",
    ),
    ("simple key expect", "a key without its `:`", "write `key: value`, with a space after the colon"),
    (
        "found unexpected end of stream",
        "a quote that is never closed",
        "close it, or double a quote inside single quotes",
    ),
    (
        "found unknown escape",
        "an unknown escape in double quotes",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "found unknown anchor",
        "an alias of an anchor that does not exist",
        "set the anchor before, as in `&name value`",
    ),
    (
        "flow sequence",
        "a list in brackets that goes on wrongly",
        "separate entries by `,`, and close with `]`",
    ),
    ("flow mapping", "a map in braces that goes on wrongly", "separate pairs by `,`, and close with `}`"),
    (
        "indentation in quoted",
        "a quote that is never closed, or goes on indented less",
        "close the quote on the line where it starts",
    ),
    (
        "illegal placement of ':'",
        "a `:` where no key can stand",
        "close what `[` or `{` opened before, or put the value into quotes",
    ),
    ("invalid indentation", "wrong indentation", "indent what belongs to a key deeper than the key"),
    ("unexpected character", "a character that cannot start a value", "put the value into quotes"),
    ("cannot start", "a character that cannot start a value", "put the value into quotes"),
    ("trailing content", "more text after the closing quote", "put the whole value into one pair of quotes"),
    ("recursion limit", "brackets are nested too deeply", "nest less"),
    ("node content", "no value where one must stand", "write the value, or put it into quotes"),
];

/// What is wrong at an offset, by the parser's message.
pub fn diagnostic(source: &Arc<Source>, offset: usize, info: &str) -> Diagnostic {
    let text = source.text();
    let offset = offset.min(text.len());
    let known = KNOWN.iter().find(|(part, _, _)| info.contains(part));
    let message = known.map_or_else(|| info.to_owned(), |(_, message, _)| (*message).to_owned());
    let mut diagnostic = Diagnostic::error(&codes::SYNTAX, message);
    if known.is_some() {
        diagnostic = diagnostic.cause(info);
    }
    let line = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let indented = text[line..].find(|ch| ch != ' ' && ch != '\t').map_or("", |at| &text[line..line + at]);
    match indented.find('\t') {
        Some(tab) => diagnostic
            .at(source, Span::new(line + tab..line + tab + 1))
            .hint("indent with spaces, not with tabs"),
        None => {
            let width = text[offset..].chars().next().filter(|&ch| ch != '\n').map_or(0, char::len_utf8);
            let diagnostic = diagnostic.at(source, Span::new(offset..offset + width));
            diagnostic.maybe_hint(known.map(|(_, _, hint)| *hint))
        }
    }
}

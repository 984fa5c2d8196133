//! From the parser's events to a tree.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as CharSpan, Tag};

use super::offsets::Offsets;
use super::syntax;
use super::tree::{Node, Shape, Tree};
use crate::engine::{Source, Span};
use crate::lang::diag::{Diagnostic, codes};

/// How deep lists and maps may be nested.
pub const DEPTH: usize = 128;

/// Marks a list or map that is not finished: an alias to it would contain itself.
const OPEN: u32 = u32::MAX;

struct Builder<'s> {
    source: &'s Arc<Source>,
    text: &'s str,
    offsets: Offsets<'s>,
    nodes: Vec<Node>,
    owned: Vec<Box<str>>,
    /// The node of each anchor, by the parser's ids.
    anchors: Vec<u32>,
    /// The lists and maps that are not finished.
    open: Vec<u32>,
    documents: usize,
}

/// Parses one document.
///
/// # Errors
/// What is wrong with the text as YAML: the first problem, since what follows it cannot be told.
pub fn build(source: &Arc<Source>) -> Result<Tree, Box<Diagnostic>> {
    let text = source.text();
    let mut builder = Builder {
        source,
        text,
        offsets: Offsets::new(text),
        // More than a dense file needs; memory that is never touched costs nothing.
        nodes: Vec::with_capacity(text.len() / 4),
        owned: Vec::new(),
        anchors: vec![0],
        open: Vec::new(),
        documents: 0,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(error) => return Err(Box::new(builder.syntax(&error))),
        }
    }
    Ok(Tree { source: source.clone(), nodes: builder.nodes, owned: builder.owned })
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, at: CharSpan) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let span = self.span(at);
                let shape = self.shape(style, tag.as_deref(), span)?;
                self.anchor(anchor);
                self.scalar(&value, style, shape, span);
            }
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::SequenceStart(anchor, tag) => self.start(Shape::List, anchor, tag.as_deref(), at)?,
            Event::MappingStart(anchor, tag) => self.start(Shape::Map, anchor, tag.as_deref(), at)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a graph file holds one document, and here a second one starts";
                    let span = self.span(at);
                    return Err(Box::new(
                        Diagnostic::error(&codes::SECOND_DOCUMENT, message)
                            .at(self.source, span)
                            .hint("put it into a file of its own"),
                    ));
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn span(&self, at: CharSpan) -> Span {
        let start = self.offsets.byte(at.start.index());
        Span::new(start..self.offsets.byte(at.end.index()).max(start))
    }

    fn next(&self) -> u32 {
        self.nodes.len() as u32
    }

    fn anchor(&mut self, id: usize) {
        if id > 0 {
            let node = self.next();
            if self.anchors.len() <= id {
                self.anchors.resize(id + 1, 0);
            }
            self.anchors[id] = node;
        }
    }

    /// Plain or text, by style and tag.
    fn shape(&self, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Shape, Box<Diagnostic>> {
        let by_style = if style == ScalarStyle::Plain { Shape::Plain } else { Shape::Text };
        match tag {
            None => Ok(by_style),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(Shape::Text),
            Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
                "str" => Ok(Shape::Text),
                "int" | "float" | "bool" | "null" => Ok(Shape::Plain),
                _ => Err(self.unknown_tag(tag, span)),
            },
            Some(tag) => Err(self.unknown_tag(tag, span)),
        }
    }

    fn unknown_tag(&self, tag: &Tag, span: Span) -> Box<Diagnostic> {
        let message = format!("the tag {tag} has no meaning here");
        Box::new(Diagnostic::error(&codes::UNKNOWN_TAG, message).at(self.source, span).hint("remove the tag"))
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, shape: Shape, at: Span) {
        let written = &self.text[at.start as usize..at.end as usize];
        let (span, data) = match style {
            // The parser says `~` where nothing is written.
            ScalarStyle::Plain if written == value || written.is_empty() => (at, Node::AS_IS),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                let span = quoted_span(self.text, at.start as usize);
                let inner = self.text.get(span.start as usize + 1..(span.end as usize).saturating_sub(1));
                (span, if inner == Some(value) { Node::UNQUOTED } else { self.own(value) })
            }
            _ => {
                let shown = written.trim_end().len() as u32;
                (Span { start: at.start, end: at.start + shown }, self.own(value))
            }
        };
        let end = self.next() + 1;
        self.nodes.push(Node { span, end, data, shape });
    }

    fn own(&mut self, value: &str) -> u32 {
        self.owned.push(value.into());
        self.owned.len() as u32 - 1
    }

    fn alias(&mut self, anchor: usize, at: CharSpan) -> Result<(), Box<Diagnostic>> {
        let span = self.span(at);
        let target = self.anchors.get(anchor).copied().unwrap_or_default();
        if self.nodes[target as usize].end == OPEN {
            let message = "this alias stands inside the value that it stands for";
            let anchor = self.nodes[target as usize].span.start;
            return Err(Box::new(
                Diagnostic::error(&codes::ALIAS_CYCLE, message).at(self.source, span).also(
                    self.source,
                    Span { start: anchor, end: anchor },
                    "the value starts here",
                ),
            ));
        }
        let end = self.next() + 1;
        self.nodes.push(Node { span, end, data: target, shape: Shape::Alias });
        Ok(())
    }

    fn start(
        &mut self,
        shape: Shape,
        anchor: usize,
        tag: Option<&Tag>,
        at: CharSpan,
    ) -> Result<(), Box<Diagnostic>> {
        let span = self.span(at);
        let wanted = if shape == Shape::List { "seq" } else { "map" };
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() || tag.suffix != wanted) {
            return Err(self.unknown_tag(tag, span));
        }
        if self.open.len() == DEPTH {
            let message = format!("lists and maps are nested more than {DEPTH} deep");
            return Err(Box::new(Diagnostic::error(&codes::TOO_DEEP, message).at(self.source, span)));
        }
        self.anchor(anchor);
        self.open.push(self.next());
        self.nodes.push(Node { span, end: OPEN, data: 0, shape });
        Ok(())
    }

    /// A block ends with its last child: the parser tells only where the next token starts.
    fn end(&mut self, at: CharSpan) {
        let Some(open) = self.open.pop() else { return };
        let end = self.next();
        let last = self.nodes.last().map_or(0, |node| node.span.end);
        let flow_end = self.offsets.byte(at.end.index()) as u32;
        let node = &mut self.nodes[open as usize];
        node.end = end;
        let flow = matches!(self.text.as_bytes().get(node.span.start as usize), Some(b'[' | b'{'));
        node.span.end = if flow { flow_end.max(last) } else { last.max(node.span.end) };
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let offset = self.offsets.byte(error.marker().index());
        syntax::diagnostic(self.source, offset, error.info())
    }
}

/// From one quote to its other: the parser's own end includes the blanks that follow.
fn quoted_span(text: &str, start: usize) -> Span {
    let bytes = &text.as_bytes()[start..];
    let quote = bytes.first().copied().unwrap_or(b'"');
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => break,
            _ => {}
        }
        at += 1;
    }
    let end = (start + at + 1).min(text.len()).max(start);
    // A quote is ASCII, and so is what precedes the end; past the text's end there is nothing to split.
    Span::new(start..end)
}

//! Reads a tree as if aliases and merges were written out, within a bound, and collects what is wrong.

use std::collections::{HashMap, HashSet};

use super::build::DEPTH;
use super::tree::{Id, Shape, Tree};
use crate::engine::Span;
use crate::lang::diag::{Code, Diagnostic, Findings, Quoted, codes};

/// How many values aliases and merges may add to those of the file.
pub const EXPANSION: u32 = 1_000_000;

/// Maps up to this size are searched for duplicates by walking them.
const SMALL_MAP: usize = 12;

/// A key and its value. The key is a scalar; the value may be an alias.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'t> {
    /// The key.
    pub key: Id,
    /// The key's text.
    pub text: &'t str,
    /// The value.
    pub value: Id,
}

/// A reader of one tree.
#[derive(Debug)]
pub struct Reader<'t> {
    /// The tree.
    pub tree: &'t Tree,
    /// What was found so far.
    pub findings: Findings,
    expansion_left: u32,
    exploded: bool,
}

impl<'t> Reader<'t> {
    /// A reader that has found nothing yet.
    pub fn new(tree: &'t Tree) -> Self {
        Self { tree, findings: Findings::default(), expansion_left: EXPANSION, exploded: false }
    }

    /// An error at a node, yet without label and hint.
    pub fn error_at(&self, code: &'static Code, id: Id, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(self.tree.source(), self.tree.span(id))
    }

    /// Where to point for the value of a pair: at its key, when nothing is written.
    pub fn value_span(&self, pair: &Pair<'_>) -> Span {
        let span = self.tree.span(pair.value);
        if span.start == span.end { self.tree.span(pair.key) } else { span }
    }

    /// A pair from its key to its value, where both stand in this order.
    pub fn pair_span(&self, pair: &Pair<'_>) -> Span {
        let (key, value) = (self.tree.span(pair.key), self.tree.span(pair.value));
        if key.start < value.start { Span { start: key.start, ..value } } else { value }
    }

    /// The node itself, or what it stands for; `None`, once aliases have expanded to too much.
    pub fn resolve(&mut self, id: Id) -> Option<Id> {
        if self.tree.shape(id) != Shape::Alias {
            return Some(id);
        }
        let target = self.tree.target(id);
        self.charge(id, self.tree.size(target)).then_some(target)
    }

    /// Takes from the bound; reports, once, when nothing is left.
    fn charge(&mut self, at: Id, nodes: u32) -> bool {
        if let Some(left) = self.expansion_left.checked_sub(nodes) {
            self.expansion_left = left;
            return true;
        }
        self.expansion_left = 0;
        if !self.exploded {
            self.exploded = true;
            let message = format!("the aliases of this file expand to more than {EXPANSION} values");
            let diagnostic = self.error_at(&codes::ALIAS_BOMB, at, message);
            self.findings.error(|| diagnostic.label("this one was too much"));
        }
        false
    }

    /// What a node is, in words: "a list", "the text `x`".
    pub fn describe(&self, id: Id) -> String {
        match self.tree.shape(id) {
            Shape::List => "a list".to_owned(),
            Shape::Map => "a map".to_owned(),
            Shape::Alias => "an alias".to_owned(),
            Shape::Text => "a string".to_owned(),
            Shape::Plain if self.tree.is_null(id) => "nothing".to_owned(),
            Shape::Plain => Quoted(self.tree.text(id)).to_string(),
        }
    }

    /// Reports a value of the wrong type. `of` is a name, or several words for what has none.
    pub fn wrong_type(&mut self, id: Id, wanted: &str, of: &str, hint: Option<String>) {
        let tick = if of.contains(' ') { "" } else { "`" };
        let message = format!("expected {wanted} for {tick}{of}{tick}, found {}", self.describe(id));
        let diagnostic = self.error_at(&codes::WRONG_TYPE, id, message);
        self.findings.error(|| diagnostic.label(format!("not {wanted}")).maybe_hint(hint));
    }

    /// The entries of a list. Null is an empty list.
    pub fn list(&mut self, id: Id, of: &str) -> Option<Vec<Id>> {
        let id = self.resolve(id)?;
        match self.tree.shape(id) {
            Shape::List => Some(self.tree.children(id).collect()),
            _ if self.tree.is_null(id) => Some(Vec::new()),
            shape => {
                let hint = (shape == Shape::Map).then(|| "start each entry with `- `".to_owned());
                self.wrong_type(id, "a list", of, hint);
                None
            }
        }
    }

    /// The pairs of a map, merges included: what is written wins over what is merged, an earlier merge over a later.
    pub fn map(&mut self, id: Id, of: &str) -> Option<Vec<Pair<'t>>> {
        let id = self.resolve(id)?;
        if self.tree.shape(id) != Shape::Map {
            self.wrong_type(id, "a map", of, None);
            return None;
        }
        self.pairs(id, 0)
    }

    fn pairs(&mut self, id: Id, depth: usize) -> Option<Vec<Pair<'t>>> {
        let tree = self.tree;
        let mut pairs: Vec<Pair<'t>> = Vec::new();
        let mut merges: Vec<Pair<'t>> = Vec::new();
        let mut seen: HashMap<&'t str, Id> = HashMap::new();
        let mut children = tree.children(id);
        while let (Some(written), Some(value)) = (children.next(), children.next()) {
            let key = self.resolve(written)?;
            if !matches!(tree.shape(key), Shape::Plain | Shape::Text) {
                let message = format!("a key is text, and this is {}", self.describe(key));
                let diagnostic = self.error_at(&codes::BAD_KEY, written, message);
                self.findings.error(|| diagnostic);
                continue;
            }
            let pair = Pair { key: written, text: tree.text(key), value };
            if pair.text == "<<" && tree.shape(key) == Shape::Plain {
                merges.push(pair);
                continue;
            }
            let known = if pairs.len() <= SMALL_MAP {
                pairs.iter().find(|known| known.text == pair.text).map(|known| known.key)
            } else {
                if seen.is_empty() {
                    seen.extend(pairs.iter().map(|pair| (pair.text, pair.key)));
                }
                seen.insert(pair.text, pair.key)
            };
            match known {
                Some(first) => self.duplicate_key(first, &pair),
                None => pairs.push(pair),
            }
        }
        if !merges.is_empty() {
            let mut given: HashSet<&str> = pairs.iter().map(|pair| pair.text).collect();
            for merge in merges {
                self.merge(&merge, &mut pairs, &mut given, depth)?;
            }
        }
        Some(pairs)
    }

    fn duplicate_key(&mut self, first: Id, pair: &Pair<'_>) {
        let message = format!("the key {} is given twice", Quoted(pair.text));
        let diagnostic = self.error_at(&codes::DUPLICATE_KEY, pair.key, message);
        let first = self.tree.span(first);
        self.findings.error(|| diagnostic.label("again here").also(self.tree.source(), first, "first here"));
    }

    fn merge(
        &mut self,
        merge: &Pair<'t>,
        pairs: &mut Vec<Pair<'t>>,
        given: &mut HashSet<&'t str>,
        depth: usize,
    ) -> Option<()> {
        if depth == DEPTH {
            self.too_deep(merge.value);
            return None;
        }
        let from = self.resolve(merge.value)?;
        let maps = match self.tree.shape(from) {
            Shape::List => self.tree.children(from).collect(),
            _ => vec![from],
        };
        for map in maps {
            let map = self.resolve(map)?;
            if self.tree.shape(map) != Shape::Map {
                let message = format!("`<<` takes a map, and this is {}", self.describe(map));
                let diagnostic = self.error_at(&codes::BAD_MERGE, merge.value, message);
                self.findings
                    .error(|| diagnostic.hint("write `<<: *anchor`, where the anchor is set on a map"));
                continue;
            }
            let merged = self.pairs(map, depth + 1)?;
            if !self.charge(merge.value, merged.len() as u32 + 1) {
                return None;
            }
            pairs.extend(merged.into_iter().filter(|pair| given.insert(pair.text)));
        }
        Some(())
    }

    /// Reports what is nested too deeply.
    pub fn too_deep(&mut self, at: Id) {
        let message = format!("aliases or merges are nested more than {DEPTH} deep");
        let diagnostic = self.error_at(&codes::TOO_DEEP, at, message);
        self.findings.error(|| diagnostic);
    }

    /// A key that has no meaning where it stands.
    pub fn unknown_key(&mut self, pair: &Pair<'_>, of: &str, known: &[&'static str]) {
        let guess = self.findings.did_you_mean(pair.text, known.iter().copied());
        let hint = match guess {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let diagnostic = self.error_at(
            &codes::UNKNOWN_KEY,
            pair.key,
            format!("unknown key {} of {of}", Quoted(pair.text)),
        );
        self.findings.error(|| diagnostic.hint(hint));
    }

    /// Text for people, such as a name: any scalar but null, as it is written.
    pub fn scalar(&mut self, pair: &Pair<'t>) -> Option<&'t str> {
        let id = self.resolve(pair.value)?;
        match self.tree.shape(id) {
            Shape::Plain | Shape::Text if !self.tree.is_null(id) => Some(self.tree.text(id)),
            _ => {
                let at = if self.tree.is_null(id) { pair.key } else { id };
                let message =
                    format!("expected a string for {}, found {}", Quoted(pair.text), self.describe(id));
                let diagnostic = self.error_at(&codes::WRONG_TYPE, at, message);
                self.findings.error(|| diagnostic.label("not a string"));
                None
            }
        }
    }
}

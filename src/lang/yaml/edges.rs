//! The `edges` of a graph file.

use super::document::{Document, Standing};
use super::reader::Pair;
use super::tree::Id;
use crate::engine::graph::dag::Node;
use crate::engine::graph::{Edge, GraphError};
use crate::engine::{Label, Type, Value};
use crate::lang::diag::{Diagnostic, Quoted, codes};

const KEYS: &[&str] = &["name", "from", "to", "notify"];

/// How many edges of a cycle are shown besides the first.
const CYCLE_SHOWN: usize = 8;

/// Names of one kind are all candidates for did-you-mean only up to this number.
const CANDIDATES: usize = 20_000;

/// One end of an edge.
struct End<'t> {
    kind: String,
    name: &'t str,
    /// The value of its `name`.
    at: Id,
    /// `None`: something is wrong with it, which is reported.
    node: Option<Node>,
}

/// An edge of the graph with its place, to show a cycle by.
struct Placed {
    from: Node,
    to: Node,
    at: Id,
}

impl<'t> Document<'t> {
    pub(super) fn edges(&mut self, edges: &Pair<'t>) {
        let Some(entries) = self.reader.list(edges.value, "edges") else { return };
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            placed.extend(self.edge(entry));
        }
        if let Err(GraphError::Cycle(labels)) = self.graph.order() {
            self.cycle(&labels, &placed);
        }
    }

    fn edge(&mut self, id: Id) -> Option<Placed> {
        let pairs = self.reader.map(id, "an edge")?;
        let mut notify = false;
        let mut ends = [None, None];
        for pair in &pairs {
            match pair.text {
                "name" => drop(self.reader.resolve(pair.value)),
                "from" => ends[0] = self.end(pair),
                "to" => ends[1] = self.end(pair),
                "notify" => notify = self.notify(pair),
                _ => self.reader.unknown_key(pair, "an edge", KEYS),
            }
        }
        for key in ["from", "to"] {
            if !pairs.iter().any(|pair| pair.text == key) {
                let start = self.reader.tree.span(id).start;
                let hint = format!("add `{key}: {{kind: KIND, name: NAME}}`");
                self.missing(start, format!("this edge has no `{key}`"), hint);
            }
        }
        let [Some(from), Some(to)] = ends else { return None };
        if from.kind == to.kind && from.name == to.name {
            let message = format!("{} cannot run before itself", Label::new(to.kind, to.name));
            let diagnostic = self.reader.error_at(&codes::SELF_EDGE, to.at, message);
            self.reader.findings.error(|| diagnostic.hint("remove the edge, or correct one of its ends"));
            return None;
        }
        let (from, at, to) = (from.node?, to.at, to.node?);
        self.graph.connect(from, to, Edge { notify, auto: None });
        Some(Placed { from, to, at })
    }

    fn notify(&mut self, pair: &Pair<'t>) -> bool {
        let Some(id) = self.reader.resolve(pair.value) else { return false };
        if self.reader.tree.is_null(id) {
            return false;
        }
        matches!(self.reader.value(id, &Type::Bool, "notify"), Some(Value::Bool(true)))
    }

    fn end(&mut self, end: &Pair<'t>) -> Option<End<'t>> {
        let pairs = self.reader.map(end.value, end.text)?;
        let (mut kind, mut name) = (None, None);
        for pair in &pairs {
            match pair.text {
                "kind" => kind = self.reader.scalar(pair).map(|text| (text, pair.value)),
                "name" => name = self.reader.scalar(pair).map(|text| (text, pair.value)),
                _ => {
                    let of = format!("`{}`", end.text);
                    self.reader.unknown_key(pair, &of, &["kind", "name"]);
                }
            }
        }
        for key in ["kind", "name"] {
            if !pairs.iter().any(|pair| pair.text == key) {
                let start = self.reader.tree.span(end.key).start;
                self.missing(start, format!("this end has no `{key}`"), format!("add `{key}: …`"));
            }
        }
        let ((kind, kind_at), (name, at)) = (kind?, name?);
        let node = self.find(kind, kind_at, name, at);
        Some(End { kind: kind.to_lowercase(), name, at, node })
    }

    /// The vertex of an end. Edges may write a kind in any case.
    fn find(&mut self, kind: &'t str, kind_at: Id, name: &'t str, at: Id) -> Option<Node> {
        let lower;
        let key: &str = if kind.bytes().all(|byte| byte.is_ascii_lowercase() || !byte.is_ascii()) {
            kind
        } else {
            lower = kind.to_lowercase();
            &lower
        };
        let Some((key, _)) = self.registry.entry(key) else {
            self.unknown_kind(kind, kind_at);
            return None;
        };
        match self.declared.get(&(&**key, name)).map(|declared| declared.standing) {
            Some(Standing::Vertex(node)) => Some(node),
            Some(Standing::Broken) => None,
            None if self.unknown_kinds.contains(&&**key) => None,
            None => {
                let hint = self.end_hint(key, name);
                self.unknown_end(key, name, at, hint)
            }
        }
    }

    fn unknown_end(&mut self, kind: &str, name: &str, at: Id, hint: Option<String>) -> Option<Node> {
        let message = format!("the graph has no {kind} named {}", Quoted(name));
        let diagnostic = self.reader.error_at(&codes::UNKNOWN_END, at, message);
        self.reader.findings.error(|| diagnostic.maybe_hint(hint));
        None
    }

    fn end_hint(&mut self, kind: &str, name: &str) -> Option<String> {
        if self.reader.findings.is_full() {
            return None;
        }
        let labels = || self.graph.nodes().map(|node| self.graph.vertex(node).label());
        if let Some(other) = labels().take(CANDIDATES).find(|label| *label.name == *name) {
            return Some(format!("there is {other}"));
        }
        let near = |label: &&Label| label.name.len().abs_diff(name.len()) <= 4;
        let names: Vec<&str> = labels()
            .filter(|label| *label.kind == *kind)
            .filter(near)
            .take(CANDIDATES)
            .map(|l| &*l.name)
            .collect();
        let guess = self.reader.findings.did_you_mean(name, names.iter().copied());
        guess.map(|guess| format!("did you mean {}?", Quoted(guess)))
    }

    /// Shows each edge of a cycle, the first as the error's place.
    fn cycle(&mut self, labels: &[Label], placed: &[Placed]) {
        let tree = self.reader.tree;
        let graph = &self.graph;
        let places: Vec<(Id, String)> = labels
            .windows(2)
            .filter_map(|pair| {
                let (from, to) = (graph.find(&pair[0])?, graph.find(&pair[1])?);
                let edge = placed.iter().find(|edge| edge.from == from && edge.to == to)?;
                Some((edge.at, format!("{} after {}", pair[1], pair[0])))
            })
            .collect();
        let error = GraphError::Cycle(labels.to_vec());
        self.reader.findings.error(|| {
            let mut diagnostic = Diagnostic::error(&codes::CYCLE, error.to_string());
            let mut places = places.into_iter();
            if let Some((at, label)) = places.next() {
                diagnostic = diagnostic.at(tree.source(), tree.span(at)).label(label);
            }
            for (at, label) in places.take(CYCLE_SHOWN) {
                diagnostic = diagnostic.also(tree.source(), tree.span(at), label);
            }
            diagnostic.hint("remove one of these edges")
        });
    }
}

//! The top of a graph file, and what its parts share while they are decoded.

use std::collections::HashMap;
use std::sync::Arc;

use super::build;
use super::legacy;
use super::reader::{Pair, Reader};
use super::secrets::UsedSecret;
use super::tree::{Id, Tree};
use crate::engine::graph::dag::Node;
use crate::engine::kind::Uid;
use crate::engine::world::ExportId;
use crate::engine::world::host_name::why_no_pattern;
use crate::engine::{Graph, Label, Meta, Origin, ParamDecl, Registry, Source};
use crate::lang::collect::{Collect, Draft, FILE};
use crate::lang::diag::{Diagnostic, Quoted, codes};

const KEYS: &[&str] = &["graph", "comment", "resources", "edges", "collect"];

/// What became of a declared resource.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing {
    /// It is in the graph.
    Vertex(Node),
    /// It is wrong, which is reported: edges to it are not reported again.
    Broken,
}

/// A declared resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared {
    pub standing: Standing,
    /// The value of its `name`.
    pub name: Id,
}

/// A file that is being decoded.
pub(super) struct Document<'t> {
    pub reader: Reader<'t>,
    pub registry: &'t Registry,
    pub graph: Graph,
    /// By kind and name.
    pub declared: HashMap<(&'t str, &'t str), Declared>,
    /// What is exported already, and by which resource.
    pub exported: HashMap<ExportId, (Label, Id)>,
    /// What is claimed already, how it is to be, and by which resource.
    pub claimed: HashMap<Uid, (Arc<str>, Label, Id)>,
    pub collects: Vec<Collect>,
    /// The secrets that are used.
    pub secrets: Vec<UsedSecret>,
    /// Kinds that do not exist and are reported: edges to them are not reported again.
    pub unknown_kinds: Vec<&'t str>,
    pub meta_decls: Vec<ParamDecl>,
    /// The last meta-parameters, to be shared by entries with equal ones.
    pub last_meta: Arc<Meta>,
}

/// Decodes a graph file.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(source: &Arc<Source>, registry: &Registry) -> Result<Draft, Vec<Diagnostic>> {
    let tree = build::build(source).map_err(|diagnostic| vec![*diagnostic])?;
    let mut document = Document {
        reader: Reader::new(&tree),
        registry,
        graph: Graph::default(),
        declared: HashMap::new(),
        exported: HashMap::new(),
        claimed: HashMap::new(),
        collects: Vec::new(),
        secrets: Vec::new(),
        unknown_kinds: Vec::new(),
        meta_decls: <Meta as crate::engine::entry::Entry>::params(),
        last_meta: Meta::shared_default(),
    };
    document.top(&tree);
    let warnings = document.reader.findings.finish()?;
    Ok(Draft::new(document.graph, warnings, document.collects))
}

impl<'t> Document<'t> {
    fn top(&mut self, tree: &'t Tree) {
        let Some(root) = tree.root().filter(|&root| !tree.is_null(root)) else {
            let diagnostic = Diagnostic::error(&codes::EMPTY, "the file holds nothing but comments");
            let diagnostic = diagnostic.file(tree.source().path());
            return self
                .reader
                .findings
                .error(|| diagnostic.hint("the smallest graph file is `graph: NAME`"));
        };
        let Some(pairs) = self.reader.map(root, "the graph file") else { return };
        self.name(root, &pairs);
        for pair in &pairs {
            match pair.text {
                "graph" | "edges" | "resources" => {}
                "comment" => drop(self.reader.resolve(pair.value)),
                "collect" => self.collect(pair),
                key => match legacy::TOP.iter().find(|(name, _)| *name == key) {
                    Some((_, why)) => self.ignored(pair, why),
                    None => self.reader.unknown_key(pair, "the graph file", KEYS),
                },
            }
        }
        // Edges name resources, wherever in the file they stand.
        for (key, decode) in
            [("resources", Self::resources as fn(&mut Self, &Pair<'t>)), ("edges", Self::edges)]
        {
            if let Some(pair) = pairs.iter().find(|pair| pair.text == key) {
                decode(self, pair);
            }
        }
    }

    fn name(&mut self, root: Id, pairs: &[Pair<'t>]) {
        let Some(pair) = pairs.iter().find(|pair| pair.text == "graph") else {
            let start = self.reader.tree.span(root).start;
            return self.missing(start, "the graph has no name", "add `graph: NAME`");
        };
        match self.reader.scalar(pair) {
            Some("") => {
                let start = self.reader.tree.span(pair.value).start;
                self.missing(start, "the graph's name is empty", "write `graph: NAME`");
            }
            Some(name) => self.graph.name = name.into(),
            None => {}
        }
    }

    /// Something that must be given is not.
    pub(super) fn missing(&mut self, start: u32, message: impl Into<String>, hint: impl Into<String>) {
        let source = self.reader.tree.source();
        let rest = &source.text()[start as usize..];
        let width = rest.find([' ', ':', '\n', '\r']).unwrap_or(rest.len()).max(1) as u32;
        let span = crate::engine::Span { start, end: start + width };
        self.reader
            .findings
            .error(|| Diagnostic::error(&codes::MISSING_KEY, message).at(source, span).hint(hint));
    }

    /// A key that is accepted and does nothing.
    pub(super) fn ignored(&mut self, pair: &Pair<'_>, instead: &str) {
        let tree = self.reader.tree;
        self.reader.findings.warn(|| {
            Diagnostic::warning(&codes::IGNORED_KEY, format!("`{}` has no effect", pair.text))
                .at(tree.source(), tree.span(pair.key))
                .hint(instead)
        });
    }

    fn collect(&mut self, pair: &Pair<'t>) {
        for entry in self.reader.list(pair.value, "collect").unwrap_or_default() {
            if let Some(pairs) = self.reader.map(entry, "an entry of `collect`") {
                self.collected(entry, &pairs);
            }
        }
    }

    /// One entry of `collect`.
    fn collected(&mut self, entry: Id, pairs: &[Pair<'t>]) {
        for pair in pairs.iter().filter(|pair| !matches!(pair.text, "kind" | "pattern" | "from")) {
            self.reader.unknown_key(pair, "an entry of `collect`", &["kind", "pattern", "from"]);
        }
        let Some(kind) = pairs.iter().find(|pair| pair.text == "kind") else {
            let start = self.reader.tree.span(entry).start;
            return self.missing(start, "an entry of `collect` has no `kind`", "add `kind: KIND`");
        };
        let Some(text) = self.reader.scalar(kind) else { return };
        let pattern = pairs.iter().find(|pair| pair.text == "pattern");
        let Some((name, _)) = self.registry.entry(text) else { return self.unknown_kind(text, kind.value) };
        let under = match (pattern, &**name == FILE) {
            (Some(pattern), true) => match self.directory(pattern) {
                Some(directory) => Some(directory.into()),
                None => return,
            },
            (None, true) => {
                let start = self.reader.tree.span(entry).start;
                let hint = "add `pattern: /DIRECTORY`, under which they are laid";
                return self.missing(start, "files are collected without a `pattern`", hint);
            }
            (Some(pattern), false) => {
                self.ignored(pattern, "it says where files are laid; of other kinds all are collected");
                None
            }
            (None, false) => None,
        };
        let from = match pairs.iter().find(|pair| pair.text == "from") {
            Some(from) => match self.hosts(from) {
                Some(pattern) => Some(pattern.into()),
                None => return,
            },
            None => None,
        };
        let origin = Origin { source: self.reader.tree.source().clone(), span: self.reader.pair_span(kind) };
        self.collects.push(Collect { kind: name.clone(), under, from, origin });
    }

    /// The pattern of the hosts from which is collected.
    fn hosts(&mut self, from: &Pair<'t>) -> Option<&'t str> {
        let pattern = self.reader.scalar(from)?;
        let Some(why) = why_no_pattern(pattern) else { return Some(pattern) };
        let message = format!("{} names no hosts: {why}", Quoted(pattern));
        let diagnostic = self.reader.error_at(&codes::BAD_NAME, from.value, message);
        self.reader
            .findings
            .error(|| diagnostic.hint("such as `web-*`: `*` stands for any text, `?` for any character"));
        None
    }

    /// The directory under which files are laid.
    fn directory(&mut self, pattern: &Pair<'t>) -> Option<&'t str> {
        let directory = self.reader.scalar(pattern)?;
        if directory.starts_with('/') {
            return Some(directory);
        }
        let message = format!("the pattern {} is no absolute directory", Quoted(directory));
        let diagnostic = self.reader.error_at(&codes::BAD_PATTERN, pattern.value, message);
        self.reader.findings.error(|| diagnostic.hint("write it from `/` on: files are laid under it"));
        None
    }

    /// Reports a kind that does not exist, once.
    pub(super) fn unknown_kind(&mut self, kind: &'t str, at: Id) {
        if self.unknown_kinds.contains(&kind) {
            return;
        }
        self.unknown_kinds.push(kind);
        let names: Vec<&str> = self.registry.names().collect();
        let guess = self.reader.findings.did_you_mean(kind, names.iter().copied());
        let hint = match (self.registry.called_elsewhere(kind), guess) {
            (Some(ours), _) => format!("what others call `{kind}` is `{ours}` here"),
            (None, Some(guess)) => format!("did you mean `{guess}`?"),
            (None, None) => "`mgmt explain` lists all kinds".to_owned(),
        };
        let message = format!("there is no kind {}", Quoted(kind));
        let diagnostic = self.reader.error_at(&codes::UNKNOWN_KIND, at, message);
        self.reader.findings.error(|| diagnostic.hint(hint));
    }
}

//! The `resources` of a graph file: from entries to declarations.

use std::sync::Arc;

use super::document::{Declared, Document, Standing};
use super::legacy;
use super::reader::Pair;
use super::tree::Id;
use crate::engine::declaration::Receive;
use crate::engine::graph::Vertex;
use crate::engine::world::Audience;
use crate::engine::{Declaration, Kind, Label, Meta, Origin, ParamDecl, ParamError, Params, Value};
use crate::lang::diag::{Diagnostic, Quoted, codes};

/// What all entries of one kind share.
#[derive(Clone, Copy)]
struct Of<'t> {
    name: &'t Arc<str>,
    kind: &'t Arc<dyn Kind>,
    params: &'t [ParamDecl],
}

/// The pairs of an entry that were read, for errors to point at.
struct Entry<'t> {
    id: Id,
    name: Pair<'t>,
    pairs: Vec<Pair<'t>>,
}

/// A name that starts with this is for other hosts, under the rest of it.
const EXPORTED: &str = "@@";

/// Lets the kind judge a declaration, under the name that other hosts see if it is for them: they would have to refuse
/// it otherwise.
fn judge(kind: &Arc<dyn Kind>, declaration: &Declaration) -> Result<(), Vec<ParamError>> {
    let built = match &declaration.exported_as {
        None => kind.build(declaration),
        Some(name) => {
            let label = Label { name: name.clone(), ..declaration.label.clone() };
            kind.build(&Declaration { label, ..declaration.clone() })
        }
    };
    // What is received is not here yet, and may well be missing.
    let is_received =
        |error: &ParamError| declaration.receives.iter().any(|it| error.param == Some(it.param));
    match built {
        Err(mut errors) => {
            errors.retain(|error| !is_received(error));
            if errors.is_empty() { Ok(()) } else { Err(errors) }
        }
        Ok(_) => Ok(()),
    }
}

impl<'t> Document<'t> {
    pub(super) fn resources(&mut self, resources: &Pair<'t>) {
        let Some(id) = self.reader.resolve(resources.value) else { return };
        if self.reader.tree.is_null(id) {
            return;
        }
        let Some(kinds) = self.reader.map(id, "resources") else { return };
        for pair in kinds {
            let Some((name, kind)) = self.registry.entry(pair.text) else {
                self.unknown_kind(pair.text, pair.key);
                continue;
            };
            let of = Of { name, kind, params: &kind.describe().params };
            let Some(entries) = self.reader.list(pair.value, pair.text) else {
                // Its entries are unknown, so no edge can be told to lead nowhere.
                self.unknown_kinds.push(pair.text);
                continue;
            };
            for entry in entries {
                self.entry(of, entry);
            }
        }
        self.add_secrets();
    }

    fn entry(&mut self, of: Of<'t>, id: Id) {
        let Some(pairs) = self.reader.map(id, "an entry of `resources`") else { return };
        let Some(&name) = pairs.iter().find(|pair| pair.text == "name") else {
            let start = self.reader.tree.span(id).start;
            return self.missing(start, format!("this {} has no name", of.name), "add `name: NAME`");
        };
        let Some(text) = self.reader.scalar(&name) else { return };
        let entry = Entry { id, name, pairs };
        let (params, receives, params_fit) = self.params(of, &entry);
        let meta = self.meta(&entry, of.name, text);
        let label = Label { kind: of.name.clone(), name: text.into() };
        let named = self.named(&entry, &label, meta.as_ref());
        let declared = match meta {
            Some(meta) if params_fit && named => {
                let span = self.reader.pair_span(&name);
                let mut declaration = Declaration::new(label, params);
                declaration.meta = meta;
                declaration.receives = receives;
                declaration.exported_as = text.strip_prefix(EXPORTED).map(Arc::from);
                declaration.origin = Some(Origin { source: self.reader.tree.source().clone(), span });
                self.declare(of, &entry, declaration)
            }
            _ => Standing::Broken,
        };
        self.remember(of, text, Declared { standing: declared, name: name.value });
    }

    /// An earlier declaration that is sound stays: edges lead to it.
    fn remember(&mut self, of: Of<'t>, name: &'t str, declared: Declared) {
        let slot = self.declared.entry((&**of.name, name)).or_insert(declared);
        if !matches!(slot.standing, Standing::Vertex(_)) {
            *slot = declared;
        }
    }

    /// The parameters, what they receive, and whether all of them fit their types.
    fn params(&mut self, of: Of<'t>, entry: &Entry<'t>) -> (Params, Vec<Receive>, bool) {
        let mut params = Params::new();
        let mut receives = Vec::new();
        let mut fit = true;
        for pair in &entry.pairs {
            if matches!(pair.text, "name" | "meta") {
                continue;
            }
            let Some(decl) = of.params.iter().find(|decl| decl.name == pair.text) else {
                if let Some(instead) = legacy::entry(of.name, pair.text) {
                    self.ignored(pair, instead);
                } else {
                    fit = false;
                    self.unknown_param(of, pair);
                }
                continue;
            };
            fit &= match self.secret_param(pair, decl, &mut params, &mut receives) {
                Some(fits) => fits,
                None => self.param(pair, decl, &mut params),
            };
        }
        (params, receives, fit)
    }

    /// One parameter; null stands for one that is not given.
    fn param(&mut self, pair: &Pair<'t>, decl: &ParamDecl, params: &mut Params) -> bool {
        let Some(id) = self.reader.resolve(pair.value) else { return false };
        if self.reader.tree.is_null(id) {
            return true;
        }
        let value = self.reader.value(id, &decl.ty, decl.name);
        let fits = value.is_some();
        if let Some(value) = value {
            params.set(decl.name, value);
        }
        fits
    }

    fn unknown_param(&mut self, of: Of<'t>, pair: &Pair<'t>) {
        let names: Vec<&str> = of.params.iter().map(|decl| decl.name).chain(["name", "meta"]).collect();
        let hint = if self.meta_decls.iter().any(|decl| decl.name == pair.text) {
            format!("it is a meta-parameter: write `meta: {{{}: …}}`", pair.text)
        } else {
            match self.reader.findings.did_you_mean(pair.text, names.iter().copied()) {
                Some(guess) => format!("did you mean `{guess}`?"),
                None => format!("`mgmt explain {}` lists its parameters", of.name),
            }
        };
        let message = format!("{} has no parameter {}", of.name, Quoted(pair.text));
        let diagnostic = self.reader.error_at(&codes::UNKNOWN_PARAM, pair.key, message);
        self.reader.findings.error(|| diagnostic.hint(hint));
    }

    /// The meta-parameters of an entry; `None` when something is wrong with them.
    fn meta(&mut self, entry: &Entry<'t>, kind: &str, name: &str) -> Option<Arc<Meta>> {
        let mut params = Params::new();
        let written = entry.pairs.iter().find(|pair| pair.text == "meta");
        let pairs = match written {
            Some(meta) => self.meta_params(meta, &mut params)?,
            None => Vec::new(),
        };
        if name.starts_with(EXPORTED) {
            params.set("hidden", Value::Bool(true));
            if params.get("export").is_none() {
                params.set("export", Value::List([Value::str("*")].into()));
            }
        }
        if params.iter().next().is_none() {
            return Some(Meta::shared_default());
        }
        match Meta::from_params(&params) {
            Ok(meta) if meta == *self.last_meta => {}
            Ok(meta) => self.last_meta = Arc::new(meta),
            Err(errors) => {
                let label = Label::new(kind, name);
                self.refused(&label, &errors, &pairs, written.unwrap_or(&entry.name));
                return None;
            }
        }
        Some(self.last_meta.clone())
    }

    /// The meta-parameters that are written, which go into `params`; `None` when something is wrong with them.
    fn meta_params(&mut self, meta: &Pair<'t>, params: &mut Params) -> Option<Vec<Pair<'t>>> {
        let id = self.reader.resolve(meta.value)?;
        if self.reader.tree.is_null(id) {
            return Some(Vec::new());
        }
        let pairs = self.reader.map(id, "meta")?;
        let decls = std::mem::take(&mut self.meta_decls);
        let mut fit = true;
        for pair in &pairs {
            match decls.iter().find(|decl| decl.name == pair.text) {
                Some(decl) => fit &= self.param(pair, decl, params),
                None => {
                    fit = false;
                    self.unknown_meta(pair, &decls);
                }
            }
        }
        self.meta_decls = decls;
        fit.then_some(pairs)
    }

    fn unknown_meta(&mut self, pair: &Pair<'t>, decls: &[ParamDecl]) {
        let names: Vec<&str> = decls.iter().map(|decl| decl.name).collect();
        let hint = match self.reader.findings.did_you_mean(pair.text, names.iter().copied()) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "`mgmt explain meta` lists all of them".to_owned(),
        };
        let message = format!("there is no meta-parameter {}", Quoted(pair.text));
        let diagnostic = self.reader.error_at(&codes::UNKNOWN_META, pair.key, message);
        self.reader.findings.error(|| diagnostic.hint(hint));
    }

    /// Whether the name can be.
    fn named(&mut self, entry: &Entry<'t>, label: &Label, meta: Option<&Arc<Meta>>) -> bool {
        let at = entry.name.value;
        let name = label.name.strip_prefix(EXPORTED).unwrap_or(&label.name);
        if name.is_empty() {
            let message = format!("the name of this {} is empty", label.kind);
            let diagnostic = self.reader.error_at(&codes::BAD_NAME, at, message);
            self.reader.findings.error(|| diagnostic);
            return false;
        }
        if name.starts_with('$') && meta.is_some_and(|meta| !meta.dollar) {
            let message = format!("the name {} starts with `$`", Quoted(&label.name));
            let diagnostic = self.reader.error_at(&codes::DOLLAR, at, message);
            let hint = "graph files have no variables; to mean the sign itself, add `meta: {dollar: true}`";
            self.reader.findings.error(|| diagnostic.hint(hint));
            return false;
        }
        true
    }

    /// Reports what a kind, or the meta-parameters, refuse: at the parameter, or else at the name.
    fn refused(&mut self, label: &Label, errors: &[ParamError], pairs: &[Pair<'t>], fallback: &Pair<'t>) {
        for error in errors {
            let pair = error.param.and_then(|param| pairs.iter().find(|pair| pair.text == param));
            let span = self.reader.value_span(pair.unwrap_or(fallback));
            let source = self.reader.tree.source();
            self.reader.findings.error(|| {
                Diagnostic::error(&codes::REFUSED, format!("{label}: {error}"))
                    .at(source, span)
                    .maybe_hint(error.hint.clone())
            });
        }
    }

    /// Lets the kind judge a declaration, and adds it to the graph.
    fn declare(&mut self, of: Of<'t>, entry: &Entry<'t>, declaration: Declaration) -> Standing {
        if !self.may_receive(&declaration, entry.name.value) {
            return Standing::Broken;
        }
        if let Err(errors) = judge(of.kind, &declaration) {
            self.refused(&declaration.label, &errors, &entry.pairs, &entry.name);
            return Standing::Broken;
        }
        if let Some(node) = self.graph.find(&declaration.label) {
            if *self.graph.vertex(node).lead() != declaration {
                self.duplicate(entry, &declaration);
            }
            return Standing::Vertex(node);
        }
        if !self.export(entry, &declaration) || !self.claim(of, entry, &declaration) {
            return Standing::Broken;
        }
        let (Ok(node) | Err(node)) = self.graph.add(Vertex::new(of.kind.clone(), declaration));
        self.uses_secrets(node);
        Standing::Vertex(node)
    }

    /// Whether no other resource is exported to the same host under the same name.
    fn export(&mut self, entry: &Entry<'t>, declaration: &Declaration) -> bool {
        let tree = self.reader.tree;
        let at = entry.name.value;
        for id in declaration.export_ids() {
            let to = id.to.clone();
            let (first, first_at) =
                self.exported.entry(id).or_insert_with(|| (declaration.label.clone(), at));
            if *first != declaration.label {
                let message = match to {
                    Audience::All => format!("{} and {first} are exported under one name", declaration.label),
                    Audience::Host(host) => {
                        format!("{} and {first} are exported to {host} under one name", declaration.label)
                    }
                };
                let first_at = *first_at;
                self.reader.findings.error(|| {
                    Diagnostic::error(&codes::DUPLICATE_EXPORT, message)
                        .at(tree.source(), tree.span(at))
                        .label("again here")
                        .also(tree.source(), tree.span(first_at), "first here")
                        .hint("keep one of them, or give one another name")
                });
                return false;
            }
        }
        true
    }

    /// Whether no other resource of this host would have something otherwise.
    fn claim(&mut self, of: Of<'t>, entry: &Entry<'t>, declaration: &Declaration) -> bool {
        if declaration.meta.hidden || declaration.exported_as.is_some() {
            return true;
        }
        let (tree, label, at) = (self.reader.tree, &declaration.label, entry.name.value);
        for claim in of.kind.claims(declaration) {
            let new = || (claim.wanted.clone(), label.clone(), at);
            let (wanted, first, first_at) = self.claimed.entry(claim.of.clone()).or_insert_with(new).clone();
            if wanted == claim.wanted || first == *label {
                continue;
            }
            let message =
                format!("{label} and {first} contradict one another: both are about {}", claim.of.id);
            self.reader.findings.error(|| {
                Diagnostic::error(&codes::CONTRADICTION, message)
                    .at(tree.source(), tree.span(at))
                    .label("this one")
                    .also(tree.source(), tree.span(first_at), "and this one")
                    .hint("keep one of them: else each would undo what the other does")
            });
            return false;
        }
        true
    }

    fn duplicate(&mut self, entry: &Entry<'t>, declaration: &Declaration) {
        let tree = self.reader.tree;
        let label = &declaration.label;
        let key = (&*label.kind, &*label.name);
        let first = self.declared.get(&key).map_or(entry.id, |declared| declared.name);
        self.reader.findings.error(|| {
            Diagnostic::error(
                &codes::DUPLICATE_RESOURCE,
                format!("{label} is declared twice, and differently"),
            )
            .at(tree.source(), tree.span(entry.name.value))
            .label("again here")
            .also(tree.source(), tree.span(first), "first here")
            .hint("keep one of them, or give one another name")
        });
    }
}

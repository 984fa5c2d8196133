//! A draft's graph with what reaches this host.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Collect, Collections, Draft, Refusal, adopt};
use crate::engine::entry::Entry as _;
use crate::engine::graph::Vertex;
use crate::engine::graph::dag::Node;
use crate::engine::world::{Audience, Collected, CollectedId, Collection};
use crate::engine::{Declaration, Graph, Label, Meta, ParamDecl, Registry};
use crate::lang::diag::{Diagnostic, Findings, codes};
use crate::lang::frontend::Parsed;

/// Adds what reaches this host to a draft's graph, as often as it changes.
#[derive(Debug)]
pub struct Gatherer {
    draft: Draft,
    registry: Arc<Registry>,
    metas: Vec<ParamDecl>,
    /// What became of each export, by the wish to collect it.
    adopted: Vec<Adopted>,
    /// What was warned of with the last graph.
    warned: BTreeSet<String>,
}

type Adopted = BTreeMap<CollectedId, Outcome>;

/// What became of one export.
#[derive(Debug)]
struct Outcome {
    of: Arc<Collected>,
    vertex: Result<Vertex, Refusal>,
}

/// A graph that grows.
struct Growing<'a> {
    graph: Graph,
    /// Who exports what was collected.
    from: HashMap<Node, &'a CollectedId>,
    warnings: Vec<Diagnostic>,
}

impl Gatherer {
    /// Nothing is gathered yet.
    pub fn new(draft: Draft, registry: Arc<Registry>) -> Self {
        let adopted = draft.collects.iter().map(|_| Adopted::new()).collect();
        Self { draft, registry, metas: Meta::params(), adopted, warned: BTreeSet::new() }
    }

    /// The draft's graph with all that these collections have for it. The draft's own warnings come with the first
    /// graph; a warning about an export, with the first graph that it is about.
    pub fn gather(&mut self, collections: &Collections) -> Parsed {
        for (collect, adopted) in self.draft.collects.iter().zip(&mut self.adopted) {
            if let Some((_, kind)) = self.registry.entry(&collect.kind) {
                let none = Collection::default();
                let collection = collections.get(&collect.kind).unwrap_or(&none);
                let is_meant = |id: &CollectedId| {
                    collect.from.as_deref().is_none_or(|pattern| id.from.is_like(pattern))
                };
                renew(adopted, collection, is_meant, |id, collected| adopt(kind, &self.metas, collect, id, collected));
            }
        }
        let mut growing =
            Growing { graph: self.draft.graph.clone(), from: HashMap::new(), warnings: Vec::new() };
        for (collect, adopted) in self.draft.collects.iter().zip(&self.adopted) {
            for (id, outcome) in chosen(adopted) {
                match &outcome.vertex {
                    Ok(vertex) => growing.add(vertex, id, collect),
                    Err(refusal) => growing.warnings.push(refused(collect, id, refusal)),
                }
            }
        }
        let Growing { graph, warnings, .. } = growing;
        let mut all = std::mem::take(&mut self.draft.warnings);
        all.extend(self.unsaid(warnings));
        Parsed { graph, warnings: all }
    }

    /// Those that did not come with the last graph.
    fn unsaid(&mut self, warnings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let known = std::mem::take(&mut self.warned);
        let mut findings = Findings::default();
        for warning in warnings {
            let key = format!("{}\0{}\0{:?}", warning.offset(), warning.message, warning.causes);
            if !known.contains(&key) && !self.warned.contains(&key) {
                findings.warn(|| warning);
            }
            self.warned.insert(key);
        }
        findings.finish().expect("only warnings were found")
    }
}

/// Makes `adopted` be about this collection: what has not changed is not made again.
fn renew(
    adopted: &mut Adopted,
    collection: &BTreeMap<CollectedId, Arc<Collected>>,
    is_meant: impl Fn(&CollectedId) -> bool,
    make: impl Fn(&CollectedId, &Collected) -> Result<Vertex, Refusal>,
) {
    adopted.retain(|id, _| collection.contains_key(id));
    for (id, collected) in collection.iter().filter(|(id, _)| is_meant(id)) {
        let same = |known: &Outcome| Arc::ptr_eq(&known.of, collected) || known.of == *collected;
        if !adopted.get(id).is_some_and(same) {
            let vertex = make(id, collected);
            adopted.insert(id.clone(), Outcome { of: collected.clone(), vertex });
        }
    }
}

/// In the order of names and hosts. What a host exports to this one goes before what it exports under the same name
/// to all.
fn chosen(adopted: &Adopted) -> impl Iterator<Item = (&CollectedId, &Outcome)> {
    let is_beside = |id: &CollectedId| {
        id.to == Audience::All && {
            let mut after = adopted.range(id..).skip(1).map(|(next, _)| next);
            after.next().is_some_and(|next| next.name == id.name && next.from == id.from)
        }
    };
    adopted.iter().filter(move |(id, _)| !is_beside(id))
}

impl<'a> Growing<'a> {
    fn add(&mut self, vertex: &Vertex, id: &'a CollectedId, collect: &Collect) {
        let taken = match self.graph.add(vertex.clone()) {
            Ok(node) => {
                self.from.insert(node, id);
                return;
            }
            Err(taken) => taken,
        };
        let there = self.graph.vertex(taken).lead();
        let warning = match self.from.get(&taken) {
            Some(first) => (there != vertex.lead()).then(|| differ(collect, vertex.label(), first, id)),
            None => (!is_same(there, vertex.lead())).then(|| gives_way(collect, there, id)),
        };
        self.warnings.extend(warning);
    }
}

/// Whether a resource of the text is what was collected; for whom it is exported itself does not matter.
fn is_same(own: &Declaration, collected: &Declaration) -> bool {
    let meta_is_same = match own.meta.export.is_empty() {
        true => own.meta == collected.meta,
        false => Meta { export: Vec::new(), ..Meta::clone(&own.meta) } == *collected.meta,
    };
    meta_is_same && own.params == collected.params && own.receives.is_empty()
}

fn warning(code: &'static codes::Code, collect: &Collect, message: String) -> Diagnostic {
    Diagnostic::warning(code, message).at(&collect.origin.source, collect.origin.span)
}

fn refused(collect: &Collect, id: &CollectedId, refusal: &Refusal) -> Diagnostic {
    let label = Label { kind: collect.kind.clone(), name: id.name.clone() };
    let message = format!("{label} of host {} cannot be collected", id.from);
    let diagnostic = warning(&codes::NOT_COLLECTED, collect, message).cause(refusal.to_string());
    match refusal {
        Refusal::UnknownParam { .. } | Refusal::UnknownMeta { .. } | Refusal::Unreadable { .. } => {
            diagnostic.hint("the host that exports it may run a newer version of mgmt")
        }
        _ => diagnostic,
    }
}

fn differ(collect: &Collect, label: &Label, first: &CollectedId, other: &CollectedId) -> Diagnostic {
    let message = match first.from == other.from {
        true => format!("host {} exports two different resources that would be {label}", first.from),
        false => format!("hosts {} and {} export different resources as {label}", first.from, other.from),
    };
    warning(&codes::EXPORTS_DIFFER, collect, message)
        .cause(format!("{:?} of host {} is taken, as the first by name and host", first.name, first.from))
}

fn gives_way(collect: &Collect, own: &Declaration, id: &CollectedId) -> Diagnostic {
    let message = format!("host {} exports {} differently than it is declared here", id.from, own.label);
    let diagnostic = warning(&codes::GIVES_WAY, collect, message).label("what it exports is not taken");
    match &own.origin {
        Some(origin) => diagnostic.also(&origin.source, origin.span, "this one is"),
        None => diagnostic,
    }
}

//! What can be explained: kinds, their parameters, meta-parameters, codes.

use crate::engine::entry::Entry as _;
use crate::engine::kind::KindDoc;
use crate::engine::params::ParamDecl;
use crate::engine::{Meta, Registry};
use crate::lang::diag::{Code, codes};

/// All topics, in orders that never depend on the host.
#[derive(Debug)]
pub struct Topics<'a> {
    registry: &'a Registry,
    meta: Vec<ParamDecl>,
}

/// One of them.
#[derive(Debug)]
pub enum Topic<'a> {
    /// A kind of resource.
    Kind(&'a KindDoc),
    /// All meta-parameters.
    Meta(&'a [ParamDecl]),
    /// A parameter of a kind, or of `meta`.
    Param(&'a ParamDecl),
    /// What a diagnostic means.
    Code(&'static Code),
}

impl<'a> Topics<'a> {
    /// The topics of this program.
    pub fn new(registry: &'a Registry) -> Self {
        Self { registry, meta: Meta::params() }
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &'a KindDoc> {
        self.registry.iter().map(|kind| kind.describe())
    }

    /// All meta-parameters, as declared.
    pub fn meta(&self) -> &[ParamDecl] {
        &self.meta
    }

    /// All codes, by id.
    pub fn codes(&self) -> &'static [&'static Code] {
        codes::ALL
    }

    /// Everything, each once.
    pub fn all(&self) -> Vec<Topic<'_>> {
        let kinds = self.kinds().map(Topic::Kind);
        let codes = self.codes().iter().map(|code| Topic::Code(code));
        kinds.chain([Topic::Meta(&self.meta)]).chain(codes).collect()
    }

    /// The words that name a topic; parameters of kinds are left out.
    pub fn words(&self) -> Vec<String> {
        let kinds = self.kinds().map(|kind| kind.name.to_owned());
        let meta = self.meta.iter().map(|param| param.name.to_owned());
        let codes = self.codes().iter().map(|code| code.id.to_owned());
        let mut words: Vec<String> = kinds.chain(["meta".to_owned()]).chain(meta).chain(codes).collect();
        // A kind may be called like a meta-parameter.
        words.sort();
        words.dedup();
        words
    }

    /// The topic of a word. A kind goes before a meta-parameter of its name, which is also `meta.NAME`.
    pub fn find(&self, word: &str) -> Option<Topic<'_>> {
        let lower = word.to_ascii_lowercase();
        if let Some((owner, name)) = lower.split_once('.') {
            let params = match self.registry.get(owner) {
                Some(kind) => &kind.describe().params,
                None if owner == "meta" => &self.meta,
                None => return None,
            };
            return params.iter().find(|param| param.name == name).map(Topic::Param);
        }
        if let Some(kind) = self.registry.get(&lower) {
            return Some(Topic::Kind(kind.describe()));
        }
        if lower == "meta" {
            return Some(Topic::Meta(&self.meta));
        }
        let meta = self.meta.iter().find(|param| param.name == lower).map(Topic::Param);
        meta.or_else(|| codes::find(word).map(Topic::Code))
    }
}

//! What others may know of a kind without knowing the kind.

use std::fmt;
use std::sync::Arc;

use super::declaration::Declaration;
use super::params::{OutputDecl, ParamDecl, ParamError};
use super::resource::Resource;

/// A kind of resource: its documentation, and how to build one. Holds the adapters that its resources need.
pub trait Kind: fmt::Debug + Send + Sync + 'static {
    /// Name, documentation, parameters and outputs.
    fn describe(&self) -> &KindDoc;

    /// Builds a resource, without touching the system. Called with every declaration of a new graph before anything
    /// changes, so that what it refuses is refused before.
    ///
    /// # Errors
    /// All that is wrong with the declaration.
    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>>;

    /// What the graph needs to know of a declaration that `build` accepted.
    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let _ = declaration;
        Capabilities::default()
    }

    /// Builds one resource for several declarations with an equal [`Capabilities::group`]; rows of drift and outputs
    /// are indices into `members`. Only called for kinds that give group keys.
    ///
    /// # Errors
    /// All that is wrong with the declarations.
    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let lead = members.first().expect("a group has members");
        self.build(lead)
    }
}

/// The documentation of a kind, from its one declaration.
#[derive(Clone, Debug)]
pub struct KindDoc {
    /// The name in YAML and mcl.
    pub name: &'static str,
    /// Markdown; the first paragraph is the summary.
    pub doc: String,
    /// All parameters.
    pub params: Vec<ParamDecl>,
    /// All that it sends.
    pub outputs: Vec<OutputDecl>,
}

impl KindDoc {
    /// The declaration of a parameter.
    pub fn param(&self, name: &str) -> Option<&ParamDecl> {
        self.params.iter().find(|param| param.name == name)
    }

    /// The first paragraph of the documentation.
    pub fn summary(&self) -> &str {
        self.doc.split("\n\n").next().unwrap_or_default()
    }
}

/// What the graph needs to know of one declaration.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// What this vertex is or provides, for others' automatic edges.
    pub offers: Vec<Uid>,
    /// What it wants to be ordered after or before, if it is in the graph.
    pub asks: Vec<Ask>,
    /// Vertices of one kind with equal keys may be applied together.
    pub group: Option<Arc<str>>,
    /// A refresh makes it dirty.
    pub refreshable: bool,
    /// It may wait for long, as for a process: bounded separately, so that it never holds back short local work.
    pub waits: bool,
    /// It has no watch to arm.
    pub unwatched: bool,
    /// It can be undone ([`Resource::undo`]).
    pub reversible: bool,
    /// Where it works, such as a digest of a directory's path: the system does one thing at a time there, so that more
    /// threads would only wait for one another. `None`: nowhere in particular.
    pub place: Option<u64>,
}

/// A name for something in the world that a resource is or provides, such as a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid {
    /// What sort of thing, such as `path`.
    pub sort: &'static str,
    /// Which one.
    pub id: Arc<str>,
}

impl Uid {
    /// A path, as given: absolute, directories without a trailing slash.
    pub fn path(path: impl Into<Arc<str>>) -> Self {
        Self { sort: "path", id: path.into() }
    }
}

/// A wish for an automatic edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Candidates, best first: an edge to the first that some vertex offers.
    pub first_of: Vec<Uid>,
    /// Where this vertex goes.
    pub order: AskOrder,
}

/// Which of the two vertices of an automatic edge goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskOrder {
    /// This vertex runs after the one that offers.
    After,
    /// This vertex runs before the one that offers.
    Before,
}

impl Ask {
    /// To run after the first of these that is in the graph.
    pub fn after(first_of: Vec<Uid>) -> Self {
        Self { first_of, order: AskOrder::After }
    }
}

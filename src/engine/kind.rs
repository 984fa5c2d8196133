//! What others may know of a kind without knowing the kind.

use std::collections::HashSet;
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

    /// What a declaration that `build` accepted would have of things that others may be about, too. Pure: it looks at nothing.
    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let _ = declaration;
        Vec::new()
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

    /// What its declarations offer beside [`Capabilities::offers`]; `None`: nothing.
    fn facts(&self) -> Option<&dyn Facts> {
        None
    }

    /// Whether automatic edges of its declarations come of what lies on this host, so that there may be others once that
    /// has changed ([`Cx::facts_changed`](super::Cx::facts_changed)).
    fn is_informed(&self) -> bool {
        self.facts().is_some()
    }
}

/// What declarations offer that is too much to list, such as the files of a package: they are asked by name. What is
/// known may change while the graph runs ([`Cx::facts_changed`](super::Cx::facts_changed)).
pub trait Facts {
    /// Which of the names asked for each declaration offers, by its index. Reads what is on this host already: it asks
    /// no daemon and no network. A name is best offered once; else the first counts.
    fn offered(&self, declarations: &[&Declaration], asked: &HashSet<&Uid>) -> Vec<(usize, Uid)>;
}

/// What a declaration would have of something. Two that would have different things of one contradict one another: they
/// would undo each other's work for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of what: in names of the kind's own, such as `json:edit` and `FILE .a.b`.
    pub of: Uid,
    /// What, in a form in which what is alike is equal.
    pub wanted: Arc<str>,
}

impl Claim {
    /// Of this something, to be that.
    pub fn new(of: Uid, wanted: impl Into<Arc<str>>) -> Self {
        Self { of, wanted: wanted.into() }
    }

    /// To be the only one that is about something.
    pub fn alone(sort: &'static str, id: impl Into<Arc<str>>, declaration: &Declaration) -> Self {
        Self::new(Uid::new(sort, id), declaration.label.name.clone())
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
    /// What it changes is what others' automatic edges are read from: these are derived again before others come after it.
    pub informs: bool,
    /// Where it works, such as a digest of a directory's path: the system does one thing at a time there, so that more
    /// threads would only wait for one another. `None`: nowhere in particular.
    pub place: Option<u64>,
}

/// A name for something in the world that a resource is or provides, such as a path.
///
/// | sort | id | offered by |
/// |---|---|---|
/// | `path` | absolute, no slash at its end | what makes the file, directory or link |
/// | `mount` | a mount point, likewise | mounts |
/// | `owned` | a path, likewise | the package that brings it, by its [`Facts`] |
/// | `package` | a package's name | packages |
/// | `config` | a service's name | files where such a service has its configuration |
/// | `repository` | `packages` | files that say where packages come from, and whom to believe |
/// | `user`, `group` | an account's name, or its number | accounts |
/// | `unit` | a systemd unit's full name | what controls it; `USER/NAME` for one of a user's session |
/// | `runs` | a unit of the system, or its template | what starts it |
/// | `interface` | a network interface's name | interfaces |
/// | `address` | an IP address | the interface that has it |
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid {
    /// What sort of thing, such as `path`.
    pub sort: &'static str,
    /// Which one.
    pub id: Arc<str>,
}

impl Uid {
    /// Of this sort: see the table.
    pub fn new(sort: &'static str, id: impl Into<Arc<str>>) -> Self {
        Self { sort, id: id.into() }
    }

    /// A path, as given: absolute, directories without a trailing slash.
    pub fn path(path: impl Into<Arc<str>>) -> Self {
        Self::new("path", path)
    }
}

/// A wish for an automatic edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Candidates, best first: an edge to the first that some vertex offers.
    pub first_of: Vec<Uid>,
    /// Where this vertex goes.
    pub order: AskOrder,
    /// What the one that goes first is to the other, for people: "the directory it is in".
    pub reason: &'static str,
    /// An edge to every vertex that offers the first candidate, and not only to the first of them.
    pub every: bool,
    /// Every vertex that offers this has the wish; `None`: the one that says so.
    pub of: Option<Uid>,
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
    pub fn after(first_of: Vec<Uid>, reason: &'static str) -> Self {
        Self { first_of, order: AskOrder::After, reason, every: false, of: None }
    }

    /// To run before the first of these that is in the graph.
    pub fn before(first_of: Vec<Uid>, reason: &'static str) -> Self {
        Self { first_of, order: AskOrder::Before, reason, every: false, of: None }
    }

    /// To run after all that offer this.
    pub fn after_every(uid: Uid, reason: &'static str) -> Self {
        Self { every: true, ..Self::after(vec![uid], reason) }
    }

    /// To run before all that offer this.
    pub fn before_every(uid: Uid, reason: &'static str) -> Self {
        Self { every: true, ..Self::before(vec![uid], reason) }
    }

    /// The same wish of every vertex that offers this, such as the services whose unit file says it.
    #[must_use]
    pub fn of(self, uid: Uid) -> Self {
        Self { of: Some(uid), ..self }
    }
}

//! Parameters of a resource: as the user gave them, and as a kind declares them.

use super::ty::Type;
use super::value::Value;

/// The parameters that a user gave to one resource, by name. Names come from the kind's declaration. Sorted by
/// name, so that two sets are equal however they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Vec<(&'static str, Value)>);

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a parameter, replacing an earlier value.
    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.0.binary_search_by_key(&name, |(given, _)| given) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// The value of a parameter, if it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.binary_search_by_key(&name, |(given, _)| given).ok().map(|at| &self.0[at].1)
    }

    /// All given parameters in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

impl FromIterator<(&'static str, Value)> for Params {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(pairs: I) -> Self {
        let mut params = Self::new();
        for (name, value) in pairs {
            params.set(name, value);
        }
        params
    }
}

/// A parameter as its kind declares it.
#[derive(Clone, Debug)]
pub struct ParamDecl {
    /// The name in YAML and mcl.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// Its documentation, Markdown.
    pub doc: String,
    /// What holds when it is not given; `None`: nothing does.
    pub default: Option<Value>,
}

/// A value that a kind sends.
#[derive(Clone, Debug)]
pub struct OutputDecl {
    /// The name under which receivers ask for it.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// Its documentation, Markdown.
    pub doc: &'static str,
    /// It is a secret always: whatever receives it is masked.
    pub secret: bool,
}

/// What is wrong with one parameter of a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// The parameter at fault; `None`: the resource as a whole, or its name.
    pub param: Option<&'static str>,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ParamError {
    /// An error at a parameter.
    pub fn at(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), message: message.into(), hint: None }
    }

    /// An error of the resource as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { param: None, message: message.into(), hint: None }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

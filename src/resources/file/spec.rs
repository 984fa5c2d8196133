//! A declaration, validated: what the system should look like. Made without touching the system.

use std::path::Path;
use std::sync::Arc;

use super::mode::Mode;
use super::params::FileParams;
use super::system_dir;
use super::target::{Target, normalize};
use crate::engine::entry::Entry;
use crate::engine::{Declaration, ParamError};
use crate::resources::choice::no_choice;
use crate::resources::host::Host;
use crate::resources::host::managed::Claim;

/// What the system should look like.
#[derive(Debug)]
pub struct Spec {
    /// The machine.
    pub host: Arc<Host>,
    /// Where; spared by purges while this lives.
    pub claim: Claim,
    /// What should be there.
    pub want: Want,
    /// Its owner: a name or a number.
    pub owner: Option<Arc<str>>,
    /// Its group: a name or a number.
    pub group: Option<Arc<str>>,
    /// Its permissions.
    pub mode: Option<Mode>,
    /// Its SELinux label.
    pub selinux: Option<Arc<str>>,
    /// Whether the path is written as that of a directory.
    pub is_dir: bool,
    /// Whether it is made where it is missing.
    pub may_create: bool,
    /// Go into directories.
    pub recurse: bool,
    /// Replace what is of another type.
    pub force: bool,
    /// Remove what is in the directory and not known.
    pub purge: bool,
    /// Whether the content is masked wherever it would be shown.
    pub secret: bool,
}

/// What should be there.
#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    /// Nothing.
    Absent,
    /// Whatever there is, with the declared owner, group and mode.
    Any,
    /// A regular file.
    File(From),
    /// A symbolic link to this target.
    Link(Arc<str>),
    /// A directory; with a copy of what is in this one.
    Directory(Option<Arc<str>>),
}

/// Where the content of a file comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// What is there is left alone; a new file is empty.
    Kept,
    /// The declaration.
    Text(Arc<str>),
    /// Another file, or a directory: which of the two is seen when it is opened.
    Source(Arc<str>),
    /// Several files.
    Fragments(Box<[Arc<str>]>),
}

impl From {
    /// The parameter that says so.
    pub fn param(&self) -> &'static str {
        match self {
            Self::Kept | Self::Text(_) => "content",
            Self::Source(_) => "source",
            Self::Fragments(_) => "fragments",
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Exists,
    Absent,
    Undefined,
}

impl Spec {
    /// Validates a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(host: &Arc<Host>, declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = FileParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let target = Target::of(declaration).map_err(|error| errors.push(error)).ok();
        let is_dir = target.as_ref().is_some_and(|target| target.is_dir) || is_source_dir(&params);
        let given = Given::new(&params, declaration);
        let state = match params.state.as_deref() {
            Some("exists") => State::Exists,
            Some("absent") => State::Absent,
            Some("" | "undefined") => State::Undefined,
            None if given.body() || is_dir => State::Exists,
            None => State::Undefined,
            Some(other) => {
                errors.push(no_state(other));
                State::Undefined
            }
        };
        given.contradictions(&params, is_dir, &mut errors);
        check_sources(&params, &mut errors);
        if let Some(target) = &target {
            system_dir::check(&params, target, &mut errors);
        }
        if let Some(target) = target.as_ref().filter(|_| !params.symlink) {
            check_overlap(&params, target, &mut errors);
        }
        let mode = some(&params.mode).and_then(|text| {
            let parsed = Mode::parse(text);
            parsed.map_err(|(message, hint)| errors.push(ParamError::at("mode", message).hint(hint))).ok()
        });
        let (Some(target), true) = (target, errors.is_empty()) else { return Err(errors) };
        Ok(Self {
            host: host.clone(),
            claim: match params.recurse || params.purge {
                true => host.managed.claim_whole(target.path),
                false => host.managed.claim(target.path),
            },
            want: want(&params, state, is_dir),
            owner: some(&params.owner).cloned(),
            group: some(&params.group).cloned(),
            mode,
            selinux: params.selinux.filter(|label| !label.is_empty()),
            is_dir,
            may_create: state == State::Exists,
            recurse: params.recurse,
            force: params.force,
            purge: params.purge,
            secret: declaration
                .meta
                .sensitive
                .iter()
                .any(|param| matches!(&**param, "content" | "source" | "fragments")),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        Path::new(&**self.claim.path())
    }
}

fn no_state(given: &str) -> ParamError {
    let error = no_choice("state", given, &["exists", "absent", "undefined"], &[]);
    match given {
        "directory" | "dir" => error.hint("of a directory, the path ends with a slash: `path: /srv/site/`"),
        "link" | "symlink" => {
            error.hint("a symbolic link is said by `symlink: true`, and `source` is what it points to")
        }
        _ => error,
    }
}

fn want(params: &FileParams, state: State, is_dir: bool) -> Want {
    if state == State::Absent {
        return Want::Absent;
    }
    if params.symlink {
        return Want::Link(params.source.clone());
    }
    let source = some(&params.source).map(normal);
    if is_dir {
        return Want::Directory(source);
    }
    if let Some(text) = &params.content {
        return Want::File(From::Text(text.clone()));
    }
    if let Some(source) = source {
        return Want::File(From::Source(source));
    }
    if !params.fragments.is_empty() {
        return Want::File(From::Fragments(params.fragments.iter().map(normal).collect()));
    }
    match state {
        State::Exists => Want::File(From::Kept),
        _ => Want::Any,
    }
}

/// A path that was found right, in its normal form.
fn normal(path: &Arc<str>) -> Arc<str> {
    normalize(path, None).map_or_else(|_| path.clone(), |target| target.path)
}

/// Which parameters have a value, or will have received one by the time they are needed.
struct Given {
    content: bool,
    source: bool,
    fragments: bool,
}

impl Given {
    fn new(params: &FileParams, declaration: &Declaration) -> Self {
        let received = |name| declaration.receives.iter().any(|receive| receive.param == name);
        Self {
            content: params.content.is_some() || received("content"),
            source: !params.source.is_empty() || received("source"),
            fragments: !params.fragments.is_empty() || received("fragments"),
        }
    }

    fn body(&self) -> bool {
        self.content || self.source || self.fragments
    }

    fn contradictions(&self, params: &FileParams, is_dir: bool, errors: &mut Vec<ParamError>) {
        let mut refuse = |param, message: &str, hint: &str| {
            errors.push(ParamError::at(param, message).hint(hint));
        };
        if self.content && self.source {
            refuse("source", "content and source exclude one another", "remove one of them");
        }
        if self.fragments && (self.content || self.source) {
            refuse("fragments", "fragments exclude content and source", "remove one of them");
        }
        let dir_hint = "a path with a slash at its end is a directory";
        if is_dir && self.content {
            refuse("content", "a directory has no content", dir_hint);
        }
        if is_dir && self.fragments {
            refuse("fragments", "a directory has no fragments", dir_hint);
        }
        if params.purge && !params.recurse {
            refuse("purge", "purge needs recurse", "add `recurse: true`");
        }
        if params.purge && (self.content || self.fragments) {
            refuse("purge", "only directories can be purged", "remove `purge`");
        }
        if params.symlink {
            if !self.source {
                refuse("symlink", "a symbolic link needs a source to point to", "add `source`");
            }
            if is_dir {
                refuse("symlink", "a symbolic link is no directory", "remove the slash at the path's end");
            }
            if params.purge || params.recurse {
                refuse("symlink", "a symbolic link has nothing in it", "remove `recurse` and `purge`");
            }
            if !params.mode.is_empty() {
                refuse("mode", "a symbolic link has no mode of its own", "remove `mode`");
            }
        }
    }
}

fn check_sources(params: &FileParams, errors: &mut Vec<ParamError>) {
    if params.symlink {
        if params.source.contains('\0') {
            errors.push(ParamError::at("source", "a path cannot hold a zero byte"));
        }
    } else if !params.source.is_empty()
        && let Err(error) = normalize(&params.source, Some("source"))
    {
        errors.push(error);
    }
    for fragment in &params.fragments {
        errors.extend(normalize(fragment, Some("fragments")).err());
    }
}

/// A copy must not be part of itself, nor may a purge take away what is copied.
fn check_overlap(params: &FileParams, target: &Target, errors: &mut Vec<ParamError>) {
    let Some(source) = some(&params.source).map(normal) else { return };
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_in(&target.path, &source) {
        let message = format!("{} is, or is in, its own source", target.path);
        errors.push(ParamError::at("source", message).hint("copy from elsewhere"));
    } else if params.purge && is_in(&source, &target.path) {
        let error = ParamError::at("purge", "the source lies in the directory that is purged");
        errors.push(error.hint("move the source, or remove `purge`"));
    }
}

fn is_source_dir(params: &FileParams) -> bool {
    !params.symlink && params.source.ends_with('/')
}

fn some(text: &Arc<str>) -> Option<&Arc<str>> {
    (!text.is_empty()).then_some(text)
}

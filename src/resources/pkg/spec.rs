//! A declaration, checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::params::PkgParams;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::choice::no_choice;
use crate::resources::file::target::normalize;
use crate::resources::host::packages::{BACKENDS, PackageName, Terms};

/// What is wanted of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub name: PackageName,
    /// Whether it is to be there.
    pub want: Want,
    /// At which version; `None`: at any.
    pub version: Option<Pattern>,
    /// Whether it is to be held; `None`: as it is.
    pub hold: Option<bool>,
    /// A lower version may replace a higher one.
    pub allow_downgrade: bool,
    /// The file it comes from.
    pub source: Option<PathBuf>,
    /// Install it again if it is broken.
    pub reinstall_broken: bool,
}

/// Whether a package is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Yes.
    Installed,
    /// Yes, and as new as can be had.
    Newest,
    /// No; `purge`: nor its configuration files.
    Absent {
        /// Configuration files go too.
        purge: bool,
    },
}

/// Which versions will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// This one.
    Exact(Arc<str>),
    /// Those that begin so.
    Prefix(Arc<str>),
}

impl Pattern {
    /// Whether a version will do.
    pub fn fits(&self, version: &str) -> bool {
        match self {
            Self::Exact(wanted) => **wanted == *version,
            Self::Prefix(begin) => version.starts_with(&**begin),
        }
    }

    /// As a person writes it.
    pub fn text(&self) -> String {
        match self {
            Self::Exact(version) => version.to_string(),
            Self::Prefix(begin) => format!("{begin}*"),
        }
    }
}

/// A declaration, checked.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is wanted.
    pub member: Member,
    /// On which terms.
    pub terms: Terms,
    /// By which tool; `None`: the host's own.
    pub backend: Option<&'static str>,
    /// Fetch lists that are older.
    pub update_cache: Option<Duration>,
}

impl Spec {
    /// Checks a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = PkgParams::decode(&declaration.params)?;
        let mut errors = Errors::default();
        let (want, state_version) = state(&params, &mut errors);
        let version = errors.keep(version(&params, state_version)).flatten();
        let name = errors.keep(name(&declaration.label.name, &params.arch));
        let source = errors.keep(source(&params.source)).flatten();
        let backend = errors.keep(backend(&params.backend)).flatten();
        let is_absent = matches!(want, Want::Absent { .. });
        for (param, given) in [
            ("version", !params.version.is_empty()),
            ("source", source.is_some()),
            ("hold", params.hold == Some(true)),
            ("reinstall_broken", params.reinstall_broken),
        ] {
            if is_absent && given {
                errors.push(param, "a package that is to be absent has none of this", "leave it out");
            }
        }
        if params.purge && !is_absent {
            errors.push("purge", "only what is removed can be purged", "add `state: uninstalled`");
        }
        if source.is_some() && version.is_some() {
            errors.push("version", "the version is that of the file", "leave it out");
        }
        if source.is_some() && want == Want::Newest {
            errors.push("state", "the newest version is that of the file", "leave `newest` or `source` out");
        }
        if params.confnew && params.confold == Some(true) {
            errors.push("confnew", "this contradicts `confold`", "give one of them");
        }
        if params.options.first().is_some_and(|option| !option.starts_with('-')) {
            errors.push("options", "an option starts with a dash", "packages have resources of their own");
        }
        if params.options.iter().any(|option| option.is_empty() || option.contains('\0')) {
            errors.push("options", "an option is a text without zero bytes", "leave it out");
        }
        let (Some(name), true) = (name, errors.0.is_empty()) else { return Err(errors.0) };
        let allow_downgrade = params.allow_downgrade || params.allowdowngrade;
        let terms = Terms {
            recommends: params.recommends,
            allow_downgrade,
            allow_untrusted: params.allowuntrusted,
            change_held: false,
            confnew: params.confnew || params.confold == Some(false),
            options: params.options.into(),
            lock_timeout: Duration::from_millis(params.lock_timeout_ms),
            log: Arc::from(declaration.label.to_string()),
        };
        let member = Member {
            name,
            want,
            version,
            hold: params.hold,
            allow_downgrade,
            source,
            reinstall_broken: params.reinstall_broken,
        };
        let update_cache = params.update_cache.map(|age| Duration::from_secs(age.into()));
        Ok(Self { member, terms, backend, update_cache })
    }

    /// What must be equal in those that are changed in one transaction.
    pub fn group_key(&self) -> Arc<str> {
        let terms = Terms { log: Arc::from(""), ..self.terms.clone() };
        format!("{:?} {:?} {terms:?}", self.backend, self.update_cache).into()
    }
}

#[derive(Default)]
struct Errors(Vec<ParamError>);

impl Errors {
    fn push(&mut self, param: &'static str, message: impl Into<String>, hint: &str) {
        self.0.push(ParamError::at(param, message).hint(hint));
    }

    fn keep<T>(&mut self, result: Result<T, ParamError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }
}

/// What `state` says, and the version if it is one.
fn state(params: &PkgParams, errors: &mut Errors) -> (Want, Option<Arc<str>>) {
    match &*params.state {
        "installed" => (Want::Installed, None),
        "newest" => (Want::Newest, None),
        "uninstalled" => (Want::Absent { purge: params.purge }, None),
        version if version.starts_with(|first: char| first.is_ascii_digit()) => {
            (Want::Installed, Some(params.state.clone()))
        }
        other => {
            errors.0.push(no_state(other));
            (Want::Installed, None)
        }
    }
}

fn no_state(given: &str) -> ParamError {
    let error = no_choice("state", given, &["installed", "uninstalled", "newest"], &[]);
    match given.to_lowercase().as_str() {
        "purged" => error.hint("`state: uninstalled` with `purge: true` removes its configuration, too"),
        "held" | "hold" => error.hint("that is said by another parameter: `hold: true`"),
        _ if error.hint.as_ref().is_some_and(|hint| hint.starts_with("it is one of")) => error
            .hint("a state is `installed`, `uninstalled`, `newest` or a version, which begins with a digit"),
        _ => error,
    }
}

/// The choice that was probably meant.
fn nearest<'a>(given: &str, choices: &[&'a str]) -> Option<&'a str> {
    let distance = |choice: &&str| strsim::damerau_levenshtein(&given.to_lowercase(), choice);
    choices.iter().copied().min_by_key(distance).filter(|choice| distance(choice) <= 1 + choice.len() / 4)
}

fn version(params: &PkgParams, state_version: Option<Arc<str>>) -> Result<Option<Pattern>, ParamError> {
    let (param, text) = match (&*params.version, state_version) {
        ("", None) => return Ok(None),
        ("", Some(version)) => ("state", version),
        (_, Some(version)) if version == params.version => ("version", version),
        (_, Some(_)) => {
            return Err(ParamError::at("version", "`state` says another version").hint("give one of them"));
        }
        (_, None) => ("version", params.version.clone()),
    };
    let begin = text.strip_suffix('*').unwrap_or(&text);
    let fits = |c: char| c.is_ascii_alphanumeric() || ".+-:~^_".contains(c);
    if begin.is_empty() || !begin.chars().all(fits) {
        let hint = "write all of it, or its beginning and a `*`, such as `1.2*`";
        return Err(ParamError::at(param, format!("{text:?} is no version")).hint(hint));
    }
    Ok(Some(match begin.len() == text.len() {
        true => Pattern::Exact(text),
        false => Pattern::Prefix(begin.into()),
    }))
}

fn name(label: &str, arch: &str) -> Result<PackageName, ParamError> {
    let mut name = PackageName::parse(label);
    let word = |text: &str, more: &str| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    // With a dash or an underscore at its end apt would remove the package that is called so without.
    if !word(&name.name, "+.-_@") || name.name.ends_with(['-', '_']) {
        let error = ParamError::whole(format!("{label:?} is no name of a package"));
        return Err(match label.contains('/') || label.contains(".deb") || label.contains(".rpm") {
            true => error.hint("a file with a package is given as `source`; the name is that of the package"),
            false => {
                error.hint("the name of the resource is that of the package; versions are given as `version`")
            }
        });
    }
    if !arch.is_empty() {
        if name.arch.as_ref().is_some_and(|named| **named != *arch) {
            return Err(ParamError::at("arch", "the name has another architecture").hint("give one of them"));
        }
        name.arch = Some(arch.into());
    }
    match &name.arch {
        Some(arch) if !word(arch, "-_") => {
            Err(ParamError::at("arch", format!("{arch:?} is no architecture"))
                .hint("such as `amd64` or `all`"))
        }
        _ => Ok(name),
    }
}

fn source(path: &str) -> Result<Option<PathBuf>, ParamError> {
    if path.is_empty() {
        return Ok(None);
    }
    let target = normalize(path, Some("source"))?;
    if target.is_dir {
        return Err(ParamError::at("source", format!("{path:?} is the path of a directory")));
    }
    Ok(Some(PathBuf::from(&*target.path)))
}

fn backend(name: &str) -> Result<Option<&'static str>, ParamError> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Some(known) = BACKENDS.into_iter().find(|known| *known == name) {
        return Ok(Some(known));
    }
    let hint = match nearest(name, &BACKENDS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", BACKENDS.join(", ")),
    };
    Err(ParamError::at("backend", format!("{name:?} is no package tool that mgmt knows")).hint(hint))
}

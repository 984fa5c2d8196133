//! Which path a declaration is about, in its normal form.

use std::sync::Arc;

use crate::engine::{Declaration, ParamError, Value};

/// A path in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Absolute, without repeated slashes, `.` and `..`, and without a slash at the end.
    pub path: Arc<str>,
    /// Whether it was written with a slash at the end.
    pub is_dir: bool,
}

impl Target {
    /// The path of a declaration, from `path`, `dirname`, `basename` and the name.
    ///
    /// # Errors
    /// When it is not absolute, or has names that cannot be.
    pub fn of(declaration: &Declaration) -> Result<Self, ParamError> {
        let given = |param: &'static str| {
            let text = declaration.params.get(param).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let (path, param) = match given("path") {
            Some(path) => (path, Some("path")),
            None => (&*declaration.label.name, None),
        };
        if given("dirname").is_none() && given("basename").is_none() {
            if let Value::Str(shared) = declaration.params.get("path").unwrap_or(&Value::Bool(false))
                && is_normal(shared)
            {
                return Ok(Self { path: shared.clone(), is_dir: false });
            }
            if param.is_none() && is_normal(path) {
                return Ok(Self { path: declaration.label.name.clone(), is_dir: false });
            }
            return normalize(path, param);
        }
        if let Some(basename) = given("basename")
            && basename.trim_end_matches('/').contains('/')
        {
            return Err(ParamError::at("basename", "a basename has no slash but at its end"));
        }
        let (old_dir, old_base) = split(path);
        let dir = given("dirname").unwrap_or(old_dir);
        let base = given("basename").unwrap_or(old_base);
        let param = if given("dirname").is_some() { Some("dirname") } else { param };
        normalize(&format!("{dir}/{base}"), param)
    }

    /// The paths of the directories above, nearest first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(parent(&self.path), |path| parent(path))
    }
}

fn parent(path: &str) -> Option<&str> {
    path.rfind('/').map(|at| &path[..at]).filter(|parent| !parent.is_empty())
}

/// All up to the last name, and that with its slash at the end.
fn split(path: &str) -> (&str, &str) {
    let at = path.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
    path.split_at(at)
}

/// Checks an absolute path and writes it as it is shortest.
///
/// # Errors
/// When it is not absolute, is the root, or has names that cannot be.
pub fn normalize(path: &str, param: Option<&'static str>) -> Result<Target, ParamError> {
    let wrong = |message: String| ParamError { param, message, hint: None };
    if path.contains('\0') {
        return Err(wrong("a path cannot hold a zero byte".into()));
    }
    if !path.starts_with('/') {
        return Err(wrong(format!("{path:?} is not an absolute path")).hint("start it with a slash"));
    }
    let names = || path.split('/').filter(|name| !name.is_empty() && *name != ".");
    if names().any(|name| name == "..") {
        return Err(wrong(format!("{path:?} goes up with `..`")).hint("write the path without it"));
    }
    let mut clean = String::with_capacity(path.len());
    for name in names() {
        clean.push('/');
        clean.push_str(name);
    }
    if clean.is_empty() {
        return Err(wrong("the root directory cannot be managed".into()));
    }
    let is_dir = path.ends_with('/') || path.ends_with("/.");
    Ok(Target { path: clean.into(), is_dir })
}

/// Whether a path is in normal form as it is, so that its text can be shared.
fn is_normal(path: &str) -> bool {
    path.len() > 1
        && path.starts_with('/')
        && !path.contains('\0')
        && path[1..].split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Label;

    fn target(name: &str, params: &[(&'static str, &str)]) -> Result<Target, ParamError> {
        let params = params.iter().map(|(key, value)| (*key, Value::str(value))).collect();
        Target::of(&Declaration::new(Label::new("file", name), params))
    }

    #[test]
    fn the_path_comes_from_path_dirname_basename_and_name() {
        for (name, params, path, is_dir) in [
            ("/a/b", vec![], "/a/b", false),
            ("x", vec![("path", "/a//b/./c/")], "/a/b/c", true),
            ("/a/b", vec![("dirname", "/c")], "/c/b", false),
            ("/a/b/", vec![("dirname", "/c/")], "/c/b", true),
            ("/a/b", vec![("basename", "c/")], "/a/c", true),
            ("/a/b", vec![("basename", "c"), ("dirname", "/d")], "/d/c", false),
            ("/a/b", vec![("path", "")], "/a/b", false),
        ] {
            let found = target(name, &params).unwrap();
            assert_eq!((&*found.path, found.is_dir), (path, is_dir), "{name} {params:?}");
        }
        let ancestors = target("/a/b/c", &[]).unwrap();
        assert_eq!(ancestors.ancestors().collect::<Vec<_>>(), ["/a/b", "/a"]);
    }

    #[test]
    fn paths_that_cannot_be_are_refused_at_their_parameter() {
        for (path, reason) in
            [("a/b", "absolute"), ("/a/../b", "`..`"), ("/", "root"), ("//.", "root"), ("/a\0b", "zero byte")]
        {
            let error = target("x", &[("path", path)]).unwrap_err();
            assert!(error.message.contains(reason), "{path:?}: {error}");
            assert_eq!(error.param, Some("path"));
        }
        assert_eq!(target("motd", &[]).unwrap_err().param, None);
        assert!(target("/a", &[("basename", "b/c")]).is_err());
    }
}

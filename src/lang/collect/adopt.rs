//! From an export to a vertex of this host, or why there is none.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Collect;
use crate::engine::graph::Vertex;
use crate::engine::world::{Collected, CollectedId};
use crate::engine::{Declaration, Kind, Label, Meta, ParamDecl, ParamError, Params, Value};

/// Why an export cannot be collected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("{why}")]
    Unreadable { why: Arc<str> },
    #[error("{kind} has no parameter `{name}` here")]
    UnknownParam { kind: Arc<str>, name: Arc<str> },
    #[error("there is no meta-parameter `{name}` here")]
    UnknownMeta { name: Arc<str> },
    #[error("its `{param}` is {found}, and not a string")]
    NoText { param: &'static str, found: &'static str },
    #[error("{path:?} does not end with a name under which it could be laid")]
    NoBaseName { path: Arc<str> },
    #[error("{name:?} has characters that no file of another host may have in its name")]
    BadName { name: Arc<str> },
    #[error("its `{param}` leads out of {directory}: to {path:?}")]
    Outside { param: &'static str, directory: Arc<str>, path: Arc<str> },
    #[error("its mode {mode:?} would have it run as its owner or group")]
    SetId { mode: Arc<str> },
    #[error("{}", .errors.iter().map(shown).collect::<Vec<_>>().join("; "))]
    Refused { errors: Vec<ParamError> },
    #[error("the kind panics over it; this is a bug in mgmt")]
    Panicked,
}

/// Makes a vertex of an export, and lets its kind judge it. `metas` are the meta-parameters that there are.
///
/// # Errors
/// Why it cannot be one.
pub fn adopt(
    kind: &Arc<dyn Kind>,
    metas: &[ParamDecl],
    collect: &Collect,
    id: &CollectedId,
    collected: &Collected,
) -> Result<Vertex, Refusal> {
    let (params, meta) = match collected {
        Collected::Read { params, meta } => (params, meta),
        Collected::Unreadable { why } => return Err(Refusal::Unreadable { why: why.clone() }),
    };
    let mut given = known(params, &kind.describe().params)
        .map_err(|name| Refusal::UnknownParam { kind: collect.kind.clone(), name })?;
    let name = match &collect.under {
        Some(directory) => {
            contained(directory, &given)?;
            lay(directory, &id.name, &mut given)?
        }
        None => id.name.clone(),
    };
    let params = given.into_iter().map(|(name, value)| (name, value.clone())).collect();
    let mut declaration = Declaration::new(Label { kind: collect.kind.clone(), name }, params);
    declaration.meta = read_meta(meta, metas)?;
    declaration.origin = Some(collect.origin.clone());
    // What another host sends must not be able to end this one.
    match catch_unwind(AssertUnwindSafe(|| kind.build(&declaration).map(drop))) {
        Ok(Ok(())) => Ok(Vertex::new(kind.clone(), declaration)),
        Ok(Err(errors)) => Err(Refusal::Refused { errors }),
        Err(_) => Err(Refusal::Panicked),
    }
}

fn shown(error: &ParamError) -> String {
    match error.param {
        Some(param) => format!("{param}: {error}"),
        None => error.to_string(),
    }
}

type Given<'a> = BTreeMap<&'static str, &'a Value>;

/// The values by the names that this program has for them.
///
/// # Errors
/// The first name that it does not know.
fn known<'a>(values: &'a BTreeMap<Arc<str>, Value>, decls: &[ParamDecl]) -> Result<Given<'a>, Arc<str>> {
    let find = |(name, value): (&Arc<str>, &'a Value)| {
        let decl = decls.iter().find(|decl| *decl.name == **name);
        decl.map(|decl| (decl.name, value)).ok_or_else(|| name.clone())
    };
    values.iter().map(find).collect()
}

fn read_meta(meta: &BTreeMap<Arc<str>, Value>, metas: &[ParamDecl]) -> Result<Arc<Meta>, Refusal> {
    let mut given = known(meta, metas).map_err(|name| Refusal::UnknownMeta { name })?;
    // Whether it is hidden there, or for whom it is, does not matter here.
    given.retain(|name, _| !matches!(*name, "hidden" | "export"));
    if given.is_empty() {
        return Ok(Meta::shared_default());
    }
    let params: Params = given.into_iter().map(|(name, value)| (name, value.clone())).collect();
    Meta::from_params(&params).map(Arc::new).map_err(|errors| Refusal::Refused { errors })
}

/// Whether a file of another host stays within the directory under which it is laid: it neither shows what else is on this host,
/// nor points there, nor runs as its owner for whoever calls it.
fn contained(directory: &Arc<str>, given: &Given<'_>) -> Result<(), Refusal> {
    let text = |param: &str| given.get(param).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
    let outside = |param, path: &str| {
        Err(Refusal::Outside { param, directory: directory.clone(), path: path.into() })
    };
    let root = directory.trim_end_matches('/');
    let is_within = |path: &str| {
        let below = path.strip_prefix(root).and_then(|below| below.strip_prefix('/'));
        below.is_some_and(|below| below.split('/').all(|name| name != ".."))
    };
    let is_link = matches!(given.get("symlink"), Some(Value::Bool(true)));
    if let Some(source) = text("source") {
        let is_beside = is_link && !source.starts_with('/') && source.split('/').all(|name| name != "..");
        if !is_beside && !is_within(source) {
            return outside("source", source);
        }
    }
    if let Some(Value::List(fragments)) = given.get("fragments") {
        for path in fragments.iter().filter_map(|value| value.as_str()) {
            if !is_within(path) {
                return outside("fragments", path);
            }
        }
    }
    match text("mode") {
        Some(mode) if is_set_id(mode) => Err(Refusal::SetId { mode: mode.into() }),
        _ => Ok(()),
    }
}

/// Whether a mode sets the bits by which a file runs as its owner or group: 04000 and 02000 (chmod(2)), `s` in letters.
fn is_set_id(mode: &str) -> bool {
    match u32::from_str_radix(mode, 8) {
        Ok(bits) => bits & 0o6000 != 0,
        Err(_) => mode.contains('s'),
    }
}

/// Takes the parameters that say where a file is on the exporting host. Gives where it is here: under a directory, by
/// the base name that it has there; with a slash at the end if it has one there.
fn lay(directory: &str, name: &Arc<str>, given: &mut Given<'_>) -> Result<Arc<str>, Refusal> {
    let mut text = |param| match given.remove(param) {
        None => Ok(None),
        Some(Value::Str(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(other) => Err(Refusal::NoText { param, found: other.type_name() }),
    };
    let (path, _, basename) = (text("path")?, text("dirname")?, text("basename")?);
    let path = basename.or(path).unwrap_or(name);
    let trimmed = path.trim_end_matches('/');
    let base = trimmed.rsplit('/').next().unwrap_or_default();
    if matches!(base, "" | "." | "..") {
        return Err(Refusal::NoBaseName { path: path.clone() });
    }
    if base.chars().any(char::is_control) {
        return Err(Refusal::BadName { name: base.into() });
    }
    let slash = if trimmed.len() < path.len() { "/" } else { "" };
    Ok(format!("{}/{base}{slash}", directory.trim_end_matches('/')).into())
}

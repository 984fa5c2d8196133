//! The declaration that brings back what is there now.

use rustix::fs::FileType;

use super::check::Seen;
use super::spec::{Spec, Want};
use crate::engine::{Params, Value};
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, LONG, permissions, size, type_name};

/// Which parameters say where the object is; an undo keeps them.
const PLACE: [&str; 3] = ["path", "dirname", "basename"];

/// The parameters of a file resource of the same name that bring back the system as it is now.
///
/// # Errors
/// When that cannot be written down: directories, copies of sources, content that is no text or long.
pub fn undo(spec: &Spec, given: &Params) -> Result<Params, HostError> {
    let refuse = |reason| HostError::NoUndo { path: spec.path().into(), reason };
    if matches!(spec.want, Want::Directory(_)) {
        return Err(refuse("directories cannot be brought back"));
    }
    if matches!(spec.want, Want::File(super::spec::From::Source(_))) {
        return Err(refuse("what has a source cannot be brought back"));
    }
    let seen = match Seen::look(spec) {
        Err(HostError::NoParent { .. }) => None,
        other => Some(other?),
    };
    let mut undo: Params = given
        .iter()
        .filter(|(name, _)| PLACE.contains(name))
        .map(|(name, value)| (name, value.clone()))
        .collect();
    let Some((seen, stat)) = seen.as_ref().and_then(|seen| Some((seen, seen.stat.as_ref()?))) else {
        undo.set("state", Value::str("absent"));
        return Ok(undo);
    };
    let (fs, at) = (&spec.host.fs, At::new(&seen.parent, spec.path()));
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            if size(stat) > LONG {
                return Err(refuse("it is longer than 1 MiB"));
            }
            let bytes = fs.read_whole(&fs.open_at(at)?, at.path, size(stat))?;
            let text = String::from_utf8(bytes).map_err(|_| refuse("its content is not UTF-8 text"))?;
            undo.set("content", Value::str(text));
            undo.set("mode", Value::str(format!("{:04o}", permissions(stat))));
        }
        FileType::Symlink => {
            let target = String::from_utf8(fs.read_link(at)?)
                .map_err(|_| refuse("where it points to is not UTF-8 text"))?;
            undo.set("source", Value::str(target));
            undo.set("symlink", Value::Bool(true));
        }
        FileType::Directory => return Err(refuse("directories cannot be brought back")),
        _ => {
            tracing::debug!(path = %at.path.display(), is = type_name(stat), "no undo");
            return Err(refuse("it is neither file nor link"));
        }
    }
    undo.set("state", Value::str("exists"));
    undo.set("owner", Value::str(stat.st_uid.to_string()));
    undo.set("group", Value::str(stat.st_gid.to_string()));
    if fs.has_selinux()
        && let Some(label) = fs.label(at)?
    {
        undo.set("selinux", Value::str(label));
    }
    Ok(undo)
}

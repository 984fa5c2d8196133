//! Records of how to undo what has `reverse`: made before its first run, used once it has vanished from the graph.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::cx::Cx;
use crate::engine::declaration::Declaration;
use crate::engine::graph::Vertex;
use crate::engine::id::Label;
use crate::engine::meta::Meta;
use crate::engine::params::Params;
use crate::engine::registry::Registry;
use crate::engine::resource::{Resource, ResourceError};
use crate::engine::state_dir;
use crate::engine::value::Value;

/// The version of the records' format.
const VERSION: u32 = 1;

/// Makes the record of one vertex, unless there is one.
#[derive(Clone, Debug)]
pub(super) struct UndoTask(PathBuf);

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    kind: Arc<str>,
    name: Arc<str>,
    params: BTreeMap<String, Value>,
}

#[derive(Debug, thiserror::Error)]
enum UndoError {
    #[error("cannot keep how to undo this in {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

fn path_of(prefix: &Path, label: &Label) -> PathBuf {
    let digest = Sha256::digest(format!("{}\0{}", label.kind, label.name));
    let name: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    prefix.join("undo").join(name + ".json")
}

impl UndoTask {
    pub fn new(prefix: &Path, label: &Label) -> Self {
        Self(path_of(prefix, label))
    }

    /// Asks the resource how to bring back what is there now, and keeps the answer.
    pub async fn keep(&self, resource: &dyn Resource, cx: &Cx) -> Result<(), ResourceError> {
        if cx.noop || self.0.exists() {
            return Ok(());
        }
        let Some(params) = resource.undo(cx).await? else { return Ok(()) };
        let label = cx.label();
        let record = Record {
            version: VERSION,
            kind: label.kind.clone(),
            name: label.name.clone(),
            params: params.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        };
        let text = serde_json::to_vec(&record).map_err(ResourceError::bug)?;
        state_dir::make(self.0.parent().unwrap_or(Path::new("/"))).map_err(ResourceError::transient)?;
        write(&self.0, &text)
            .map_err(|source| ResourceError::transient(UndoError::Write { path: self.0.clone(), source }))
    }
}

/// Whole or not at all: written beside, synced, and renamed.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

/// The vertices that undo what is not in the graph any more.
pub(super) fn pending(
    prefix: &Path,
    registry: &Registry,
    is_present: impl Fn(&Label) -> bool,
) -> Vec<Vertex> {
    let Ok(entries) = std::fs::read_dir(prefix.join("undo")) else { return Vec::new() };
    let mut vertices: Vec<Vertex> = entries
        .filter_map(|entry| read(&entry.ok()?.path(), registry))
        .filter(|vertex| !is_present(vertex.label()))
        .collect();
    vertices.sort_by(|a, b| a.label().cmp(b.label()));
    vertices
}

fn read(path: &Path, registry: &Registry) -> Option<Vertex> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return None;
    }
    let record = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Record>(&text).ok());
    let Some(record) = record.filter(|record| record.version == VERSION) else {
        tracing::warn!(?path, "cannot read this record of how to undo a resource; it is left alone");
        return None;
    };
    let (kind_name, kind) = registry.entry(&record.kind)?;
    let params: Params = record
        .params
        .into_iter()
        .filter_map(|(name, value)| Some((kind.describe().param(&name)?.name, value)))
        .collect();
    let mut declaration = Declaration::new(Label::new(kind_name.clone(), record.name), params);
    // Once it is undone it is no longer looked after.
    let mut meta = Meta::clone(&Meta::shared_default());
    meta.poll = -1;
    declaration.meta = Arc::new(meta);
    Some(Vertex::new(kind.clone(), declaration))
}

/// Forgets a record: the undoing is done.
pub(super) fn forget(prefix: &Path, label: &Label) {
    let path = path_of(prefix, label);
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(?path, %error, "cannot remove the record of what has been undone; it will be undone again");
    }
}

//! What was last seen, on disk: a host that starts without the store begins with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use tokio::time::Instant;

use super::MirrorId;
use super::stream::range_of;
use crate::cluster::etcd::pb::mvccpb;
use crate::cluster::store::id::{ClusterId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::mirror::{Entry, Mirror};
use crate::engine::world::ContentHash;

/// Changes are written together when so much time has passed since the first of them.
const DELAY: Duration = Duration::from_millis(500);

/// What was kept of a stretch.
#[derive(Debug)]
pub(super) struct Kept {
    pub entries: BTreeMap<Bytes, Entry>,
    pub revision: Revision,
    pub of: ClusterId,
    pub at: SystemTime,
}

/// A file: its own range too, since its name is a digest.
#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    range_end: Bytes,
    #[prost(int64, tag = "3")]
    revision: i64,
    #[prost(uint64, tag = "4")]
    of: u64,
    #[prost(message, repeated, tag = "5")]
    kvs: Vec<mvccpb::KeyValue>,
}

/// Keeps mirrors in a folder, or nowhere.
#[derive(Debug)]
pub(super) struct Keeping {
    folder: Option<PathBuf>,
    changed: BTreeSet<MirrorId>,
    due: Option<Instant>,
    /// The last failure, which is told once.
    failing: bool,
}

impl Keeping {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, changed: BTreeSet::new(), due: None, failing: false }
    }

    /// A mirror has changed.
    pub fn changed(&mut self, id: MirrorId) {
        if self.folder.is_some() {
            self.changed.insert(id);
            self.due.get_or_insert_with(|| Instant::now() + DELAY);
        }
    }

    /// Returns when there is something to write.
    pub async fn due(&self) {
        super::at(self.due).await;
    }

    /// What is to be written.
    pub fn take_changed(&mut self) -> BTreeSet<MirrorId> {
        self.due = None;
        std::mem::take(&mut self.changed)
    }

    /// Writes a mirror.
    pub fn save(&mut self, range: &KeyRange, of: ClusterId, mirror: &Mirror) {
        let Some(folder) = &self.folder else { return };
        let (key, range_end) = range_of(range);
        let kvs = mirror.iter().map(|(key, entry)| mvccpb::KeyValue {
            key: key.clone(),
            value: entry.value.clone(),
            mod_revision: entry.written.0,
            create_revision: entry.created.0,
            ..Default::default()
        });
        let file = File { key, range_end, revision: mirror.revision().0, of: of.0, kvs: kvs.collect() };
        match replace(&path(folder, range), &file.encode_to_vec()) {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                tracing::warn!(?folder, %error, "cannot keep what was seen of the mesh; after a restart without the store it will be missing");
                self.failing = true;
            }
            Err(_) => {}
        }
    }

    /// What was kept of a stretch.
    pub fn load(&self, range: &KeyRange) -> Option<Kept> {
        let path = path(self.folder.as_ref()?, range);
        let text = std::fs::read(&path).ok()?;
        let at =
            std::fs::metadata(&path).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let (sum, body) = text.split_first_chunk()?;
        if u32::from_le_bytes(*sum) != crc32c::crc32c(body) {
            tracing::warn!(?path, "what was kept of the mesh is damaged; it is read anew");
            return None;
        }
        let file = File::decode(body).ok()?;
        if (file.key, file.range_end) != range_of(range) {
            return None;
        }
        let entries = file.kvs.into_iter().map(|kv| {
            let (written, created) = (Revision(kv.mod_revision), Revision(kv.create_revision));
            (kv.key, Entry { value: kv.value, written, created })
        });
        Some(Kept {
            entries: entries.collect(),
            revision: Revision(file.revision),
            of: ClusterId(file.of),
            at,
        })
    }
}

fn path(folder: &Path, range: &KeyRange) -> PathBuf {
    let (key, range_end) = range_of(range);
    let named = [&key[..], &[0], &range_end[..]].concat();
    folder.join(&ContentHash::of(&named).to_string()[..32])
}

/// Replaces a file at once. It need not survive a power cut: what is in the store is read again.
fn replace(path: &Path, body: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let text = [&crc32c::crc32c(body).to_le_bytes()[..], body].concat();
    std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::world::keys;
    use crate::cluster::world::mirror::History;

    #[test]
    fn what_was_kept_is_there_again_unless_it_is_damaged() {
        let scratch = tempfile::tempdir().unwrap();
        let mut keeping = Keeping::new(Some(scratch.path().to_owned()));
        let range = keys::under("/_mgmt/a/");
        let entry = Entry { value: "1".into(), written: Revision(7), created: Revision(3) };
        let entries = BTreeMap::from([(Bytes::from("/_mgmt/a/x"), entry)]);
        let mut mirror = Mirror::default();
        mirror.replace(entries.clone(), Revision(9), History::Same);
        keeping.save(&range, ClusterId(5), &mirror);
        let kept = keeping.load(&range).unwrap();
        assert_eq!((kept.entries, kept.revision, kept.of), (entries, Revision(9), ClusterId(5)));
        assert!(keeping.load(&keys::under("/_mgmt/b/")).is_none());
        let path = path(scratch.path(), &range);
        let mut text = std::fs::read(&path).unwrap();
        *text.last_mut().unwrap() ^= 1;
        std::fs::write(&path, text).unwrap();
        assert!(keeping.load(&range).is_none());
    }
}

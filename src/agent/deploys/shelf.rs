//! The deploys that this host keeps on its disk: `<prefix>/deploy/<id>/` with the files, `<id>.json` with what the mesh
//! says of them, `good`, which says which ones have run, the newest first, and `passed`, by which rollout this host went last.
//!
//! A deploy is written beside its place, each chunk verified by its hash, and renamed once it is whole: what is in its
//! place can be run.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::state_dir;
use crate::engine::world::{Blobs, Deadline, Deploy, DeployFile, DeployId, Passed, WorldError};

/// How many deploys that have run are kept: the one that runs, and the one to go back to.
const KEPT: usize = 2;
/// How long a chunk may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The deploys that this host keeps.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// A deploy cannot be kept.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ShelfError {
    #[error("cannot fetch {path:?} of deploy {id}: {source}")]
    Fetch { id: DeployId, path: String, source: WorldError },
    #[error("cannot write {path:?}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path:?}, which says by which deploy this host went last: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot keep deploy {id}: {path:?} is no path within its folder")]
    Outside { id: DeployId, path: String },
    #[error("cannot keep deploy {id}: {path:?} is not as long as it should be")]
    Length { id: DeployId, path: String },
}

impl ShelfError {
    /// Whether it may work later, without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => may_pass(source),
            Self::Write { .. } => true,
            Self::Read { .. } | Self::Outside { .. } | Self::Length { .. } => false,
        }
    }
}

/// Whether the world may answer later.
pub(super) fn may_pass(error: &WorldError) -> bool {
    matches!(
        error,
        WorldError::Away { .. }
            | WorldError::Late { .. }
            | WorldError::Refused { .. }
            | WorldError::Ended { .. }
    )
}

impl Shelf {
    /// The shelf of an agent with this prefix.
    pub fn of(prefix: &Path) -> Self {
        Self { folder: prefix.join("deploy") }
    }

    /// Where a deploy's files are.
    pub fn place(&self, id: DeployId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// What is known of a deploy that is there as a whole.
    pub fn get(&self, id: DeployId) -> Option<Deploy> {
        let text = fs::read(self.manifest(id)).ok()?;
        let deploy: Deploy = serde_json::from_slice(&text).ok()?;
        (deploy.id == id && self.place(id).is_dir()).then_some(deploy)
    }

    /// The deploys that have run, the newest first.
    pub fn good(&self) -> Vec<DeployId> {
        let text = fs::read(self.folder.join("good")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// A deploy runs: it is the newest good one, and what is too old is removed.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_good(&self, id: DeployId) -> Result<(), ShelfError> {
        let mut good = self.good();
        good.retain(|known| *known != id);
        good.insert(0, id);
        good.truncate(KEPT);
        let text = serde_json::to_vec(&good).expect("numbers can be written");
        self.write(&self.folder.join("good"), &text)?;
        self.sweep(&good);
        Ok(())
    }

    /// By which rollout this host went last; `None`: by none that was signed.
    ///
    /// # Errors
    /// When it cannot be read: then it may be any.
    pub fn passed(&self) -> Result<Option<Passed>, ShelfError> {
        let path = self.folder.join("passed");
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.and_then(|text| Ok(serde_json::from_slice(&text)?)),
        };
        read.map(Some).map_err(|source| ShelfError::Read { path, source })
    }

    /// This host goes by a rollout.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn pass(&self, passed: Passed) -> Result<(), ShelfError> {
        let refused = |source| ShelfError::Write { path: self.folder.clone(), source };
        state_dir::make(&self.folder).map_err(io::Error::other).map_err(refused)?;
        let text = serde_json::to_vec(&passed).expect("numbers can be written");
        self.write(&self.folder.join("passed"), &text)
    }

    /// Fetches a deploy, unless it is there.
    ///
    /// # Errors
    /// When the store has not got it as it should be, or the disk refuses.
    pub async fn fetch(&self, deploy: &Deploy, blobs: &Arc<dyn Blobs>) -> Result<(), ShelfError> {
        let id = deploy.id;
        if self.get(id).as_ref() == Some(deploy) {
            return Ok(());
        }
        let partial = self.folder.join(format!(".{id}.partial"));
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |source| ShelfError::Write { path, source }
        };
        absent(&partial).map_err(refused(&partial))?;
        state_dir::make(&partial).map_err(io::Error::other).map_err(refused(&partial))?;
        for file in &deploy.files {
            let path = partial.join(within(id, &file.path)?);
            let folder = path.parent().unwrap_or(&partial);
            state_dir::make(folder).map_err(io::Error::other).map_err(refused(folder))?;
            fetch_file(id, file, &path, blobs).await?;
        }
        within(id, &deploy.entry)?;
        let (place, manifest) = (self.place(id), self.manifest(id));
        absent(&manifest).and_then(|()| absent(&place)).map_err(refused(&place))?;
        fs::rename(&partial, &place).map_err(refused(&place))?;
        // Last: without it, the folder counts for nothing.
        self.write(&manifest, &serde_json::to_vec(deploy).expect("texts and numbers can be written"))
    }

    /// Removes what is not good, and what was never finished: nothing is being written now.
    fn sweep(&self, keep: &[DeployId]) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_suffix(".json").unwrap_or(&name).parse().map(DeployId);
            let is_old = number.is_ok_and(|id| !keep.contains(&id)) || name.ends_with(".partial");
            if is_old && let Err(error) = absent(&entry.path()) {
                tracing::warn!(%error, path = %entry.path().display(), "an old deploy cannot be removed");
            }
        }
    }

    fn manifest(&self, id: DeployId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Writes a file as a whole, or not at all, so that it outlives a crash.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), ShelfError> {
        let beside = path.with_extension("new");
        let written = File::create(&beside)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|source| ShelfError::Write { path: path.to_owned(), source })
    }
}

/// A path that stays within its folder.
fn within(id: DeployId, path: &str) -> Result<&Path, ShelfError> {
    let within = Path::new(path);
    let stays = within.components().all(|part| matches!(part, Component::Normal(_)));
    match stays && !path.is_empty() {
        true => Ok(within),
        false => Err(ShelfError::Outside { id, path: path.to_owned() }),
    }
}

async fn fetch_file(
    id: DeployId,
    file: &DeployFile,
    path: &Path,
    blobs: &Arc<dyn Blobs>,
) -> Result<(), ShelfError> {
    let refused = |source| ShelfError::Write { path: path.to_owned(), source };
    let opened = File::options().write(true).create_new(true).mode(0o600).open(path);
    let mut opened = opened.map_err(refused)?;
    let mut size = 0;
    for hash in &file.chunks {
        let content = blobs.get(hash, Deadline::after(PATIENCE)).await;
        let content = content.map_err(|source| ShelfError::Fetch { id, path: file.path.clone(), source })?;
        size += content.len() as u64;
        opened.write_all(&content).map_err(refused)?;
    }
    if size != file.size {
        return Err(ShelfError::Length { id, path: file.path.clone() });
    }
    // Neither setuid nor what others may write: the folder is the agent's own.
    let mode = fs::Permissions::from_mode(file.mode & 0o755);
    opened.set_permissions(mode).and_then(|()| opened.sync_all()).map_err(refused)
}

/// Removes a file or a folder with all below it, if it is there.
fn absent(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(known) if known.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::engine::world::{ContentHash, Upload};

    /// A store with one chunk, which it gives for every hash.
    #[derive(Debug)]
    struct One(Result<Bytes, WorldError>);

    #[async_trait]
    impl Blobs for One {
        fn chunk_bytes(&self) -> usize {
            1024
        }

        async fn begin_upload(&self, _: Deadline) -> Result<Upload, WorldError> {
            Err(WorldError::Nowhere { operation: "store blobs" })
        }

        async fn missing(&self, hashes: &[ContentHash], _: Deadline) -> Result<Vec<ContentHash>, WorldError> {
            Ok(hashes.to_vec())
        }

        async fn put(&self, _: Bytes, _: Deadline) -> Result<ContentHash, WorldError> {
            Err(WorldError::Nowhere { operation: "store a blob" })
        }

        async fn get(&self, _: &ContentHash, _: Deadline) -> Result<Bytes, WorldError> {
            self.0.clone()
        }

        async fn collect_garbage(&self, _: Deadline) -> Result<usize, WorldError> {
            Ok(0)
        }
    }

    fn blobs() -> Arc<dyn Blobs> {
        Arc::new(One(Ok(Bytes::from_static(b"graph: g\n"))))
    }

    fn deploy(id: u64, path: &str) -> Deploy {
        let chunks = vec![ContentHash::of(b"graph: g\n")];
        Deploy {
            id: DeployId(id),
            parent: None,
            entry: path.to_owned(),
            files: vec![DeployFile { path: path.to_owned(), mode: 0o4666, size: 9, chunks }],
            author: String::new(),
            made_at_s: 0,
            message: String::new(),
            unknown: [].into(),
        }
    }

    #[tokio::test]
    async fn a_deploy_is_in_its_place_once_it_is_whole() {
        let scratch = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(scratch.path());
        let away: Arc<dyn Blobs> = Arc::new(One(Err(WorldError::Late { operation: "read a blob" })));
        let failed = shelf.fetch(&deploy(1, "a/site.yaml"), &away).await.unwrap_err();
        assert!(failed.is_transient(), "{failed}");
        assert!(shelf.get(DeployId(1)).is_none() && !shelf.place(DeployId(1)).exists());
        shelf.fetch(&deploy(1, "a/site.yaml"), &blobs()).await.unwrap();
        assert_eq!(shelf.get(DeployId(1)), Some(deploy(1, "a/site.yaml")));
        let file = shelf.place(DeployId(1)).join("a/site.yaml");
        assert_eq!(fs::read_to_string(&file).unwrap(), "graph: g\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);
        shelf.fetch(&deploy(1, "a/site.yaml"), &away).await.unwrap();
    }

    #[tokio::test]
    async fn no_path_of_a_deploy_leads_out_of_its_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(&scratch.path().join("prefix"));
        for path in ["../x", "/tmp/mgmt-x", "a/../../x", "", ".", "a/.."] {
            let refused = shelf.fetch(&deploy(1, path), &blobs()).await.unwrap_err();
            assert!(matches!(refused, ShelfError::Outside { .. }), "{path}: {refused}");
        }
        assert!(shelf.get(DeployId(1)).is_none());
    }

    #[tokio::test]
    async fn the_two_newest_good_ones_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(scratch.path());
        for number in 1..=4 {
            shelf.fetch(&deploy(number, "site.yaml"), &blobs()).await.unwrap();
            if number != 3 {
                shelf.is_good(DeployId(number)).unwrap();
            }
        }
        assert_eq!(shelf.good(), [DeployId(4), DeployId(2)]);
        let there = |number| shelf.get(DeployId(number)).is_some();
        assert_eq!([1, 2, 3, 4].map(there), [false, true, false, true]);
        fs::create_dir(scratch.path().join("deploy/.5.partial")).unwrap();
        shelf.is_good(DeployId(2)).unwrap();
        assert_eq!(shelf.good(), [DeployId(2), DeployId(4)]);
        assert!(!scratch.path().join("deploy/.5.partial").exists());
    }
}

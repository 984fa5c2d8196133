//! The files that a deploy is made of.
//!
//! Content is read in chunks and never held as a whole: once for its hashes, and again when it is uploaded. What has
//! changed in between is refused.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::engine::world::{ContentHash, DeployFile};

/// Folders that are never part of a deploy: what a version control keeps for itself.
const LEFT_OUT: [&str; 3] = [".git", ".hg", ".svn"];
/// The most files of a deploy: their list is one value of the store, of 1.4 MB at the most.
const MOST_FILES: usize = 5_000;

/// The files of a deploy, as they are on this disk.
#[derive(Debug)]
pub struct Bundle {
    /// Which of them is the graph.
    pub entry: String,
    /// All, in the order of their paths.
    pub files: Vec<DeployFile>,
    /// Where the graph is on this disk.
    pub entry_file: PathBuf,
    pieces: BTreeMap<ContentHash, Piece>,
}

/// Where a chunk is on this disk.
#[derive(Debug)]
struct Piece {
    file: PathBuf,
    offset: u64,
    length: usize,
}

/// The files cannot make a deploy.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum BundleError {
    #[error("cannot read {path:?}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot deploy {path:?}: its name is not UTF-8")]
    Name { path: PathBuf },
    #[error("cannot deploy {path:?}: it is a link that leads out of the folder, or to another folder")]
    Link { path: PathBuf },
    #[error("cannot deploy {path:?}: it is neither a file nor a folder")]
    Kind { path: PathBuf },
    #[error("cannot deploy {path:?}: more than {MOST_FILES} files are below it")]
    TooMany { path: PathBuf },
    #[error("cannot tell which file in {path:?} is the graph: {found} have names of one")]
    NoEntry { path: PathBuf, found: usize },
    #[error("cannot find the graph {entry:?} in {path:?}")]
    Missing { entry: PathBuf, path: PathBuf },
    #[error("cannot deploy {path:?}: it was changed while it was read")]
    Changed { path: PathBuf },
}

impl BundleError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoEntry { .. } => Some("name it: --entry FILE"),
            Self::Missing { .. } => Some("--entry takes a path within the folder"),
            Self::Changed { .. } => Some("try again"),
            Self::TooMany { .. } => Some("deploy a folder that holds only what the graph needs"),
            _ => None,
        }
    }
}

impl Bundle {
    /// Reads a file alone, or a folder with all below it. `entry` says which file of a folder is the graph; without, it
    /// is the only one at its top that could be.
    ///
    /// # Errors
    /// When something cannot be read, or may not be part of a deploy.
    pub fn read(what: &Path, entry: Option<&Path>, chunk_bytes: usize) -> Result<Self, BundleError> {
        let read = |source| BundleError::Read { path: what.to_owned(), source };
        let root = what.canonicalize().map_err(read)?;
        let mut found = BTreeMap::new();
        let entry = if root.is_dir() {
            gather(&root, &root, &mut found)?;
            choose(what, entry, &found)?
        } else {
            let name = what.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| BundleError::Name { path: what.to_owned() })?.to_owned();
            found.insert(name.clone(), root.clone());
            name
        };
        let entry_file = match root.is_dir() {
            true => what.join(&entry),
            false => what.to_owned(),
        };
        let mut bundle = Self { entry, files: Vec::new(), entry_file, pieces: BTreeMap::new() };
        for (path, file) in found {
            bundle.add(path, &file, chunk_bytes)?;
        }
        Ok(bundle)
    }

    fn add(&mut self, path: String, file: &Path, chunk_bytes: usize) -> Result<(), BundleError> {
        let read = |source| BundleError::Read { path: file.to_owned(), source };
        let opened = File::open(file).map_err(read)?;
        let known = opened.metadata().map_err(read)?;
        if !known.is_file() {
            return Err(BundleError::Kind { path: file.to_owned() });
        }
        let (mut size, mut chunks) = (0, Vec::new());
        loop {
            let mut content = Vec::new();
            (&opened).take(chunk_bytes as u64).read_to_end(&mut content).map_err(read)?;
            if content.is_empty() {
                break;
            }
            let hash = ContentHash::of(&content);
            self.pieces.entry(hash).or_insert_with(|| Piece {
                file: file.to_owned(),
                offset: size,
                length: content.len(),
            });
            size += content.len() as u64;
            chunks.push(hash);
        }
        self.files.push(DeployFile { path, mode: known.mode() & 0o777, size, chunks });
        Ok(())
    }

    /// The hashes of all chunks, each once.
    pub fn hashes(&self) -> Vec<ContentHash> {
        self.pieces.keys().copied().collect()
    }

    /// How long all files are together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Reads a chunk again.
    ///
    /// # Errors
    /// When it is not what it was.
    pub fn chunk(&self, hash: &ContentHash) -> Result<Bytes, BundleError> {
        let piece = self.pieces.get(hash).expect("only hashes of this bundle are asked for");
        let mut content = vec![0; piece.length];
        let read = File::open(&piece.file).and_then(|file| file.read_exact_at(&mut content, piece.offset));
        match read {
            Ok(()) if ContentHash::of(&content) == *hash => Ok(content.into()),
            Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                Err(BundleError::Read { path: piece.file.clone(), source })
            }
            _ => Err(BundleError::Changed { path: piece.file.clone() }),
        }
    }
}

/// All files below a folder, by their paths within the root.
fn gather(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<(), BundleError> {
    let read = |source| BundleError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let known =
            fs::symlink_metadata(&path).map_err(|source| BundleError::Read { path: path.clone(), source })?;
        if known.is_dir() {
            if !path.file_name().is_some_and(|name| LEFT_OUT.iter().any(|left| name == *left)) {
                gather(root, &path, found)?;
            }
            continue;
        }
        let file = match known.is_symlink() {
            false => path.clone(),
            true => {
                let target = path.canonicalize();
                let target = target.map_err(|source| BundleError::Read { path: path.clone(), source })?;
                if !target.starts_with(root) || target.is_dir() {
                    return Err(BundleError::Link { path });
                }
                target
            }
        };
        // To open a pipe might wait.
        if !file.is_file() {
            return Err(BundleError::Kind { path });
        }
        let within = path.strip_prefix(root).expect("it was found below it");
        let Some(within) = within.to_str() else { return Err(BundleError::Name { path }) };
        found.insert(within.to_owned(), file);
        if found.len() > MOST_FILES {
            return Err(BundleError::TooMany { path: root.to_owned() });
        }
    }
    Ok(())
}

/// Which of the files is the graph.
fn choose(
    folder: &Path,
    entry: Option<&Path>,
    found: &BTreeMap<String, PathBuf>,
) -> Result<String, BundleError> {
    if let Some(entry) = entry {
        let named = entry.strip_prefix(".").unwrap_or(entry);
        let known = named.to_str().filter(|named| found.contains_key(*named)).map(str::to_owned);
        return known
            .ok_or_else(|| BundleError::Missing { entry: entry.to_owned(), path: folder.to_owned() });
    }
    let is_graph = |path: &&String| {
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        !path.contains('/') && matches!(extension, Some("yaml" | "yml"))
    };
    let candidates: Vec<&String> = found.keys().filter(is_graph).collect();
    match candidates.as_slice() {
        [only] => Ok((*only).clone()),
        many => Err(BundleError::NoEntry { path: folder.to_owned(), found: many.len() }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("files/deep")).unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/config"), "secret").unwrap();
        fs::write(folder.path().join("site.yaml"), "graph: g\n").unwrap();
        fs::write(folder.path().join("files/deep/motd"), "0123456789").unwrap();
        fs::set_permissions(folder.path().join("files/deep/motd"), fs::Permissions::from_mode(0o640))
            .unwrap();
        folder
    }

    #[test]
    fn a_folder_is_read_with_all_below_it_in_chunks() {
        let folder = folder();
        let bundle = Bundle::read(folder.path(), None, 4).unwrap();
        assert_eq!(bundle.entry, "site.yaml");
        let paths: Vec<&str> = bundle.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["files/deep/motd", "site.yaml"]);
        let motd = &bundle.files[0];
        assert_eq!((motd.mode, motd.size, motd.chunks.len()), (0o640, 10, 3));
        let content: Vec<u8> =
            motd.chunks.iter().flat_map(|hash| bundle.chunk(hash).unwrap().to_vec()).collect();
        assert_eq!(content, b"0123456789");
    }

    #[test]
    fn a_file_alone_is_just_that() {
        let folder = folder();
        let bundle = Bundle::read(&folder.path().join("site.yaml"), None, 1024).unwrap();
        assert_eq!((bundle.entry.as_str(), bundle.files.len(), bundle.bytes()), ("site.yaml", 1, 9));
    }

    #[test]
    fn a_link_within_the_folder_is_read_and_one_that_leads_out_is_refused() {
        let folder = folder();
        symlink("files/deep/motd", folder.path().join("motd")).unwrap();
        assert_eq!(Bundle::read(folder.path(), None, 1024).unwrap().files.len(), 3);
        symlink("/etc/hostname", folder.path().join("out")).unwrap();
        let refused = Bundle::read(folder.path(), None, 1024).unwrap_err();
        assert!(matches!(refused, BundleError::Link { .. } | BundleError::Read { .. }), "{refused}");
        fs::remove_file(folder.path().join("out")).unwrap();
        symlink("files", folder.path().join("round")).unwrap();
        assert!(matches!(Bundle::read(folder.path(), None, 1024), Err(BundleError::Link { .. })));
    }

    #[test]
    fn the_graph_of_a_folder_is_the_only_one_that_could_be_or_the_one_that_is_named() {
        let folder = folder();
        fs::write(folder.path().join("other.yml"), "graph: g\n").unwrap();
        let unclear = Bundle::read(folder.path(), None, 1024).unwrap_err();
        assert!(matches!(unclear, BundleError::NoEntry { found: 2, .. }), "{unclear}");
        let named = Bundle::read(folder.path(), Some(Path::new("./other.yml")), 1024).unwrap();
        assert_eq!(named.entry, "other.yml");
        for outside in ["../x.yaml", "/etc/x.yaml", "no.yaml"] {
            let missing = Bundle::read(folder.path(), Some(Path::new(outside)), 1024).unwrap_err();
            assert!(matches!(missing, BundleError::Missing { .. }), "{missing}");
        }
    }

    #[test]
    fn what_has_changed_since_it_was_read_is_not_uploaded() {
        let folder = folder();
        let bundle = Bundle::read(folder.path(), None, 1024).unwrap();
        fs::write(folder.path().join("site.yaml"), "graph: h\n").unwrap();
        let results: Vec<_> = bundle.hashes().iter().map(|hash| bundle.chunk(hash)).collect();
        assert!(results.iter().any(|result| matches!(result, Err(BundleError::Changed { .. }))));
        assert!(results.iter().any(Result::is_ok));
    }
}

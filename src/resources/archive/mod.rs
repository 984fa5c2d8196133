//! The kind `archive`: the files of an archive, unpacked.

mod carry;
mod error;
mod manifest;
mod read;
mod rules;
mod spec;
mod swap;
#[cfg(test)]
mod tests;
mod unpack;
mod work;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{doc_of, long_work, path_asks, state_file};
use crate::engine::kind::{Claim, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Cancel, Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource,
    ResourceError, Value, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::mounts::table;
use error::ArchiveError;
use manifest::{FileMark, Manifest};
use spec::{Source, Spec};

crate::entry! {
    /// Keeps the files of an archive unpacked in a directory.
    ///
    /// The archive is a tar, alone or packed with gzip, bzip2, xz or zstd, or a zip; which one tells its content. It is
    /// unpacked beside the directory, which is then swapped as a whole. What else lies in the directory stays, unless
    /// `clean` is given. Afterwards the files are looked after: one that is removed or changed is unpacked
    /// again, as told by its size, time, mode and owner. What other resources look after in it is theirs. A new archive at the same place is unpacked in place of the old one.
    ///
    /// Archives are not believed. Names with `..`, absolute names, links that lead out, devices and pipes are refused,
    /// and so is what unpacks to more than `max_mib`, to a thousand times its size, or to a million entries. Owners in
    /// the archive do not count, and setuid bits only with `setuid`.
    ///
    /// ```yaml
    /// resources:
    ///   archive:
    ///   - name: /opt/tool
    ///     source: https://example.org/tool-1.2.tar.xz
    ///     checksum: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ///     strip: 1
    /// ```
    pub struct ArchiveParams {
        /// The directory: an absolute path. The resource's name if not given. What it is in must exist.
        path: Arc<str>,
        /// The archive: an absolute path, or an `http` or `https` address. Required.
        source: Arc<str>,
        /// The SHA-256 that the archive must have, as sha256sum says it. Required of an address.
        checksum: Arc<str>,
        /// Take so many names off the front of each path; entries with no more names are left out.
        strip: u32 = 0,
        /// Who owns all of it: `user`, `user:group` or `:group`. If not given: whoever the agent runs as.
        owner: Arc<str>,
        /// A path, absolute or in the directory. Once it exists, nothing is looked at or unpacked any more.
        creates: Arc<str>,
        /// Remove what is not of the archive, except what other resources look after.
        clean: bool = false,
        /// Keep setuid, setgid and sticky bits.
        setuid: bool = false,
        /// The most that is fetched, and that it may unpack to, in MiB.
        max_mib: u32 = 10_240,
    }
}

/// The file in the vertex's state folder that says what was unpacked.
const MANIFEST: &str = "manifest.json";
/// The file in the vertex's state folder that an archive is fetched into.
const FETCHED: &str = "fetched";

/// The kind `archive`.
#[derive(Debug)]
pub struct ArchiveKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl ArchiveKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<ArchiveParams>("archive", Vec::new()) }
    }
}

impl Kind for ArchiveKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(&self.host, declaration)?;
        Ok(Box::new(ArchiveResource { spec: Arc::new(spec), known: Arc::default() }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let target = Target::of(declaration).ok();
        target.map(|target| Claim::alone("archive", target.path, declaration)).into_iter().collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(target) = Target::of(declaration) else { return Capabilities::default() };
        let text = |param| declaration.params.get(param).and_then(Value::as_str).unwrap_or_default();
        let mut asks = path_asks::of_target(&target);
        let source = spec::local(text("source")).and_then(|path| normalize(path, None).ok());
        asks.extend(source.map(|source| path_asks::of_source(source.path)));
        let owner = text("owner");
        let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
        asks.extend(path_asks::of_owner(user, group));
        let informs = path_asks::informs(&target.path);
        let offers = vec![Uid::path(target.path)];
        Capabilities { offers, asks, informs, waits: true, ..Capabilities::default() }
    }
}

/// One archive.
#[derive(Debug)]
struct ArchiveResource {
    spec: Arc<Spec>,
    /// The digest of the archive's file, and which file that was.
    known: Arc<Mutex<Option<(FileMark, String)>>>,
}

fn load(path: &Path) -> Result<Option<Manifest>, HostError> {
    let stored = state_file::read(path)?;
    // A damaged one is none: then all is unpacked again.
    Ok(stored.and_then(|stored| serde_json::from_slice(&stored.bytes).ok()))
}

impl ArchiveResource {
    /// Does work on the blocking pool.
    async fn work<T: Send + 'static>(
        &self,
        op: &'static str,
        cancel: &Cancel,
        work: impl FnOnce(&Spec, &Cancel) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ResourceError> {
        let (spec, inner) = (self.spec.clone(), cancel.clone());
        Ok(long_work::run_long(op, self.spec.path(), cancel, move |_| Ok(work(&spec, &inner))).await??)
    }

    /// Refuses where something is mounted in the directory: the swap would end half-way, for what is mounted cannot be
    /// carried over.
    async fn refuse_mounts(&self) -> Result<(), ResourceError> {
        let path = self.spec.path();
        // The table has the real names.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let state = self.spec.host.mounts.look_anew().await?;
        match table::within(&state.mounts, &real) {
            Some(mount) => {
                Err(ArchiveError::Mounted { path: path.into(), mount: mount.point.clone() }.into())
            }
            None => Ok(()),
        }
    }

    /// Fetches the archive of an address, and opens it.
    async fn fetch(&self, cx: &Cx, url: &reqwest::Url) -> Result<(File, PathBuf), ResourceError> {
        let path = cx.state_dir()?.join(FETCHED);
        let failed = |error| HostError::io("write", &path, error);
        let mut file = File::options();
        let file = file.read(true).write(true).create(true).truncate(true);
        let mut file = file.open(&path).map_err(failed)?;
        let limit = self.spec.limit;
        let mut take = |bytes: &[u8]| file.write_all(bytes);
        let cancelled = cx.cancel.cancelled();
        let fetched = tokio::select! {
            fetched = self.spec.host.downloader.fetch(url, limit, &mut take) => fetched,
            () = cancelled => {
                return Err(HostError::Cancelled { op: "fetch", path: self.spec.path().into() }.into());
            }
        };
        let source_name = || (*self.spec.shown).into();
        fetched.map_err(|source| ArchiveError::Download { source_name: source_name(), source })?;
        Ok((file, path))
    }
}

/// The digest of the archive, which must be the one declared. Of an address it is what was declared.
fn digest_of(
    spec: &Spec,
    known: &Mutex<Option<(FileMark, String)>>,
    manifest: Option<&Manifest>,
    cancel: &Cancel,
) -> Result<String, ArchiveError> {
    let Source::Local(path) = &spec.source else {
        return Ok(spec.checksum.as_deref().expect("an address has a checksum").to_owned());
    };
    let mut file = File::from(spec.host.fs.open_source(path)?);
    let found = file.metadata().map_err(|error| HostError::io("stat", path, error))?;
    if !found.is_file() {
        let found = if found.is_dir() { "a directory" } else { "a device or a pipe" };
        let (path, hint) =
            (path.as_path().into(), "`source` is the archive itself; to copy a directory use `file`");
        return Err(HostError::WrongType { path, found, wanted: "an archive", hint }.into());
    }
    let mark = FileMark::of(&found);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let from_manifest = manifest.filter(|it| it.file == Some(mark)).map(|it| it.sha256.clone());
    let from_memory = known.as_ref().filter(|(of, _)| *of == mark).map(|(_, digest)| digest.clone());
    let found = match from_manifest.or(from_memory) {
        Some(found) => found,
        None => work::digest(&mut file, path, cancel)?,
    };
    *known = Some((mark, found.clone()));
    must_be(spec, &found)?;
    Ok(found)
}

fn must_be(spec: &Spec, found: &str) -> Result<(), ArchiveError> {
    match &spec.checksum {
        Some(wanted) if **wanted != *found => Err(ArchiveError::Checksum {
            source_name: (*spec.shown).into(),
            found: found.to_owned(),
            wanted: wanted.to_string(),
        }),
        _ => Ok(()),
    }
}

#[async_trait]
impl Resource for ArchiveResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let spec = &*self.spec;
        let mut paths = vec![(spec.path(), Interest::TREE)];
        if let Source::Local(path) = &spec.source {
            paths.push((path, Interest::CONTENT));
        }
        paths.extend(spec.creates.as_deref().map(|path| (path, Interest::SELF)));
        wake_on(cx, &*spec.host.watch, paths)
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let (state, known) = (state_file::path(cx, MANIFEST), self.known.clone());
        let compare = move |spec: &Spec, cancel: &Cancel| {
            if spec.creates.as_deref().is_some_and(|path| path.symlink_metadata().is_ok()) {
                return Ok(Drift::none());
            }
            let manifest = load(&state)?;
            let digest = digest_of(spec, &known, manifest.as_ref(), cancel)?;
            work::compare(spec, manifest.as_ref(), &digest, cancel)
        };
        let drift = self.work("check", &cx.cancel, compare).await?;
        if cx.noop
            && !drift.is_empty()
            && let Err(error) = self.refuse_mounts().await
        {
            cx.foresee(0, error);
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        self.refuse_mounts().await?;
        let (file, fetched) = match &self.spec.source {
            Source::Local(path) => (File::from(self.spec.host.fs.open_source(path)?), None),
            Source::Remote(url) => {
                let (file, path) = self.fetch(cx, url).await?;
                (file, Some(path))
            }
        };
        let state = state_file::path(cx, MANIFEST);
        let unpack = move |spec: &Spec, cancel: &Cancel| {
            let mut file = file;
            // Of the very file that is unpacked, whoever replaces it meanwhile.
            let digest = work::digest(&mut file, Path::new(&*spec.shown), cancel)?;
            must_be(spec, &digest)?;
            swap::unpack(spec, load(&state)?.as_ref(), file, digest, cancel)
        };
        let unpacked = self.work("unpack", &cx.cancel, unpack).await;
        if let Some(path) = fetched {
            // It is only needed once; what stays behind is overwritten.
            let _ = std::fs::remove_file(path);
        }
        let bytes = serde_json::to_vec(&unpacked?).map_err(ResourceError::bug)?;
        state_file::write(&self.spec.host.fs, cx, MANIFEST, bytes)?;
        Ok(Outputs::none())
    }
}

//! The kind `tar`: an archive of files.

mod archive;
#[cfg(test)]
mod tests;
mod walk;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rustix::fs::FileType;

use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{doc_of, long_work, made_file, path_asks};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::Uid;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Stamp, Value, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Content, Dress, Fs, Halt, Pace, Sink, Sunk, Written, size};
use crate::resources::host::managed::Claim;
use crate::resources::host::stamp::stamp_of;
use archive::{Archive, Format};
use walk::Walk;

crate::entry! {
    /// Keeps an archive of files, directories and symbolic links.
    ///
    /// It is made anew when something in it would change, and when it is missing or damaged; it is replaced whole.
    /// Directories are archived with all that is in them. Names are the whole paths without the slash at the
    /// beginning, as `tar -C / -c etc/mgmt` has them. Inputs stand in the order in which they are given, what is in a
    /// directory in the order of its names. Modes, numbers of owners and groups, and modification times to the
    /// second are those of the files, so the same files give the same bytes. Hard links are archived as files of
    /// their own; sockets, pipes and devices, and the archive itself, are left out. It is not compressed: for that
    /// see the kind `gzip`. A new archive has the permissions 0644; one that is replaced keeps its own.
    ///
    /// ```yaml
    /// resources:
    ///   tar:
    ///   - name: /srv/backup/etc.tar
    ///     inputs:
    ///     - /etc/hosts
    ///     - /etc/ssh/
    /// ```
    pub struct TarParams {
        /// Where the archive goes: an absolute path. The resource's name if not given.
        path: Arc<str>,
        /// The absolute paths of what goes into it. Required.
        inputs: Vec<Arc<str>>,
        /// 2 for ustar, 4 for pax, 8 for GNU's format; 0 is the latter too.
        format: i64 = 0,
    }
}

/// An input may be a directory: then all below it counts, but a file only once it is written to its end.
const BELOW: Interest = Interest { closed_writes: true, ..Interest::TREE };

/// The kind `tar`.
#[derive(Debug)]
pub struct TarKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl TarKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<TarParams>("tar", Vec::new()) }
    }
}

impl Kind for TarKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = TarParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let output = Target::of(declaration).map_err(|error| errors.push(error)).ok();
        if output.as_ref().is_some_and(|output| output.is_dir) {
            let hint = "remove the slash at its end";
            errors.push(ParamError::whole("the path of the archive is that of a directory").hint(hint));
        }
        let mut inputs: Vec<Arc<str>> = Vec::new();
        for input in &params.inputs {
            match normalize(input, Some("inputs")) {
                Ok(input) if output.as_ref().is_some_and(|output| output.path == input.path) => {
                    errors.push(ParamError::at("inputs", "an archive cannot hold itself"));
                }
                Ok(input) => inputs.push(input.path),
                Err(error) => errors.push(error),
            }
        }
        if params.inputs.is_empty() {
            let error = ParamError::at("inputs", "there is nothing to archive");
            errors.push(error.hint("add `inputs:` with a list of paths"));
        }
        let format = match params.format {
            2 => Format::Ustar,
            4 => Format::Pax,
            0 | 8 => Format::Gnu,
            other => {
                let error = ParamError::at("format", format!("{other} is no format"));
                errors.push(error.hint("a format is 2 (ustar), 4 (pax) or 8 (GNU)"));
                Format::Gnu
            }
        };
        let (Some(output), true) = (output, errors.is_empty()) else { return Err(errors) };
        let output = self.host.managed.claim(output.path);
        Ok(Box::new(TarResource(Arc::new(Spec { host: self.host.clone(), output, inputs, format }))))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(output) = Target::of(declaration) else { return Capabilities::default() };
        let inputs = match declaration.params.get("inputs") {
            Some(Value::List(inputs)) => &**inputs,
            _ => &[],
        };
        let inputs = inputs.iter().filter_map(|input| normalize(input.as_str()?, None).ok());
        let mut asks = path_asks::of_target(&output);
        asks.extend(inputs.map(|input| path_asks::of_source(input.path)));
        Capabilities { offers: vec![Uid::path(output.path)], asks, waits: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct Spec {
    host: Arc<Host>,
    output: Claim,
    inputs: Vec<Arc<str>>,
    format: Format,
}

impl Spec {
    fn path(&self) -> &Path {
        Path::new(&**self.output.path())
    }

    /// Archives the inputs into a sink.
    fn archive(&self, sink: Sink<'_>, pace: Pace<'_>) -> Result<Sunk, HostError> {
        let mut archive = Archive::new(self.format, sink);
        let mut walk = Walk::new(&self.host.fs, self.path(), pace);
        for input in &self.inputs {
            walk.input(Path::new(&**input), &mut |entry| archive.add(entry, pace))?;
        }
        archive.finish(self.path())
    }

    fn check(&self, pace: Pace<'_>) -> Result<Drift, Halt> {
        let mut drift = Drift::none();
        let found = made_file::look(&self.host.fs, self.path(), pace)?;
        // What would be written is written nowhere: its digest tells all that can differ.
        let wanted = self.archive(Sink::nowhere(), pace)?;
        let show = |sunk: Sunk| Shown::Content { size: sunk.size, sha256: Some(sunk.sha256) };
        match found {
            None => drift.add("inputs", Shown::Absent, show(wanted)),
            Some((_, Some(found))) if found == wanted => {}
            Some((_, Some(found))) => drift.add("inputs", show(found), show(wanted)),
            Some((stat, None)) => {
                let found = Shown::text(format!("a symbolic link of {} bytes", size(&stat)));
                drift.add("inputs", found, show(wanted));
            }
        }
        Ok(drift)
    }

    /// Makes the archive. Returns its stamp just after where it was written in place.
    fn apply(&self, pace: Pace<'_>) -> Result<Option<Stamp>, Halt> {
        let fs = &self.host.fs;
        let parent = fs.open_parent(self.path())?;
        let at = At::new(&parent, self.path());
        let old = fs.lstat(at)?.filter(|old| FileType::from_raw_mode(old.st_mode).is_file());
        let content = Archived { spec: self };
        match fs.write_file(at, old.as_ref(), &content, Dress::default(), pace)? {
            Written::Renamed => Ok(None),
            Written::InPlace(after) => Ok(Some(stamp_of(Some(&after)))),
        }
    }
}

/// The inputs as they are archived.
#[derive(Debug)]
struct Archived<'a> {
    spec: &'a Spec,
}

impl Content for Archived<'_> {
    fn size(&self) -> Option<u64> {
        None
    }

    fn write_to(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<u64, HostError> {
        Ok(self.spec.archive(Sink::file(fs, file, path), pace)?.size)
    }
}

#[derive(Debug)]
struct TarResource(Arc<Spec>);

#[async_trait]
impl Resource for TarResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let inputs = self.0.inputs.iter().map(|input| (Path::new(&**input), BELOW));
        wake_on(cx, &*self.0.host.watch, [(self.0.path(), Interest::SELF)].into_iter().chain(inputs))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| spec.check(pace);
        Ok(Found::drift(long_work::run_long("check", self.0.path(), &cx.cancel, work).await?))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| spec.apply(pace);
        if let Some(stamp) = long_work::run_long("archive", self.0.path(), &cx.cancel, work).await? {
            cx.wrote(stamp);
        }
        Ok(Outputs::none())
    }
}

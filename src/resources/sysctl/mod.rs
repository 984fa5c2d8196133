//! The kind `sysctl`: kernel parameters.

mod conf;
mod entries;
mod error;
mod key;
mod later;
mod missing;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::io::Errno;

use super::edited_file::{self, Manner, PLAIN};
use super::file::target::Target;
use super::wake_on::wake_on;
use super::{doc_of, long_work, path_asks};
use crate::engine::drift::Shown;
use crate::engine::kind::{Ask, Claim, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Stamp, Value, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Dress, Halt, Pace};
use entries::Entries;
use error::SysctlError;
use key::{Key, is_same, words};
use later::{FOLDERS, Files, LaterFiles};
use spec::{Spec, SysctlParams};

/// How long a value that the kernel made another one of is not set again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// The kind `sysctl`.
#[derive(Debug)]
pub struct SysctlKind {
    host: Arc<Host>,
    places: Arc<Places>,
    doc: KindDoc,
}

/// Where things are.
#[derive(Debug)]
struct Places {
    /// The parameters.
    kernel: PathBuf,
    /// Where our files of settings are.
    folder: PathBuf,
    /// All files of settings.
    files: LaterFiles,
}

impl SysctlKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self::at(host, "/proc/sys".into(), Path::new("/"))
    }

    fn at(host: Arc<Host>, kernel: PathBuf, root: &Path) -> Self {
        let doc = doc_of::<SysctlParams>("sysctl", Vec::new());
        let folder = root.join(FOLDERS[0]);
        Self { host, places: Arc::new(Places { kernel, folder, files: LaterFiles::new(root) }), doc }
    }
}

impl Kind for SysctlKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(declaration, &self.places.folder)?;
        let is_many = declaration.params.get("values").is_some();
        let (host, places) = (self.host.clone(), self.places.clone());
        Ok(Box::new(SysctlResource {
            host,
            places,
            spec,
            is_many,
            warned: Mutex::default(),
            taken: Mutex::default(),
            entries: Mutex::default(),
        }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let Ok(spec) = Spec::new(declaration, &self.places.folder) else { return Vec::new() };
        let is_known = |param| declaration.receives.iter().all(|it| it.param != param);
        let settings = spec.settings.iter().filter(|_| is_known("value") && is_known("values"));
        settings.map(|(key, value)| Claim::new(Uid::new("sysctl", key.name()), words(value))).collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration, &self.places.folder) else { return Capabilities::default() };
        let mut asks = path_asks::of_edited(&Target { path: spec.path.clone(), is_dir: false });
        let interfaces = spec.settings.iter().filter_map(|(key, _)| key.interface());
        asks.extend(
            interfaces.map(|name| Ask::after(vec![Uid::new("interface", name)], "the interface it is of")),
        );
        Capabilities { asks, reversible: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct SysctlResource {
    host: Arc<Host>,
    places: Arc<Places>,
    spec: Spec,
    /// It was declared with `values`.
    is_many: bool,
    /// What was warned of last.
    warned: Mutex<String>,
    /// What the kernel made of values that were set, and when: to set them again at once would be an event without end.
    taken: Mutex<BTreeMap<String, (String, Instant)>>,
    /// What the armed watch holds.
    entries: Mutex<Weak<Entries>>,
}

impl SysctlResource {
    fn path(&self) -> &Path {
        Path::new(&*self.spec.path)
    }

    /// Watches the parameters that are there now, and looks for the others, while a watch is armed.
    async fn follow(&self, cx: &Cx) -> Result<(), HostError> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(entries) = entries.filter(|_| self.spec.runtime) else { return Ok(()) };
        let root = &*self.places.kernel;
        let keys = self.spec.settings.iter().map(|(key, _)| key);
        for key in keys.filter(|key| !entries.is_right(key, root)) {
            long_work::reach_runtime().await;
            entries.follow(key, root, &self.host.entries, cx.waker())?;
        }
        Ok(())
    }

    /// The value in the kernel; `None`: there is no such parameter.
    fn read(&self, key: &Key) -> Result<Option<String>, SysctlError> {
        match std::fs::read(key.file(&self.places.kernel)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(source) => Err(SysctlError::Refused { op: "read", key: key.name().into(), source }),
        }
    }

    fn set(&self, key: &Key, value: &str) -> Result<(), SysctlError> {
        let refused = |source| SysctlError::Refused { op: "set", key: key.name().into(), source };
        let written = std::fs::OpenOptions::new().write(true).open(key.file(&self.places.kernel)).and_then(
            |mut file| {
                // In one piece: each write is a value of its own.
                io::Write::write_all(&mut file, format!("{value}\n").as_bytes())
            },
        );
        match written {
            Err(error) if is_missing(&error) && self.spec.ignore_missing => return Ok(()),
            Err(error) if is_missing(&error) => {
                let hint = missing::hint(key, &self.places.kernel).into();
                return Err(SysctlError::Missing { key: key.name().into(), hint });
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && self.is_read_only(key) => {
                return Err(SysctlError::ReadOnly { key: key.name().into() });
            }
            other => other.map_err(refused)?,
        }
        let found = self.read(key)?.unwrap_or_default();
        if is_same(&found, value) {
            return Ok(());
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(key.name(), (found.clone(), Instant::now()));
        Err(SysctlError::Taken { key: key.name().into(), wanted: value.into(), found: found.into() })
    }

    /// Whether the kernel gives nobody the right to write it.
    fn is_read_only(&self, key: &Key) -> bool {
        let found = std::fs::metadata(key.file(&self.places.kernel));
        found.is_ok_and(|found| found.permissions().readonly())
    }

    /// Whether this value is what the kernel has just made of the one that is wanted.
    fn was_taken(&self, key: &Key, is: &str) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.get(&key.name()).is_some_and(|(found, at)| found == is && at.elapsed() < TRY_AGAIN)
    }

    fn text(&self) -> Result<Option<Vec<u8>>, HostError> {
        match std::fs::read(self.path()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(HostError::io("read", self.path(), error)),
        }
    }

    fn edited(&self, text: &[u8]) -> Vec<u8> {
        self.spec.settings.iter().fold(text.to_vec(), |text, (key, value)| {
            if self.spec.persist { conf::with(&text, key, value) } else { conf::without(&text, key) }
        })
    }

    fn warn_of_later_files(&self, files: &Files) {
        let own = self.path().file_name().unwrap_or_default().to_string_lossy();
        let later = self.spec.settings.iter().filter_map(|(key, value)| {
            let (path, is) = files.later(&own, key, value)?;
            Some(format!("{} = {is} in {}", key.name(), path.display()))
        });
        let later = later.collect::<Vec<_>>().join(", ");
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if *warned != later {
            if !later.is_empty() {
                tracing::warn!(own = %self.spec.path, %later, "a file that is read later wins at the next boot");
            }
            *warned = later;
        }
    }

    /// Edits the file, or removes it where nothing is left in it.
    fn write_file(&self, pace: Pace<'_>) -> Result<Option<Stamp>, Halt> {
        let manner = Manner { empty_goes: !self.spec.persist, ..PLAIN };
        let rewrite = |found: Option<&[u8]>| {
            let mut wanted = self.edited(found.unwrap_or_default());
            if manner.empty_goes && conf::is_empty(&wanted) {
                wanted.clear();
            }
            Ok::<_, Infallible>((found.unwrap_or_default() != wanted).then_some((wanted, ())))
        };
        let repair =
            || edited_file::repair(&self.host, self.path(), pace, manner, &rewrite).map(|Ok(stamp)| stamp);
        match repair() {
            Err(Halt::Failed(HostError::NoParent { .. })) if !self.spec.persist => Ok(None),
            Err(Halt::Failed(HostError::NoParent { .. }))
                if self.path().parent() == Some(&*self.places.folder) =>
            {
                let (fs, folder) = (&self.host.fs, &self.places.folder);
                let above = fs.open_parent(folder)?;
                fs.make_dir(At::new(&above, folder), Dress::default())?;
                repair()
            }
            other => other,
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR))
}

#[async_trait]
impl Resource for SysctlResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        long_work::reach_runtime().await;
        let entries = Arc::new(Entries::default());
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&entries);
        self.follow(cx).await?;
        let told_by_netlink = self.spec.settings.iter().any(|(key, _)| key.is_of_netconf());
        // Where there is no such socket, the look from time to time is left.
        let network = if self.spec.runtime && told_by_netlink {
            self.host.netlink.join(Some(cx.waker().clone())).ok()
        } else {
            None
        };
        let persist = self.spec.persist;
        let files = persist.then(|| self.places.files.watch(cx, &*self.host.watch)).transpose()?;
        let own = wake_on(cx, &*self.host.watch, [(self.path(), Interest::CONTENT)])?;
        Ok(Wakes::pushed((entries, network, files, own.guard)))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        // Before they are read, so that no change in between is missed.
        self.follow(cx).await?;
        let mut drift = Drift::none();
        let text = self.text()?;
        let bytes = text.as_deref().unwrap_or_default();
        if self.edited(bytes) != bytes {
            let show = |value: Option<&str>, key: &Key| match value {
                Some(value) => Shown::text(format!("{} = {value}", key.name())),
                None => Shown::Absent,
            };
            for (key, value) in &self.spec.settings {
                let is = conf::value(bytes, key);
                let wanted = self.spec.persist.then_some(&**value);
                if is.is_some() != wanted.is_some()
                    || is.zip(wanted).is_some_and(|(is, wanted)| !is_same(is, wanted))
                {
                    drift.add("persist", show(is, key), show(wanted, key));
                }
            }
            if drift.is_empty() {
                drift.add("persist", Shown::text("said twice"), Shown::text("said once"));
            }
        }
        for (key, value) in self.spec.settings.iter().filter(|_| self.spec.runtime) {
            let what = if self.is_many { "values" } else { "value" };
            let shown = |value: &str| {
                Shown::text(if self.is_many { format!("{} = {value}", key.name()) } else { value.to_owned() })
            };
            match self.read(key)? {
                None if self.spec.ignore_missing => {}
                None => drift.add(what, Shown::Absent, shown(value)),
                Some(is) if !is_same(&is, value) && self.was_taken(key, &is) => {
                    let (key, wanted, found) = (key.name().into(), value.clone(), is.into());
                    return Err(SysctlError::Taken { key, wanted, found }.into());
                }
                Some(is) if !is_same(&is, value) => drift.add(what, shown(&is), shown(value)),
                Some(_) => {}
            }
        }
        if self.spec.persist {
            self.warn_of_later_files(&*self.places.files.look().await);
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        // What the kernel refuses is not kept for the next boot. What it does not have yet is: its module may come.
        let mut missing = None;
        for (key, value) in self.spec.settings.iter().filter(|_| self.spec.runtime) {
            let is = self.read(key)?;
            if is.is_none_or(|is| !is_same(&is, value)) {
                match self.set(key, value) {
                    Err(error @ SysctlError::Missing { .. }) => missing = missing.or(Some(error)),
                    other => other?,
                }
            }
        }
        match self.write_file(Pace::Long(&cx.cancel)) {
            Ok(stamp) => stamp.into_iter().for_each(|stamp| cx.wrote(stamp)),
            Err(Halt::Failed(error)) => return Err(error.into()),
            Err(Halt::Long) => return Err(HostError::Worker { op: "write", path: self.path().into() }.into()),
        }
        missing.map_or_else(|| Ok(Outputs::none()), |error| Err(error.into()))
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let text = self.text()?.unwrap_or_default();
        let mut values = Vec::new();
        let mut was_in_file = false;
        for (key, _) in &self.spec.settings {
            let in_file = conf::value(&text, key).map(str::to_owned);
            was_in_file |= in_file.is_some();
            let is = if self.spec.runtime { self.read(key)? } else { in_file.clone() };
            values.extend(is.or(in_file).filter(|is| !is.is_empty()).map(|is| (key.name(), is)));
        }
        if values.is_empty() {
            return Ok(None);
        }
        let mut undo = Params::new();
        undo.set("path", Value::str(&*self.spec.path));
        undo.set("persist", Value::Bool(was_in_file));
        undo.set("runtime", Value::Bool(self.spec.runtime || !was_in_file));
        undo.set("ignore_missing", Value::Bool(true));
        undo.set(
            "values",
            Value::Map(values.into_iter().map(|(key, is)| (Value::str(key), Value::str(is))).collect()),
        );
        Ok(Some(undo))
    }
}

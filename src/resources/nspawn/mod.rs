//! The kind `nspawn`: containers of systemd.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::choice::choice_beside;
use super::doc_of;
use super::file::target::normalize;
use super::long_work;
use super::memory::Memory;
use super::small_file::{SmallFile, make_folder};
use super::state_file;
use super::svc::{self, Spec as UnitSpec, Startup, Unit, Wanted as UnitState, Whose};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::{Ask, Uid};
use crate::engine::path_watch::{Interest, PathSink};
use crate::engine::{
    Capabilities, Class, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{At, Dress};
use crate::resources::host::systemd::{JOB_LIMIT, UnitName, Verb};

crate::entry! {
    /// Keeps a container of systemd running or stopped.
    ///
    /// The name is that of the machine, of at most 64 letters, digits, dots and dashes. Its image is the folder
    /// `/var/lib/machines/NAME`, or the disk image `NAME.raw` there; one that lies elsewhere is linked. The container is
    /// the unit `systemd-nspawn@NAME`. It is applied after its image, its settings, and the package systemd-container. A
    /// refresh restarts it, as do new settings. With `reverse`, state, startup and settings come back; a link to an image
    /// stays.
    ///
    /// ```yaml
    /// resources:
    ///   nspawn:
    ///   - name: web
    ///     image: /srv/images/web
    ///     startup: enabled
    ///     settings: |
    ///       [Network]
    ///       VirtualEthernet=no
    /// ```
    pub struct NspawnParams {
        /// `running` or `stopped`.
        state: Arc<str> = Arc::from("running"),
        /// Where the image lies: a folder, or a disk image that ends with `.raw`. Default: in `/var/lib/machines`.
        image: Arc<str>,
        /// `enabled`: it is started at boot; `disabled`: it is not. Default: any.
        startup: Arc<str>,
        /// The text of `/etc/systemd/nspawn/NAME.nspawn`: systemd.nspawn(5). Empty: there is no such file. Default: whatever
        /// is there. Where it is sensitive, only root may read the file.
        settings: Option<Arc<str>>,
    }
}

/// Where machines are looked for.
const MACHINES: &str = "/var/lib/machines";
/// Where their settings are.
const SETTINGS: &str = "/etc/systemd/nspawn";
/// The longest name of a host on Linux.
const LONGEST: usize = 64;

/// Which run of the container has old settings, or an old image: until another has begun, also if the agent does not live to
/// see it.
const OLD_RUN: &str = "old-run";

/// The kind `nspawn`.
#[derive(Debug)]
pub struct NspawnKind {
    host: Arc<Host>,
    past: Memory<svc::Past>,
    root: PathBuf,
    doc: KindDoc,
}

impl NspawnKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self::at(host, PathBuf::from("/"))
    }

    /// The same, with machines and settings below another root.
    pub fn at(host: Arc<Host>, root: PathBuf) -> Self {
        Self { host, past: Memory::default(), root, doc: doc_of::<NspawnParams>("nspawn", Vec::new()) }
    }
}

/// What is wanted of a container.
#[derive(Clone, Debug)]
struct Spec {
    name: Box<str>,
    unit: UnitName,
    image: Option<Arc<str>>,
    runs: bool,
    startup: Option<Startup>,
    settings: Option<Arc<str>>,
}

impl Spec {
    fn new(name: &str, params: &NspawnParams) -> Result<Self, Vec<ParamError>> {
        let mut errors = Vec::new();
        // As systemd has it: parts between dots, none of which begins or ends with a dash.
        let is_part = |part: &str| {
            let fits = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            fits && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
        };
        let is_name = name.len() <= LONGEST && name.split('.').all(is_part);
        if !is_name {
            let error = ParamError::whole(format!("{name:?} is no name of a machine"));
            errors.push(error.hint("at most 64 letters, digits, dots and dashes, as in the name of a host"));
        }
        let states = [("running", true), ("stopped", false)];
        let runs = choice_beside("state", &params.state, &states, &[("startup", &["enabled", "disabled"])])
            .map_err(|error| errors.push(error))
            .unwrap_or(true);
        let starts = [("", None), ("enabled", Some(Startup::Enabled)), ("disabled", Some(Startup::Disabled))];
        let startup =
            choice_beside("startup", &params.startup, &starts, &[("state", &["running", "stopped"])])
                .map_err(|error| errors.push(error))
                .unwrap_or(None);
        let mut image = None;
        if !params.image.is_empty() {
            match normalize(&params.image, Some("image")) {
                Ok(target) => image = Some(target.path),
                Err(error) => errors.push(error),
            }
        }
        // systemd's unit gives the instance to the container as it stands: a dash stays a dash.
        let unit = UnitName::new(&format!("systemd-nspawn@{name}.service"));
        match unit {
            Ok(unit) if errors.is_empty() => {
                Ok(Self { name: name.into(), unit, image, runs, startup, settings: params.settings.clone() })
            }
            _ => Err(errors),
        }
    }

    fn unit(&self) -> UnitSpec {
        UnitSpec {
            unit: self.unit.clone(),
            whose: Whose::System,
            state: Some(if self.runs { UnitState::Running } else { UnitState::Stopped }),
            startup: self.startup,
            refresh: Some(Verb::TryRestart),
            limit: Some(JOB_LIMIT),
            patience: JOB_LIMIT,
            runtime: false,
            reloads: true,
        }
    }

    fn is_disk(&self) -> bool {
        self.image.as_ref().is_some_and(|image| image.ends_with(".raw"))
    }
}

impl Kind for NspawnKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = NspawnParams::decode(&declaration.params)?;
        let spec = Spec::new(&declaration.label.name, &params)?;
        let unit = Unit::new(self.host.clone(), spec.unit(), self.past.of(&declaration.label));
        let is_secret = declaration.meta.sensitive.iter().any(|param| **param == *"settings");
        let (host, root) = (self.host.clone(), self.root.clone());
        Ok(Box::new(Container { host, root, spec, is_secret, unit }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let decoded = NspawnParams::decode(&declaration.params).ok();
        let spec = decoded.and_then(|params| Spec::new(&declaration.label.name, &params).ok());
        let (offers, asks) = spec.map(|spec| edges(&spec)).unwrap_or_default();
        Capabilities {
            offers,
            asks,
            refreshable: true,
            waits: true,
            reversible: true,
            ..Capabilities::default()
        }
    }
}

fn edges(spec: &Spec) -> (Vec<Uid>, Vec<Ask>) {
    let mut offers = vec![Uid::new("unit", spec.unit.as_str())];
    let settings = Uid::path(format!("{SETTINGS}/{}.nspawn", spec.name));
    let own = |end: &str| -> Arc<str> { format!("{MACHINES}/{}{end}", spec.name).into() };
    let image = spec.image.clone().unwrap_or_else(|| own(""));
    let mut asks = vec![
        Ask::after(vec![Uid::path(image.clone()), Uid::path(own(".raw"))], "its image"),
        Ask::after(vec![Uid::new("package", "systemd-container")], "the package that runs containers"),
    ];
    let above = Path::new(&*image).ancestors().filter_map(Path::to_str);
    asks.push(Ask::after(
        above.map(|path| Uid::new("mount", path)).collect(),
        "the file system its image is on",
    ));
    if spec.settings.is_some() {
        offers.push(settings);
        asks.push(Ask::after(vec![Uid::path(SETTINGS)], "the directory of its settings"));
    } else {
        asks.push(Ask::after(vec![settings], "its settings"));
    }
    (offers, asks)
}

/// There is nothing to run.
#[derive(Debug, thiserror::Error)]
#[error("the machine {name} has no image: there is no {path}", path = path.display())]
struct NoImage {
    name: Box<str>,
    path: PathBuf,
}

impl From<NoImage> for ResourceError {
    fn from(error: NoImage) -> Self {
        let hint = "put the files of a system there, as debootstrap does, or name them with `image`";
        Self::of(Class::Transient, Some(hint), error)
    }
}

#[derive(Debug)]
struct Container {
    host: Arc<Host>,
    root: PathBuf,
    spec: Spec,
    /// Only root may read the settings.
    is_secret: bool,
    unit: Unit,
}

impl Container {
    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Where systemd looks for the image.
    fn place(&self) -> PathBuf {
        let end = if self.spec.is_disk() { ".raw" } else { "" };
        self.below(&format!("{MACHINES}/{}{end}", self.spec.name))
    }

    fn settings(&self) -> Option<SmallFile> {
        let text = self.spec.settings.as_ref()?.to_string();
        let path = self.below(&format!("{SETTINGS}/{}.nspawn", self.spec.name));
        let text = (!text.is_empty()).then_some(text);
        let mode = if self.is_secret { 0o600 } else { 0o644 };
        Some(SmallFile { what: "settings", path, text, mode, owner: None })
    }

    /// How the link to an image that lies elsewhere differs.
    fn compare_image(&self, drift: &mut Drift) -> Result<(), ResourceError> {
        let place = self.place();
        let missing = |path: &Path| NoImage { name: self.spec.name.clone(), path: path.to_owned() };
        let Some(image) = &self.spec.image else {
            let disk = self.below(&format!("{MACHINES}/{}.raw", self.spec.name));
            if self.spec.runs && !place.exists() && !disk.exists() {
                return Err(missing(&place).into());
            }
            return Ok(());
        };
        let image = self.below(image);
        if image == place {
            return if self.spec.runs && !image.exists() { Err(missing(&image).into()) } else { Ok(()) };
        }
        match std::fs::read_link(&place) {
            Ok(target) if target == image => {}
            Ok(target) => {
                let found = Shown::text(target.to_string_lossy());
                drift.add("image", found, Shown::text(image.to_string_lossy()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                drift.add("image", Shown::Absent, Shown::text(image.to_string_lossy()));
            }
            Err(_) => {
                let hint = "remove it, or leave out `image`";
                let (found, wanted) = ("no link", "a link to the image");
                return Err(HostError::WrongType { path: place.into(), found, wanted, hint }.into());
            }
        }
        if self.spec.runs && !image.exists() { Err(missing(&image).into()) } else { Ok(()) }
    }

    /// Notes that what runs now, if something does, will have old settings.
    async fn note_old_run(&self, cx: &Cx) -> Result<(), ResourceError> {
        let systemd = self.host.systemd.system();
        if systemd.status(&self.spec.unit).await?.active.is_up() {
            let run = systemd.invocation(&self.spec.unit).await?;
            state_file::write(&self.host.fs, cx, OLD_RUN, run.as_bytes().to_vec())?;
        }
        Ok(())
    }

    /// Whether what runs has old settings.
    async fn is_old_run(&self, cx: &Cx) -> Result<bool, ResourceError> {
        let Some(noted) = state_file::read(&state_file::path(cx, OLD_RUN))? else { return Ok(false) };
        let systemd = self.host.systemd.system();
        let is_up = systemd.status(&self.spec.unit).await?.active.is_up();
        Ok(is_up && systemd.invocation(&self.spec.unit).await?.as_bytes() == noted.bytes)
    }

    fn link_image(&self) -> Result<(), HostError> {
        let Some(image) = &self.spec.image else { return Ok(()) };
        let (place, image) = (self.place(), self.below(image));
        // The package may not have brought it.
        make_folder(&self.host.fs, &self.below(MACHINES), 0o700, None)?;
        let dir = self.host.fs.open_parent(&place)?;
        self.host.fs.write_link(At::new(&dir, &place), image.as_os_str().as_encoded_bytes(), Dress::default())
    }
}

#[async_trait]
impl Resource for Container {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let unit = self.unit.watch(cx).await?;
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
        let image = self.spec.image.as_ref().map(|image| self.below(image));
        let disk = self.below(&format!("{MACHINES}/{}.raw", self.spec.name));
        let settings = self.settings().map(|file| file.path);
        let paths = [Some(self.place()), Some(disk), image, settings];
        let watch = |path: PathBuf| self.host.watch.watch(&path, Interest::SELF, sink.clone());
        let guards: Result<Vec<_>, _> = paths.into_iter().flatten().map(watch).collect();
        let guards = guards.map_err(HostError::from)?;
        Ok(Wakes { guard: Some(Box::new((unit.guard, guards))), stream: unit.stream })
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        long_work::reach_runtime().await;
        let mut drift = Drift::none();
        self.compare_image(&mut drift)?;
        if let Some(settings) = self.settings() {
            settings.compare(&mut drift)?;
        }
        if drift.is_empty() && self.spec.runs && self.is_old_run(cx).await? {
            drift.add("restart", Shown::text("runs with old settings"), Shown::text("restarted"));
        }
        let found = self.unit.check(cx).await?;
        found.drift.iter().for_each(|item| drift.push(item.clone()));
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        if self.spec.runs && (drift.has("settings") || drift.has("image")) {
            self.note_old_run(cx).await?;
        }
        if drift.has("image") {
            self.link_image()?;
        }
        if drift.has("settings")
            && let Some(settings) = self.settings()
        {
            make_folder(&self.host.fs, &self.below(SETTINGS), 0o755, None)?;
            settings.put(&self.host.fs)?;
        }
        let outputs = self.unit.apply(cx, drift).await?;
        if self.spec.runs && self.is_old_run(cx).await? {
            self.unit.refresh(cx).await?;
        }
        state_file::remove(cx, OLD_RUN)?;
        Ok(outputs)
    }

    async fn diff(&self, _: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        let text = self.settings().map(|settings| settings.diff()).transpose()?.unwrap_or_default();
        Ok((!text.is_empty()).then_some(text))
    }

    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let found = self.unit.undo(cx).await?.unwrap_or_default();
        let mut undo = Params::new();
        for name in ["state", "startup"] {
            if let Some(value) = found.get(name) {
                undo.set(name, value.clone());
            }
        }
        if let Some(settings) = self.settings() {
            let before = settings.look()?.map(|before| before.bytes).unwrap_or_default();
            if let Ok(text) = String::from_utf8(before) {
                undo.set("settings", Value::str(text));
            }
        }
        Ok(Some(undo))
    }
}

//! The kind `cron`: timers of systemd.

pub mod calendar;
mod crontab;
mod error;
mod files;
mod params;
pub mod span;
mod spec;
#[cfg(test)]
mod tests;
mod unit_text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::doc_of;
use super::file::target::Target;
use super::memory::Memory;
use super::small_file::SmallFile;
use super::svc::{self, Spec as UnitSpec, Unit, Wanted as UnitState, Whose};
use super::{long_work, path_asks};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::{Ask, Claim, Uid};
use crate::engine::path_watch::{Interest, PathSink};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::systemd::{FileEdit, JOB_LIMIT, Load, Systemd, UnitName, Verb};
pub use error::CronError;
use files::Place;
pub use params::CronParams;
use spec::Spec;

/// The kind `cron`.
#[derive(Debug)]
pub struct CronKind {
    host: Arc<Host>,
    past: Memory<svc::Past>,
    /// Where unit files are: `/`, but in tests.
    root: PathBuf,
    doc: KindDoc,
}

impl CronKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self::at(host, PathBuf::from("/"))
    }

    /// The same, with unit files below another root.
    pub fn at(host: Arc<Host>, root: PathBuf) -> Self {
        Self { host, past: Memory::default(), root, doc: doc_of::<CronParams>("cron", Vec::new()) }
    }
}

impl Kind for CronKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = CronParams::decode(&declaration.params)?;
        let spec = Spec::new(&declaration.label.name, &params)?;
        let secret = declaration.meta.sensitive.iter().any(|param| matches!(&**param, "command" | "env"));
        let unit = Unit::new(self.host.clone(), unit_spec(&spec), self.past.of(&declaration.label));
        Ok(Box::new(Timer { host: self.host.clone(), root: self.root.clone(), spec, secret, unit }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let decoded = CronParams::decode(&declaration.params).ok();
        let spec = decoded.and_then(|params| Spec::new(&declaration.label.name, &params).ok());
        let timer = |spec: Spec| spec.whose.uid_of(spec.timer.as_str());
        spec.map(|spec| Claim::alone("cron", timer(spec), declaration)).into_iter().collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let decoded = CronParams::decode(&declaration.params).ok();
        let spec = decoded.and_then(|params| Spec::new(&declaration.label.name, &params).ok());
        let (offers, asks) = spec.map(|spec| edges(&spec, &self.root)).unwrap_or_default();
        Capabilities {
            offers,
            asks,
            refreshable: true,
            waits: true,
            reversible: true,
            ..Capabilities::default()
        }
    }

    fn is_informed(&self) -> bool {
        true
    }
}

/// What a timer offers and asks for.
fn edges(spec: &Spec, root: &Path) -> (Vec<Uid>, Vec<Ask>) {
    let unit = |unit: &UnitName| Uid::new("unit", spec.whose.uid_of(unit.as_str()));
    let mut offers = vec![unit(&spec.timer)];
    let mut asks = Vec::new();
    let path = |unit: &UnitName| format!("{}/{unit}", files::FOLDER);
    if spec.whose == Whose::System {
        offers.push(Uid::path(path(&spec.timer)));
        asks.extend(path_asks::of_target(&Target { path: path(&spec.timer).into(), is_dir: false }));
    }
    if let Whose::Session(Some(user)) = &spec.whose {
        asks.push(Ask::after(vec![Uid::new("user", user.clone())], "whose session it is in"));
    }
    match &spec.command {
        Some(command) => {
            offers.push(unit(&spec.service));
            if spec.whose == Whose::System {
                offers.push(Uid::path(path(&spec.service)));
            }
            asks.extend(path_asks::of_owner(command.user.as_deref().unwrap_or_default(), ""));
        }
        None => {
            asks.push(Ask::after(vec![unit(&spec.service)], "what it runs"));
            if spec.whose == Whose::System {
                offers.extend(svc::edges::runs(&spec.service));
                asks.extend(svc::edges::asks(&spec.service, &spec.whose));
                asks.extend(svc::edges::on_disk(&spec.service, root));
            }
        }
    }
    // The offer is its own: an edge to itself is none.
    asks.retain(|ask| !ask.first_of.is_empty());
    (offers, asks)
}

/// The timer as a unit that is looked after.
fn unit_spec(spec: &Spec) -> UnitSpec {
    let runs = spec.exists && spec.startup != Some(svc::Startup::Disabled);
    UnitSpec {
        unit: spec.timer.clone(),
        whose: spec.whose.clone(),
        state: Some(if runs { UnitState::Running } else { UnitState::Stopped }),
        startup: if spec.exists { spec.startup } else { Some(svc::Startup::Disabled) },
        refresh: Some(Verb::TryRestart),
        limit: Some(JOB_LIMIT),
        patience: JOB_LIMIT,
        runtime: false,
        reloads: true,
    }
}

#[derive(Debug)]
struct Timer {
    host: Arc<Host>,
    root: PathBuf,
    spec: Spec,
    /// The command or its environment is a secret: both are in files that only the user may read.
    secret: bool,
    unit: Unit,
}

/// Where most accounts are: one that was missing may come.
const ACCOUNTS: &str = "/etc/passwd";

/// What a drift of the files is called; the unit's own items have other names.
const LOADED: &str = "calendar";

impl Timer {
    fn place(&self) -> Result<Place, HostError> {
        Place::of(&self.host, &self.spec, &self.root)
    }

    fn systemd(&self) -> Result<Arc<dyn Systemd>, HostError> {
        svc::manager(&self.host, &self.spec.whose)
    }

    /// What systemd has loaded, where the files are right already.
    async fn compare_loaded(&self, systemd: &dyn Systemd, drift: &mut Drift) -> Result<(), ResourceError> {
        let Some(wanted) = &self.spec.calendars else { return Ok(()) };
        let status = systemd.status(&self.spec.timer).await?;
        if status.load != Load::Loaded {
            return Ok(());
        }
        let facts = systemd.timer(&self.spec.timer).await?;
        let mut found = facts.calendars;
        found.sort();
        found.dedup();
        if found != *wanted {
            drift.add(LOADED, Shown::text(found.join("; ")), Shown::text(wanted.join("; ")));
        } else if !facts.elapses && !wanted.is_empty() && status.active.is_up() {
            tracing::warn!(timer = %self.spec.timer, "it will never elapse: all its times are over");
        }
        Ok(())
    }

    /// A service of nobody would fail each time that the timer elapses.
    fn needs_user(&self) -> Result<(), ResourceError> {
        let Some(user) = self.user() else { return Ok(()) };
        self.host.accounts.user(user).map(|_| ()).map_err(|_| {
            let (timer, user) = (self.spec.timer.as_str().into(), user.into());
            CronError::NoUser { timer, user }.into()
        })
    }

    /// Whom the command runs as, where that is said.
    fn user(&self) -> Option<&str> {
        self.spec.command.as_ref().filter(|_| self.spec.exists)?.user.as_deref()
    }

    async fn needs_service(&self, systemd: &dyn Systemd) -> Result<(), ResourceError> {
        if self.spec.command.is_some() || self.spec.service.is_template() {
            return Ok(());
        }
        if systemd.status(&self.spec.service).await?.load == Load::NotFound {
            let (timer, service) = (self.spec.timer.as_str().into(), self.spec.service.as_str().into());
            return Err(CronError::NoService { timer, service }.into());
        }
        Ok(())
    }

    async fn remove(&self, systemd: &dyn Systemd, place: &Place) -> Result<(), ResourceError> {
        if !systemd.status(&self.spec.timer).await?.active.is_down() {
            systemd.job(Verb::Stop, &self.spec.timer, Some(JOB_LIMIT)).await?;
        }
        systemd.edit_files(FileEdit::Disable, &self.spec.timer, false).await?;
        // Of a file that is gone systemd does not remove the link.
        place.link(&self.spec).put(&self.host.fs)?;
        for file in place.wanted(&self.spec, self.secret) {
            file.put(&self.host.fs)?;
        }
        Ok(systemd.reload().await?)
    }
}

#[async_trait]
impl Resource for Timer {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        long_work::reach_runtime().await;
        let systemd = self.systemd()?;
        let mut guards: Vec<Box<dyn std::any::Any + Send + Sync>> =
            vec![svc::follow(cx, &*systemd, &self.spec.timer)?];
        if self.spec.command.is_none() {
            guards.push(svc::follow(cx, &*systemd, &self.spec.service)?);
        }
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
        let mut paths: Vec<(PathBuf, Interest)> = Vec::new();
        for file in self.place()?.wanted(&self.spec, self.secret) {
            paths.push((file.path, Interest::SELF));
        }
        if self.user().is_some() {
            paths.push((ACCOUNTS.into(), Interest::CONTENT));
        }
        for (path, interest) in paths {
            let guard = self.host.watch.watch(&path, interest, sink.clone());
            guards.push(Box::new(guard.map_err(HostError::from)?));
        }
        Ok(Wakes::pushed(guards))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        long_work::reach_runtime().await;
        self.needs_user()?;
        let (systemd, place) = (self.systemd()?, self.place()?);
        let mut drift = Drift::none();
        for file in place.wanted(&self.spec, self.secret) {
            file.compare(&mut drift)?;
        }
        if !self.spec.exists {
            let active = systemd.status(&self.spec.timer).await?.active;
            if !active.is_down() {
                drift.add("state", Shown::text(active.word()), Shown::Absent);
            }
            place.link(&self.spec).compare(&mut drift)?;
            return Ok(Found::drift(drift));
        }
        if !drift.is_empty() {
            // What systemd has loaded is of other files.
            return Ok(Found::drift(drift));
        }
        // Its file may have been written, and then systemd was not told, or did not listen.
        if self.spec.command.is_some() && systemd.is_outdated(&self.spec.service).await? {
            drift.add("service", Shown::text("changed on disk"), Shown::text("read by systemd"));
        }
        self.compare_loaded(&*systemd, &mut drift).await?;
        let found = self.unit.check(cx).await?;
        found.drift.iter().for_each(|item| drift.push(item.clone()));
        if drift.has("state") {
            self.needs_service(&*systemd).await?;
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        let (systemd, place) = (self.systemd()?, self.place()?);
        if !self.spec.exists {
            self.remove(&*systemd, &place).await?;
            return Ok(Outputs::none());
        }
        let files = place.wanted(&self.spec, self.secret);
        let is_written = files.iter().any(|file| drift.has(file.what));
        if is_written {
            place.make(&self.host.fs)?;
            for file in files {
                file.put(&self.host.fs)?;
            }
        }
        if is_written || drift.has(LOADED) {
            systemd.reload().await?;
            // It goes on with the old times else.
            let status = systemd.status(&self.spec.timer).await?;
            if !status.active.is_down() && (drift.has("timer") || drift.has(LOADED)) {
                systemd.job(Verb::Restart, &self.spec.timer, Some(JOB_LIMIT)).await?;
            }
        }
        let left = self.unit.check(cx).await?.drift;
        if left.has("state") {
            self.needs_service(&*systemd).await?;
        }
        self.unit.apply(cx, left).await
    }

    async fn diff(&self, _: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        if self.secret {
            return Ok(None);
        }
        let mut text = String::new();
        // A script that goes was a secret.
        let open = |file: &SmallFile| matches!(file.what, "timer" | "service");
        for file in self.place()?.wanted(&self.spec, false).into_iter().filter(open) {
            text.push_str(&file.diff()?);
        }
        Ok((!text.is_empty()).then_some(text))
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let files = self.place()?.wanted(&self.spec, self.secret);
        let mut present = false;
        for file in &files {
            present |= file.look()?.is_some();
        }
        if present {
            return Err(CronError::NoUndo { timer: self.spec.timer.as_str().into() }.into());
        }
        let mut undo: Params = [("state", Value::str("absent"))].into_iter().collect();
        if let Whose::Session(user) = &self.spec.whose {
            undo.set("session", Value::Bool(true));
            if let Some(user) = user {
                undo.set("user", Value::Str(user.clone()));
            }
        }
        if let Some(command) = &self.spec.command {
            // Has the service removed, too.
            undo.set("command", Value::Str(command.text.clone()));
        }
        Ok(Some(undo))
    }
}

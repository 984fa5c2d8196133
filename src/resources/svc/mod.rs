//! The kind `svc`: units of systemd.

mod derived;
pub mod edges;
mod error;
mod last_words;
mod params;
mod repair;
pub mod spec;
mod startup;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::doc_of;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::{Claim, Uid};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::systemd::{
    Active, Change, ChangeSink, Facts, FileState, Guard, Load, Status, Systemd, SystemdError, UnitName,
};
use crate::resources::memory::Memory;
use derived::Derived;
pub use error::SvcError;
pub use params::SvcParams;
pub use repair::Past;
pub use spec::{Spec, Wanted, Whose};
pub use startup::Startup;
use startup::{Verdict, judge};

/// The kind `svc`.
#[derive(Debug)]
pub struct SvcKind {
    host: Arc<Host>,
    past: Memory<Past>,
    derived: Arc<Derived>,
    /// See [`repair::QUIET`].
    quiet: Duration,
    doc: KindDoc,
}

impl SvcKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let doc = doc_of::<SvcParams>("svc", Vec::new());
        Self { host, past: Memory::default(), derived: Arc::default(), quiet: repair::QUIET, doc }
    }
}

impl Kind for SvcKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = SvcParams::decode(&declaration.params)?;
        let refresh_given = declaration.params.get("refresh").is_some();
        let spec = Spec::new(&declaration.label.name, &params, refresh_given)?;
        let past = self.past.of(&declaration.label);
        let derived = (spec.whose == Whose::System).then(|| self.derived.clone());
        Ok(Box::new(Unit { derived, quiet: self.quiet, ..Unit::new(self.host.clone(), spec, past) }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let Ok(params) = SvcParams::decode(&declaration.params) else { return Vec::new() };
        let Ok(spec) = Spec::new(&declaration.label.name, &params, true) else { return Vec::new() };
        let unit = spec.whose.uid_of(spec.unit.as_str());
        let state = spec.state.map(|state| Claim::new(Uid::new("svc state", unit.clone()), state.word()));
        let startup = spec.startup.map(|it| Claim::new(Uid::new("svc startup", unit), it.word()));
        state.into_iter().chain(startup).collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let decoded = SvcParams::decode(&declaration.params).ok();
        let spec = decoded.and_then(|params| Spec::new(&declaration.label.name, &params, true).ok());
        let (offers, asks) = spec.map_or_else(Default::default, |spec| {
            let (unit, whose) = (&spec.unit, &spec.whose);
            let mut offers = vec![Uid::new("unit", whose.uid_of(unit.as_str()))];
            if spec.state == Some(Wanted::Running) {
                // Whoever asks this host whether something answers does so after all that may.
                offers.push(Uid::new("running", "this host"));
            }
            let mut asks = edges::asks(unit, whose);
            if *whose == Whose::System {
                offers.extend(edges::runs(unit));
                asks.extend(self.derived.derive(unit, Path::new("/")));
            }
            (offers, asks)
        });
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

/// A unit that is looked after: by itself, or as a part of another kind's resource.
#[derive(Debug)]
pub struct Unit {
    host: Arc<Host>,
    spec: Spec,
    past: Arc<Past>,
    /// Where its files are its own business.
    derived: Option<Arc<Derived>>,
    quiet: Duration,
    _mention: Mention,
}

/// Has the unit asked about together with others; see [`Systemd::mention`].
struct Mention(#[expect(dead_code, reason = "ends the mention when it is dropped")] Option<Guard>);

impl std::fmt::Debug for Mention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mention")
    }
}

/// What a check has seen of a unit.
struct Seen {
    status: Status,
    /// Under its real name.
    unit: UnitName,
    facts: Option<Facts>,
}

/// The service manager that is meant.
///
/// # Errors
/// When there is no such user.
pub fn manager(host: &Host, whose: &Whose) -> Result<Arc<dyn Systemd>, HostError> {
    let Some(user) = whose.user() else { return Ok(host.systemd.system()) };
    Ok(host.systemd.session(host.accounts.user(&user)?, &host.accounts.home(&user)?))
}

/// Wakes the vertex when the unit or its files may have changed.
///
/// # Errors
/// When they cannot be followed.
pub fn follow(cx: &Cx, systemd: &dyn Systemd, unit: &UnitName) -> Result<Guard, SystemdError> {
    let waker = cx.waker().clone();
    systemd.follow(unit, Arc::new(move |_| waker.wake(Wake::default())))
}

impl Unit {
    /// A unit as declared.
    pub fn new(host: Arc<Host>, spec: Spec, past: Arc<Past>) -> Self {
        let mention = (spec.whose == Whose::System).then(|| host.systemd.system().mention(&spec.unit));
        Self { host, spec, past, derived: None, quiet: repair::QUIET, _mention: Mention(mention) }
    }

    fn systemd(&self) -> Result<Arc<dyn Systemd>, ResourceError> {
        Ok(manager(&self.host, &self.spec.whose)?)
    }

    /// The state, once the job of another is done where that matters.
    async fn look(&self, cx: &Cx, systemd: &dyn Systemd) -> Result<Seen, ResourceError> {
        let spec = &self.spec;
        let mut status = systemd.status(&spec.unit).await?;
        // A job to start it is replaced by one to stop it.
        let replaced = spec.state == Some(Wanted::Stopped) && status.active == Active::Activating;
        let waits = !cx.noop && spec.limit.is_some() && (spec.state.is_some() || cx.refresh);
        if status.active.is_between() && waits && !replaced {
            let settled = tokio::select! {
                settled = systemd.settled(&spec.unit, spec.patience) => settled,
                () = cx.cancel.cancelled() => return Err(ResourceError::transient(Cancelled(spec.unit.clone()))),
            };
            status = settled?;
        }
        // The real name of a masked unit is its own, and that of one which is not there.
        let unit = UnitName::new(&status.id).unwrap_or_else(|_| spec.unit.clone());
        Ok(Seen { status, unit, facts: None })
    }

    /// What is wrong with the unit itself, where it should run or be enabled.
    async fn refuse(&self, seen: &mut Seen, systemd: &dyn Systemd) -> Result<(), ResourceError> {
        let spec = &self.spec;
        let name = || spec.unit.as_str().into();
        let runs = spec.state == Some(Wanted::Running);
        if !runs && spec.startup != Some(Startup::Enabled) {
            return Ok(());
        }
        match seen.status.load {
            Load::NotFound => return Err(SystemdError::NoUnit { unit: name() }.into()),
            Load::Masked if spec.startup != Some(Startup::Enabled) => {
                return Err(SystemdError::Masked { unit: name() }.into());
            }
            Load::Error | Load::BadSetting => {
                let text = systemd.facts(&spec.unit).await?.load_error;
                return Err(SvcError::Broken { unit: name(), text }.into());
            }
            Load::Masked | Load::Loaded => {}
        }
        if runs && seen.status.active.is_down() && seen.status.load == Load::Loaded {
            let facts = systemd.facts(&spec.unit).await?;
            if &*facts.service_type == "oneshot" && !facts.remain_after_exit {
                return Err(SvcError::Oneshot { unit: name() }.into());
            }
            seen.facts = Some(facts);
        }
        Ok(())
    }

    async fn compare_startup(
        &self,
        unit: &UnitName,
        systemd: &dyn Systemd,
        drift: &mut Drift,
    ) -> Result<(), ResourceError> {
        let Some(wanted) = self.spec.startup else { return Ok(()) };
        let found = systemd.file_state(unit).await?;
        if self.verdict(unit, wanted, found, systemd).await? {
            drift.add("startup", Shown::text(found.word()), Shown::text(wanted.word()));
        }
        Ok(())
    }

    /// Whether a unit file in this state is to be changed.
    async fn verdict(
        &self,
        unit: &UnitName,
        wanted: Startup,
        found: FileState,
        systemd: &dyn Systemd,
    ) -> Result<bool, ResourceError> {
        let name = || unit.as_str().into();
        match judge(wanted, self.spec.runtime, found) {
            Verdict::Fine => Ok(false),
            Verdict::Differs => Ok(true),
            Verdict::Unclear if self.past.was_enabled() => Ok(false),
            Verdict::Unclear => Ok(!systemd.is_enabled_through_others(unit, self.spec.runtime).await?),
            Verdict::Static => Err(SvcError::Static { unit: name() }.into()),
            Verdict::Made => Err(SvcError::Made { unit: name(), state: found }.into()),
            Verdict::Bad => Err(SvcError::Broken { unit: name(), text: "".into() }.into()),
            Verdict::Missing => Err(SystemdError::NoUnit { unit: name() }.into()),
        }
    }

    /// Whether something happened during a repair that has woken nobody. Of one that failed what is between two states is left
    /// alone: it tells of the next.
    fn has_missed(&self, active: Active, drift: &Drift, failed: bool) -> bool {
        let as_wanted = match self.spec.state {
            Some(Wanted::Running) => active.is_up(),
            Some(Wanted::Stopped) => active.is_down(),
            Some(Wanted::RestartedOnRefresh) | None => return false,
        };
        match (drift.has("state"), failed) {
            // The manager, or somebody, has done it all the same.
            (true, true) => as_wanted,
            (true, false) => !as_wanted,
            // It may have been stopped in between, or be down by the refresh itself.
            (false, true) => {
                drift.has("refresh") && !as_wanted && !active.is_between() && !self.past.looks_later()
            }
            (false, false) => false,
        }
    }

    fn compare_state(&self, cx: &Cx, active: Active, drift: &mut Drift) {
        let found = Shown::text(active.word());
        let starts = active == Active::Activating && (cx.noop || self.spec.limit.is_none());
        match self.spec.state {
            Some(Wanted::Running) if !active.is_up() && !starts => {
                drift.add("state", found, Shown::text("running"));
            }
            Some(Wanted::Stopped) if !active.is_down() => drift.add("state", found, Shown::text("stopped")),
            _ => {
                if cx.refresh
                    && active.is_up()
                    && let Some(verb) = self.spec.refresh
                {
                    drift.add("refresh", found, Shown::text(verb.participle()));
                }
            }
        }
    }
}

/// The run was cancelled while it waited for a job of another.
#[derive(Debug, thiserror::Error)]
#[error("wait for the job of {0}: cancelled")]
struct Cancelled(UnitName);

#[async_trait]
impl Resource for Unit {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        super::long_work::reach_runtime().await;
        let (waker, past) = (cx.waker().clone(), self.past.clone());
        let sink: ChangeSink = Arc::new(move |change| {
            // What our own job does is no event, else one that fails would be tried again and again.
            if change == Change::Any || !past.is_at_work() {
                waker.wake(Wake::default());
            }
        });
        Ok(Wakes::pushed(self.systemd()?.follow(&self.spec.unit, sink)?))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        super::long_work::reach_runtime().await;
        let systemd = self.systemd()?;
        let mut drift = Drift::none();
        if self.spec.unit.is_template() {
            self.compare_startup(&self.spec.unit, &*systemd, &mut drift).await?;
            return Ok(Found::drift(drift));
        }
        let mut seen = self.look(cx, &*systemd).await?;
        if self.spec.reloads && systemd.is_outdated(&self.spec.unit).await? {
            // What is wrong with it may be what was changed: the rest is looked at once it is read.
            drift.add("files", Shown::text("changed on disk"), Shown::text("read by systemd"));
        } else {
            self.refuse(&mut seen, &*systemd).await?;
        }
        if seen.status.load != Load::NotFound || self.spec.startup == Some(Startup::Masked) {
            self.compare_startup(&seen.unit, &*systemd, &mut drift).await?;
        }
        self.compare_state(cx, seen.status.active, &mut drift);
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        if self.derived.as_ref().is_some_and(|it| it.is_outdated(&self.spec.unit, Path::new("/"))) {
            // By an exec, or by hand: others may have to come first now. If it fails for that, it runs again after them.
            cx.edges_derived().await;
            cx.waker().wake(Wake::default());
        }
        let at_work = self.past.work();
        let repaired = self.repair(cx, &drift).await;
        drop(at_work);
        if self.spec.limit.is_some() && !self.spec.unit.is_template() {
            // Where systemd cannot be asked, it tells all once it can.
            let active = self.systemd()?.status(&self.spec.unit).await.map(|status| status.active);
            if active.is_ok_and(|active| self.has_missed(active, &drift, repaired.is_err())) {
                cx.waker().wake(Wake::default());
            }
        }
        repaired.map(|()| Outputs::none())
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        super::long_work::reach_runtime().await;
        let (systemd, spec) = (self.systemd()?, &self.spec);
        let mut undo: Params = [("unit", Value::str(spec.unit.as_str()))].into_iter().collect();
        if let Whose::Session(user) = &spec.whose {
            undo.set("session", Value::Bool(true));
            if let Some(user) = user {
                undo.set("user", Value::Str(user.clone()));
            }
        }
        let found = systemd.file_state(&spec.unit).await?;
        let startup = match found {
            FileState::Enabled | FileState::EnabledRuntime => Some(Startup::Enabled),
            FileState::Masked | FileState::MaskedRuntime => Some(Startup::Masked),
            FileState::Disabled | FileState::Indirect | FileState::Linked => Some(Startup::Disabled),
            _ => None,
        };
        if let Some(startup) = startup.filter(|_| spec.startup.is_some()) {
            undo.set("startup", Value::str(startup.word()));
            if matches!(found, FileState::EnabledRuntime | FileState::MaskedRuntime) {
                undo.set("runtime", Value::Bool(true));
            }
        }
        if matches!(spec.state, Some(Wanted::Running | Wanted::Stopped)) && !spec.unit.is_template() {
            let active = systemd.status(&spec.unit).await?.active;
            let runs = active.is_up() || active == Active::Activating;
            // What is masked and runs cannot be brought back so.
            let runs = runs && startup != Some(Startup::Masked);
            undo.set("state", Value::str(if runs { "running" } else { "stopped" }));
        }
        Ok(Some(undo))
    }
}

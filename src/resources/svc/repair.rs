//! Putting a unit right: first its links, then what systemd has read, then the job.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Startup, SvcError, Unit, Wanted};
use crate::engine::drift::Shown;
use crate::engine::{Cx, Drift, ResourceError};
use crate::resources::host::systemd::{
    Facts, FileEdit, FileState, JobResult, Load, MainProcess, Systemd, SystemdError, UnitName, Verb,
};
use crate::resources::wake_later::WakeLater;

/// So long a unit is left alone that failed too often: as the engine's contention is over after it.
pub(super) const QUIET: Duration = Duration::from_secs(60);
/// So long a service must run before its start is believed, where systemd does not know whether it has gone well.
const SETTLE: Duration = Duration::from_millis(300);
/// After one that ended at once the next start comes so much later; twice as long each time, up to the minute.
const AFTER_DEATH: Duration = Duration::from_millis(250);
/// After one that somebody stopped as soon as it was started: two who disagree must not keep the machine busy.
const AFTER_STOP: Duration = Duration::from_millis(10);
/// The exit status of a process that could not be put into its control group: systemd.exec(5).
const NO_GROUP: i32 = 219;
/// So often a start is tried again that failed for that: each of a few percent does, on a busy machine.
const MORE_STARTS: u32 = 2;
/// What systemd writes when a unit failed too often: service.c, unit.c.
const TOO_OFTEN: &str = "Start request repeated too quickly";
/// What systemd writes when it leaves a start out as a condition is not met: job.c, before and since version 250.
const LEFT_OUT: [&str; 2] = ["Condition check resulted in", "was skipped because"];
/// What it writes when a service has ended, and well.
const ENDED: &str = "Deactivated successfully";
/// What it writes when one is told to end, before that and after it.
const STOPPED: [&str; 2] = ["Stopping ", "Stopped "];

/// Why a unit is down just after it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Its conditions are not met.
    LeftOut,
    /// Somebody stopped it, as far as is known.
    Stopped,
    /// It ended by itself.
    Died,
}

/// What is remembered of a unit across edits of its declaration.
#[derive(Debug, Default)]
pub struct Past {
    /// To enable it has changed nothing, though its state does not show that it is.
    enabled: AtomicBool,
    /// When it last failed too often.
    limit_hit: Mutex<Option<Instant>>,
    /// How often in a row it ended just after it was started.
    deaths: AtomicU32,
    /// A look of its own accord.
    again: Mutex<Option<WakeLater>>,
    /// How many repairs are under way.
    at_work: AtomicUsize,
}

/// A repair that is under way, until it is dropped.
pub(super) struct AtWork(Arc<Past>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Past {
    /// Whether to enable it has changed nothing, though its state does not show that it is.
    pub fn was_enabled(&self) -> bool {
        self.enabled.load(Ordering::SeqCst)
    }

    /// Whether it is looked at again soon, of its own accord.
    pub(super) fn looks_later(&self) -> bool {
        lock(&self.again).as_ref().is_some_and(WakeLater::is_to_come)
    }

    /// A repair begins.
    pub(super) fn work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::SeqCst);
        AtWork(self.clone())
    }

    /// Whether a repair is under way.
    pub(super) fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unit {
    /// Puts right what `drift` names.
    pub(super) async fn repair(&self, cx: &Cx, drift: &Drift) -> Result<(), ResourceError> {
        let (systemd, spec) = (self.systemd()?, &self.spec);
        let mut changed = drift.has("files");
        if drift.has("startup")
            && let Some(wanted) = spec.startup
        {
            changed |= self.set_startup(&*systemd, wanted).await?;
        }
        if changed && spec.reloads {
            systemd.reload().await?;
            // Remembers which files these were: what goes before the next check is missed then.
            systemd.is_outdated(&spec.unit).await?;
        }
        let mut ran = self.run_job(cx, &systemd, drift).await;
        for _ in 0..MORE_STARTS {
            if ran.is_ok() || !self.has_lost_its_group(&*systemd).await {
                break;
            }
            // Also after a refresh: it ran before.
            ran = self.start(cx, &systemd).await;
        }
        ran
    }

    /// As a refresh does, also if none came.
    pub async fn refresh(&self, cx: &Cx) -> Result<(), ResourceError> {
        let mut drift = Drift::none();
        drift.add("refresh", Shown::text("as it was"), Shown::text("refreshed"));
        self.repair(cx, &drift).await
    }

    /// The job that brings the unit to the state that is wanted, if there is one.
    async fn run_job(&self, cx: &Cx, systemd: &Arc<dyn Systemd>, drift: &Drift) -> Result<(), ResourceError> {
        let spec = &self.spec;
        if drift.has("state") {
            // This is the look that was to come.
            *lock(&self.past.again) = None;
            match spec.state {
                Some(Wanted::Running) => self.start(cx, systemd).await,
                Some(Wanted::Stopped) => self.stop(&**systemd).await,
                Some(Wanted::RestartedOnRefresh) | None => Ok(()),
            }
        } else if drift.has("refresh")
            && let Some(verb) = spec.refresh
        {
            let began = SystemTime::now();
            match systemd.job(verb, &spec.unit, spec.limit).await {
                Ok(()) => self.stays_up(cx, &**systemd, verb, began).await,
                Err(error) => Err(self.explain(&**systemd, error, began).await),
            }
        } else {
            Ok(())
        }
    }

    /// Whether what was to run has never begun, as systemd removed the empty control group of the run before just when it
    /// had made it anew.
    async fn has_lost_its_group(&self, systemd: &dyn Systemd) -> bool {
        self.spec.state != Some(Wanted::Stopped)
            && systemd.facts(&self.spec.unit).await.is_ok_and(|facts| facts.exit_status == NO_GROUP)
    }

    /// Whether links were changed.
    async fn set_startup(&self, systemd: &dyn Systemd, wanted: Startup) -> Result<bool, ResourceError> {
        let runtime = self.spec.runtime;
        let unit = self.real_name(systemd).await?;
        match wanted {
            Startup::Masked => Ok(systemd.edit_files(FileEdit::Mask, &unit, runtime).await?),
            Startup::Disabled => Ok(systemd.edit_files(FileEdit::Disable, &unit, runtime).await?),
            Startup::Enabled => {
                let mut found = systemd.file_state(&unit).await?;
                let mut changed = false;
                if matches!(found, FileState::Masked | FileState::MaskedRuntime) {
                    changed = systemd.edit_files(FileEdit::Unmask, &unit, false).await?;
                    found = systemd.file_state(&unit).await?;
                }
                if self.verdict(&unit, wanted, found, systemd).await? {
                    let made = systemd.edit_files(FileEdit::Enable, &unit, runtime).await?;
                    changed |= made;
                    self.past.enabled.store(!made, Ordering::SeqCst);
                    if !made && found != FileState::Indirect {
                        return Err(SvcError::Static { unit: unit.as_str().into() }.into());
                    }
                }
                Ok(changed)
            }
        }
    }

    async fn real_name(&self, systemd: &dyn Systemd) -> Result<UnitName, ResourceError> {
        let unit = &self.spec.unit;
        if unit.is_template() {
            return Ok(unit.clone());
        }
        let id = systemd.status(unit).await?.id;
        Ok(UnitName::new(&id).unwrap_or_else(|_| unit.clone()))
    }

    async fn start(&self, cx: &Cx, systemd: &Arc<dyn Systemd>) -> Result<(), ResourceError> {
        let unit = &self.spec.unit;
        let limit_hit = *lock(&self.past.limit_hit);
        if let Some(at) = limit_hit {
            if let Some(rest) = self.quiet.checked_sub(at.elapsed()) {
                self.wake_after(cx, rest);
                return Err(SvcError::StartLimit { unit: unit.as_str().into() }.into());
            }
            systemd.reset_failed(unit).await?;
            *lock(&self.past.limit_hit) = None;
        }
        let began = SystemTime::now();
        let Err(error) = systemd.job(Verb::Start, unit, self.spec.limit).await else {
            return self.stays_up(cx, &**systemd, Verb::Start, began).await;
        };
        // The result is that of the failure before, if there was one: then only the journal tells.
        if matches!(error, SystemdError::Job { .. })
            && (&*systemd.facts(unit).await?.result == "start-limit-hit"
                || self.words(&self.of_unit(began)).await.contains(TOO_OFTEN))
        {
            return Err(self.leave_alone(cx));
        }
        // Somebody's stop came between, and that was no event, as it came with our own job.
        if matches!(error, SystemdError::Job { result: JobResult::Canceled, .. }) {
            self.wake_after(cx, AFTER_STOP);
        }
        // Masked with the reload just made, or never read: what systemd has now says why.
        if matches!(error, SystemdError::NoUnit { .. })
            && systemd.status(unit).await?.load == Load::BadSetting
        {
            let text = systemd.facts(unit).await?.load_error;
            return Err(SvcError::Broken { unit: unit.as_str().into(), text }.into());
        }
        Err(self.explain(&**systemd, error, began).await)
    }

    /// A start that systemd calls done as soon as there is a process is believed when that still runs a moment later.
    async fn stays_up(
        &self,
        cx: &Cx,
        systemd: &dyn Systemd,
        verb: Verb,
        began: SystemTime,
    ) -> Result<(), ResourceError> {
        let unit = &self.spec.unit;
        if self.spec.limit.is_none() {
            return Ok(());
        }
        let is_early = systemd.facts(unit).await?.is_believed_early();
        let status = if is_early { systemd.ended(unit, SETTLE).await? } else { systemd.status(unit).await? };
        if status.active.is_up() {
            self.past.deaths.store(0, Ordering::SeqCst);
            return Ok(());
        }
        // At once: what is down is soon unloaded, and tells no more.
        let facts = systemd.facts(unit).await?;
        match self.why_down(systemd, &facts, is_early, began).await? {
            Why::LeftOut if status.active.is_down() => {
                Err(SvcError::Condition { verb, unit: unit.as_str().into() }.into())
            }
            Why::Died if is_early => {
                let deaths = self.past.deaths.fetch_add(1, Ordering::SeqCst).min(8);
                self.wake_after(cx, (AFTER_DEATH * 2_u32.pow(deaths)).min(QUIET));
                let said = self.last_words(systemd, &facts, began).await;
                let (unit, why) = (unit.as_str().into(), facts.result);
                Err(SvcError::Died { verb, unit, why, status: facts.exit_status, said }.into())
            }
            // Whoever stopped it just now is no event, as that came with our own job.
            Why::LeftOut | Why::Stopped | Why::Died => {
                if is_early {
                    self.wake_after(cx, AFTER_STOP);
                }
                Ok(())
            }
        }
    }

    /// Why a unit is down just after it was started.
    async fn why_down(
        &self,
        systemd: &dyn Systemd,
        facts: &Facts,
        is_early: bool,
        began: SystemTime,
    ) -> Result<Why, ResourceError> {
        match facts.main {
            MainProcess::Exited if is_early => return Ok(Why::Died),
            MainProcess::Killed if is_early && &*facts.result != "success" => return Ok(Why::Died),
            _ => {}
        }
        match systemd.was_met(&self.spec.unit).await? {
            Some(false) => return Ok(Why::LeftOut),
            // Told to end, or still there: no process of its own has said that it ended.
            Some(true) => return Ok(Why::Stopped),
            None => {}
        }
        // It was unloaded at once: only the journal remembers.
        self.journal(&["--sync"]).await;
        let said = self.words(&self.of_unit(began)).await;
        Ok(if LEFT_OUT.iter().any(|words| said.contains(words)) {
            Why::LeftOut
        } else if said.contains(ENDED) && !STOPPED.iter().any(|words| said.contains(words)) {
            Why::Died
        } else {
            Why::Stopped
        })
    }

    /// Remembers that it failed too often, and looks again when it may be tried again.
    fn leave_alone(&self, cx: &Cx) -> ResourceError {
        *lock(&self.past.limit_hit) = Some(Instant::now());
        self.wake_after(cx, self.quiet);
        SvcError::StartLimit { unit: self.spec.unit.as_str().into() }.into()
    }

    fn wake_after(&self, cx: &Cx, pause: Duration) {
        *lock(&self.past.again) = Some(WakeLater::after(pause, cx.waker()));
    }

    async fn stop(&self, systemd: &dyn Systemd) -> Result<(), ResourceError> {
        let (unit, began) = (&self.spec.unit, SystemTime::now());
        let Err(error) = systemd.job(Verb::Stop, unit, self.spec.limit).await else { return Ok(()) };
        // Killed as it took too long, and failed by that: stopped all the same.
        if matches!(error, SystemdError::Job { .. }) && systemd.status(unit).await?.active.is_down() {
            return Ok(());
        }
        Err(self.explain(systemd, error, began).await)
    }

    /// A failed job with how the unit ended and what it wrote.
    async fn explain(&self, systemd: &dyn Systemd, error: SystemdError, began: SystemTime) -> ResourceError {
        let SystemdError::Job { verb, unit, result } = error else { return error.into() };
        let facts = systemd.facts(&self.spec.unit).await.unwrap_or_default();
        let said = self.last_words(systemd, &facts, began).await;
        SvcError::Job { verb, unit, result, why: facts.result, status: facts.exit_status, said }.into()
    }
}

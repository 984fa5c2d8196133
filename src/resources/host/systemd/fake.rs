//! A service manager without a machine: tests say what there is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{
    Active, Change, ChangeSink, Facts, FileEdit, FileState, Guard, JobResult, Load, Status, Systemd,
    SystemdError, TimerFacts, UnitName, Verb,
};

/// A unit as a test made it.
#[derive(Clone, Debug)]
pub struct FakeUnit {
    /// Its real name, if another.
    pub id: Option<Arc<str>>,
    /// Whether its file could be read.
    pub load: Load,
    /// Whether it runs.
    pub active: Active,
    /// What is to become of it at start-up.
    pub file: FileState,
    /// What it enables in its place is enabled.
    pub through_others: bool,
    /// More.
    pub facts: Facts,
    /// Whether its files are not as they were read.
    pub outdated: bool,
    /// How a job to start it ends. `None`: it does not.
    pub start: Option<JobResult>,
    /// So many starts fail, as the control group goes that is made for them.
    pub loses_group: u32,
    /// It ends a moment after it was started.
    pub dies: bool,
    /// Whether its conditions are met; `None`: it is unloaded before it can be asked.
    pub condition: Option<bool>,
    /// The manager itself starts it again a moment after a job failed.
    pub recovers: bool,
    /// What it waits for, as a timer.
    pub timer: TimerFacts,
}

impl FakeUnit {
    /// A loaded service that does not run and is disabled; jobs succeed.
    pub fn new() -> Self {
        Self {
            id: None,
            load: Load::Loaded,
            active: Active::Inactive,
            file: FileState::Disabled,
            through_others: false,
            facts: Facts { service_type: "simple".into(), result: "success".into(), ..Facts::default() },
            outdated: false,
            start: Some(JobResult::Done),
            loses_group: 0,
            dies: false,
            condition: Some(true),
            recovers: false,
            timer: TimerFacts::default(),
        }
    }

    /// One whose file is in this state.
    pub fn of(file: FileState) -> Self {
        Self { file, ..Self::new() }
    }

    /// One that runs.
    #[must_use]
    pub fn running(mut self) -> Self {
        self.active = Active::Active;
        self
    }
}

impl Default for FakeUnit {
    fn default() -> Self {
        Self::new()
    }
}

/// Units by name.
pub type FakeUnits = BTreeMap<String, FakeUnit>;

/// What happens to the units when unit files are read again.
pub type OnReload = Box<dyn Fn(&mut FakeUnits) + Send + Sync>;

/// Has the units that a test gave it; of all others there is none.
#[derive(Clone, Default)]
pub struct FakeSystemd(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    units: FakeUnits,
    sinks: BTreeMap<u64, (UnitName, ChangeSink)>,
    next: u64,
    done: Vec<String>,
    on_reload: Option<OnReload>,
}

impl fmt::Debug for FakeSystemd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakeSystemd").field(&self.lock().units).finish()
    }
}

impl FakeSystemd {
    /// There are no units yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Now there is this unit.
    pub fn add(&self, name: &str, unit: FakeUnit) {
        self.lock().units.insert(name.to_owned(), unit);
    }

    /// Someone else changes a unit: those who follow it are told.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut FakeUnit)) {
        let mut state = self.lock();
        change(state.units.entry(name.to_owned()).or_default());
        let sinks = state.sinks_of(name);
        drop(state);
        for sink in sinks {
            sink(Change::State);
        }
    }

    /// From now on, this happens when unit files are read again.
    pub fn on_reload(&self, change: OnReload) {
        self.lock().on_reload = Some(change);
    }

    /// How a unit is.
    pub fn unit(&self, name: &str) -> Option<FakeUnit> {
        self.lock().units.get(name).cloned()
    }

    /// What was done since the last call, in order: "start a.service".
    pub fn take_done(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().done)
    }

    /// How many follow some unit.
    pub fn followers(&self) -> usize {
        self.lock().sinks.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sinks_of(&self, name: &str) -> Vec<ChangeSink> {
        let real = |unit: &UnitName| self.units.get(unit.as_str()).and_then(|unit| unit.id.clone());
        let concerned = |unit: &UnitName| unit.as_str() == name || real(unit).as_deref() == Some(name);
        self.sinks.values().filter(|(unit, _)| concerned(unit)).map(|(_, sink)| sink.clone()).collect()
    }

    /// The unit that is meant: an alias leads to the real one.
    fn real(&mut self, name: &UnitName) -> Option<&mut FakeUnit> {
        let id = self.units.get(name.as_str())?.id.clone();
        match id {
            Some(id) => self.units.get_mut(&*id),
            None => self.units.get_mut(name.as_str()),
        }
    }
}

/// Ends a follower.
struct Leave(FakeSystemd, u64);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.lock().sinks.remove(&self.1);
    }
}

#[async_trait]
impl Systemd for FakeSystemd {
    fn mention(&self, _: &UnitName) -> Guard {
        Box::new(())
    }

    fn follow(&self, unit: &UnitName, sink: ChangeSink) -> Result<Guard, SystemdError> {
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        state.sinks.insert(number, (unit.clone(), sink));
        Ok(Box::new(Leave(self.clone(), number)))
    }

    async fn status(&self, unit: &UnitName) -> Result<Status, SystemdError> {
        let mut state = self.lock();
        let id = state.units.get(unit.as_str()).and_then(|unit| unit.id.clone());
        let id = id.unwrap_or_else(|| unit.shared().clone());
        let found = state.real(unit);
        let (load, active) = found.map_or((Load::NotFound, Active::Inactive), |it| (it.load, it.active));
        Ok(Status { id, load, active, sub: active.word().into() })
    }

    async fn settled(&self, unit: &UnitName, limit: Duration) -> Result<Status, SystemdError> {
        let status = self.status(unit).await?;
        if status.active.is_between() {
            let state = status.active.word();
            return Err(SystemdError::Unsettled { unit: unit.as_str().into(), state, limit });
        }
        Ok(status)
    }

    async fn ended(&self, unit: &UnitName, _: Duration) -> Result<Status, SystemdError> {
        if let Some(unit) = self.lock().real(unit).filter(|unit| unit.dies) {
            unit.active = Active::Failed;
        }
        self.status(unit).await
    }

    async fn invocation(&self, unit: &UnitName) -> Result<Box<str>, SystemdError> {
        if let Some(unit) = self.lock().real(unit).filter(|unit| unit.recovers) {
            unit.active = Active::Active;
        }
        Ok("0123abcd".into())
    }

    async fn file_state(&self, unit: &UnitName) -> Result<FileState, SystemdError> {
        Ok(self.lock().units.get(unit.as_str()).map_or(FileState::Missing, |unit| unit.file))
    }

    async fn is_enabled_through_others(&self, unit: &UnitName, _: bool) -> Result<bool, SystemdError> {
        Ok(self.lock().units.get(unit.as_str()).is_some_and(|unit| unit.through_others))
    }

    async fn is_outdated(&self, unit: &UnitName) -> Result<bool, SystemdError> {
        Ok(self.lock().real(unit).is_some_and(|unit| unit.outdated))
    }

    async fn facts(&self, unit: &UnitName) -> Result<Facts, SystemdError> {
        Ok(self.lock().real(unit).map(|unit| unit.facts.clone()).unwrap_or_default())
    }

    async fn was_met(&self, unit: &UnitName) -> Result<Option<bool>, SystemdError> {
        Ok(self.lock().real(unit).and_then(|unit| unit.condition))
    }

    async fn job(&self, verb: Verb, unit: &UnitName, limit: Option<Duration>) -> Result<(), SystemdError> {
        let mut state = self.lock();
        state.done.push(format!("{verb} {unit}"));
        let name: Box<str> = unit.as_str().into();
        let Some(found) = state.real(unit) else { return Err(SystemdError::NoUnit { unit: name }) };
        if found.load == Load::Masked && verb != Verb::Stop {
            return Err(SystemdError::Masked { unit: name });
        }
        let is_up = found.active.is_up();
        match verb {
            Verb::Stop => found.active = Active::Inactive,
            Verb::TryRestart | Verb::Reload | Verb::ReloadOrTryRestart if !is_up => {}
            // systemd leaves it out, and calls that done.
            _ if found.condition == Some(false) => found.active = Active::Inactive,
            _ if found.loses_group > 0 => {
                found.loses_group -= 1;
                found.active = Active::Failed;
                found.facts.result = "exit-code".into();
                found.facts.exit_status = 219;
                return Err(SystemdError::Job { verb, unit: name, result: JobResult::Failed });
            }
            _ => match (found.start, limit) {
                (Some(JobResult::Done), _) => {
                    let ends = &*found.facts.service_type == "oneshot" && !found.facts.remain_after_exit;
                    found.active = if ends { Active::Inactive } else { Active::Active };
                }
                (Some(result), Some(_)) => {
                    found.active = Active::Failed;
                    return Err(SystemdError::Job { verb, unit: name, result });
                }
                (None, Some(limit)) => return Err(SystemdError::JobTimeout { verb, unit: name, limit }),
                (_, None) => {}
            },
        }
        Ok(())
    }

    async fn edit_files(&self, edit: FileEdit, unit: &UnitName, runtime: bool) -> Result<bool, SystemdError> {
        let mut state = self.lock();
        state.done.push(format!("{edit} {unit}{}", if runtime { " until the next boot" } else { "" }));
        if edit == FileEdit::Mask {
            state.units.entry(unit.as_str().to_owned()).or_default();
        }
        let name: Box<str> = unit.as_str().into();
        let Some(found) = state.units.get_mut(unit.as_str()) else {
            return if edit == FileEdit::Enable {
                Err(SystemdError::NoUnit { unit: name })
            } else {
                Ok(false)
            };
        };
        let before = found.file;
        found.file = match (edit, before) {
            (FileEdit::Enable, FileState::Masked | FileState::MaskedRuntime) => {
                return Err(SystemdError::Masked { unit: name });
            }
            (FileEdit::Enable, FileState::Disabled | FileState::EnabledRuntime) => {
                if runtime {
                    FileState::EnabledRuntime
                } else {
                    FileState::Enabled
                }
            }
            (FileEdit::Disable, FileState::Enabled | FileState::EnabledRuntime) => FileState::Disabled,
            (FileEdit::Mask, _) if runtime => FileState::MaskedRuntime,
            (FileEdit::Mask, _) => FileState::Masked,
            (FileEdit::Unmask, FileState::Masked | FileState::MaskedRuntime) => FileState::Disabled,
            (_, before) => before,
        };
        match edit {
            FileEdit::Mask => found.load = Load::Masked,
            FileEdit::Unmask => found.load = Load::Loaded,
            FileEdit::Enable | FileEdit::Disable => {}
        }
        Ok(found.file != before)
    }

    async fn reload(&self) -> Result<(), SystemdError> {
        let mut state = self.lock();
        state.done.push("reload".to_owned());
        for unit in state.units.values_mut() {
            unit.outdated = false;
        }
        let State { units, on_reload, .. } = &mut *state;
        if let Some(change) = on_reload {
            change(units);
        }
        Ok(())
    }

    async fn reset_failed(&self, unit: &UnitName) -> Result<(), SystemdError> {
        let mut state = self.lock();
        state.done.push(format!("reset {unit}"));
        if let Some(found) = state.real(unit) {
            found.active = Active::Inactive;
            found.facts.result = "success".into();
        }
        Ok(())
    }

    async fn timer(&self, unit: &UnitName) -> Result<TimerFacts, SystemdError> {
        Ok(self.lock().real(unit).map(|unit| unit.timer.clone()).unwrap_or_default())
    }
}

//! A real service manager.

mod calls;
mod known;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::files::{self, OnDisk, UnitFolder};
use super::freshness::{Freshness, are_same};
use super::reloads::Reloads;
use super::scan::{self, Folder};
use super::{
    ChangeSink, Facts, FileEdit, FileState, Guard, JobResult, Load, Status, Systemd, SystemdError,
    TimerFacts, UnitName, Verb, signals,
};
use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::resources::host::bus::{ACTIVATION_LIMIT, BusError, Hearing, Link, Place};
use calls::Calls;
use known::Known;

/// systemd's own socket, for root alone: no bus between.
const PRIVATE: &str = "/run/systemd/private";
/// How long reading all unit files may take: there may be thousands, and slow generators.
const RELOAD_LIMIT: Duration = Duration::from_secs(90);
/// Names in one question: the bus takes messages of 32 MiB.
const MOST_NAMES: usize = 5_000;

/// Which service manager, and where its files are.
#[derive(Clone, Debug)]
pub struct Scope {
    places: Vec<Place>,
    folders: Vec<UnitFolder>,
    /// Whether the state of a unit file is read from the folders where they say it.
    scans: bool,
}

impl Scope {
    /// The system's: over its own socket as root, and over the system bus else or where there is no such socket.
    pub fn system() -> Self {
        let mut places = vec![Place::SystemBus];
        if rustix::process::geteuid().is_root() {
            places.insert(0, Place::Socket(PRIVATE.into()));
        }
        Self { places, folders: files::of_system(), scans: true }
    }

    /// That of a user's session: its socket takes the user and root.
    pub fn session(uid: u32, home: &Path) -> Self {
        let socket = PathBuf::from(format!("/run/user/{uid}/systemd/private"));
        Self { places: vec![Place::Socket(socket)], folders: files::of_session(home, uid), scans: false }
    }

    /// One that a test made: at this place, with unit files in these folders.
    pub fn of(place: Place, folders: Vec<UnitFolder>) -> Self {
        Self { places: vec![place], folders, scans: true }
    }
}

/// A service manager, asked over D-Bus.
pub struct Live {
    calls: Calls,
    known: Arc<Known>,
    scope: Scope,
    watch: Arc<dyn PathWatch>,
    /// One look at a time: who comes meanwhile may find the answer, or that there was none and since when.
    look: tokio::sync::Mutex<Option<(Instant, BusError)>>,
    reloads: Reloads,
    freshness: Mutex<Freshness>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Live {
    /// Nothing is opened yet.
    pub fn new(scope: Scope, watch: Arc<dyn PathWatch>) -> Self {
        let known = Arc::new(Known::default());
        let hearing = Hearing { rules: signals::RULES, subscribe: Some(calls::SUBSCRIBE) };
        let link = Link::new(scope.places.clone(), hearing, known.clone());
        Self {
            calls: Calls::new(link),
            known,
            scope,
            watch,
            look: tokio::sync::Mutex::default(),
            reloads: Reloads::default(),
            freshness: Mutex::default(),
        }
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.calls.count()
    }

    /// Watches the folders of unit files, once for all.
    fn watch_files(&self) -> Result<(), SystemdError> {
        let mut guards = self.known.guards();
        if !guards.is_empty() {
            return Ok(());
        }
        let known = Arc::downgrade(&self.known);
        let sink: PathSink = Arc::new(move |_| {
            if let Some(known) = known.upgrade() {
                known.files_changed();
            }
        });
        let interest = Interest { recursive: true, closed_writes: true, looked_at: false };
        let watch = |(path, _): UnitFolder| self.watch.watch(&path, interest, sink.clone());
        let armed: Result<Vec<_>, _> = files::distinct(&self.scope.folders).into_iter().map(watch).collect();
        *guards = armed.map_err(|error| SystemdError::Watch(Arc::new(error)))?;
        Ok(())
    }

    async fn folders(&self) -> Result<Arc<Vec<Folder>>, SystemdError> {
        let is_watched = !self.known.guards().is_empty();
        let dirs = self.scope.folders.clone();
        let look = async {
            let listed = tokio::task::spawn_blocking(move || files::list(&dirs)).await;
            listed.map_err(std::io::Error::other).and_then(|listed| listed)
        };
        let listed = self.known.folders.state(is_watched, look).await;
        listed.map_err(|error| SystemdError::Files(Arc::new(error)))
    }

    /// Asks for the state of a unit, and of all others of which nothing is known.
    async fn look(&self, unit: &UnitName) -> Result<Status, SystemdError> {
        let asked = self.known.rows().to_ask(unit.shared(), Instant::now());
        let mut own = None;
        for part in asked.chunks(MOST_NAMES) {
            let names: Vec<&str> = part.iter().map(|(name, _)| &**name).collect();
            let found = match self.calls.list(&names).await {
                // One that systemd cannot answer for fails all: then each for itself.
                Err(BusError::Refused { .. }) => return self.calls.one(unit).await,
                other => other?,
            };
            let mut rows = self.known.rows();
            for ((name, ticket), status) in part.iter().zip(&found) {
                rows.learn(name, *ticket, Instant::now(), status);
                if **name == *unit.as_str() {
                    own = Some(status.clone());
                }
            }
        }
        own.map_or_else(|| Err(SystemdError::NoUnit { unit: unit.as_str().into() }), Ok)
    }

    /// What comes of a job whose end was not heard of.
    async fn after_loss(&self, verb: Verb, unit: &UnitName, limit: Duration) -> Result<(), SystemdError> {
        let status = self.settled(unit, limit).await?;
        if verb.is_done(status.active) {
            return Ok(());
        }
        Err(SystemdError::JobLost { verb, unit: unit.as_str().into() })
    }

    fn freshness(&self) -> MutexGuard<'_, Freshness> {
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Systemd for Live {
    fn mention(&self, unit: &UnitName) -> Guard {
        // Of templates there is no state, and asking for it fails for all.
        if unit.is_template() {
            return Box::new(());
        }
        self.known.rows().mention(unit.shared());
        Box::new(known::Mention { known: self.known.clone(), unit: unit.clone() })
    }

    fn follow(&self, unit: &UnitName, sink: ChangeSink) -> Result<Guard, SystemdError> {
        self.watch_files()?;
        let number = self.known.rows().follow(unit.shared(), sink);
        Ok(Box::new(known::Follow { known: self.known.clone(), unit: unit.clone(), number }))
    }

    async fn status(&self, unit: &UnitName) -> Result<Status, SystemdError> {
        if let Some(status) = self.known.rows().known(unit.as_str(), Instant::now()) {
            return Ok(status.clone());
        }
        crate::resources::long_work::reach_runtime().await;
        let came = Instant::now();
        let mut unanswered = self.look.lock().await;
        if let Some(status) = self.known.rows().known(unit.as_str(), Instant::now()) {
            return Ok(status.clone());
        }
        // A manager that hangs is waited for once by all who ask meanwhile, and not by one after the other.
        if let Some((_, error)) = unanswered.as_ref().filter(|(at, _)| came <= *at) {
            return Err(error.clone().into());
        }
        let found = match self.calls.ready().await {
            Ok(()) => {
                self.known.reloaded(RELOAD_LIMIT).await;
                self.look(unit).await
            }
            Err(error) => Err(error.into()),
        };
        *unanswered = match &found {
            Err(SystemdError::Bus(error @ (BusError::TimedOut { .. } | BusError::StillConnecting(_)))) => {
                Some((Instant::now(), error.clone()))
            }
            _ => None,
        };
        found
    }

    async fn settled(&self, unit: &UnitName, limit: Duration) -> Result<Status, SystemdError> {
        crate::resources::long_work::reach_runtime().await;
        let deadline = Deadline::now() + limit;
        let mut ticks = self.known.ticks();
        loop {
            ticks.mark_unchanged();
            let status = self.status(unit).await?;
            if !status.active.is_between() {
                return Ok(status);
            }
            if !matches!(timeout_at(deadline, ticks.changed()).await, Ok(Ok(()))) {
                let state = status.active.word();
                return Err(SystemdError::Unsettled { unit: unit.as_str().into(), state, limit });
            }
        }
    }

    async fn ended(&self, unit: &UnitName, limit: Duration) -> Result<Status, SystemdError> {
        let deadline = Deadline::now() + limit;
        let mut ticks = self.known.ticks();
        loop {
            ticks.mark_unchanged();
            let status = self.status(unit).await?;
            let is_up = status.active.is_up();
            if !is_up || !matches!(timeout_at(deadline, ticks.changed()).await, Ok(Ok(()))) {
                return Ok(status);
            }
        }
    }

    async fn invocation(&self, unit: &UnitName) -> Result<Box<str>, SystemdError> {
        let id = self.status(unit).await?.id;
        let bytes = self.calls.unit_property::<Vec<u8>>(&id, "InvocationID").await?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    async fn file_state(&self, unit: &UnitName) -> Result<FileState, SystemdError> {
        crate::resources::long_work::reach_runtime().await;
        if self.scope.scans {
            let folders = self.folders().await?;
            let found = scan::state(&folders, unit, |path| std::fs::read_to_string(path));
            // A file that went in between: systemd looks anew.
            if let Ok(Some(state)) = found {
                return Ok(state);
            }
        }
        self.calls.file_state(unit).await
    }

    async fn is_enabled_through_others(&self, unit: &UnitName, runtime: bool) -> Result<bool, SystemdError> {
        let folders = self.folders().await?;
        let mut through = vec![unit.clone()];
        let mut at = 0;
        while let Some(unit) = through.get(at) {
            let also = scan::only_also(&folders, unit, |path| std::fs::read_to_string(path));
            let Ok(Some(also)) = also else { return Ok(false) };
            for name in also {
                let Ok(other) = UnitName::new(&name) else { return Ok(false) };
                match self.file_state(&other).await? {
                    FileState::Enabled | FileState::Alias | FileState::Static => {}
                    FileState::Generated | FileState::Transient => {}
                    FileState::EnabledRuntime if runtime => {}
                    FileState::Indirect if through.contains(&other) => {}
                    FileState::Indirect => through.push(other),
                    _ => return Ok(false),
                }
            }
            at += 1;
        }
        Ok(true)
    }

    async fn is_outdated(&self, unit: &UnitName) -> Result<bool, SystemdError> {
        if unit.is_template() {
            return Ok(false);
        }
        let id = self.status(unit).await?.id;
        let folders = self.folders().await?;
        let on_disk = OnDisk::look(&folders, &id);
        let read_at = self.known.read_at.state(true, self.calls.read_at()).await?;
        if self.freshness().is_sure(&id, *read_at, &on_disk, files::touched(&folders, &id)) {
            return Ok(false);
        }
        if self.calls.unit_property::<bool>(&id, "NeedDaemonReload").await? {
            return Ok(true);
        }
        // It says no where a folder of drop-ins is new. When it does not say what it read when, this cannot be told from a
        // difference that no reload would end.
        if *read_at != 0 {
            let known = self.calls.unit_property::<Vec<String>>(&id, "DropInPaths").await?;
            if !are_same(&known, &scan::drop_ins(&folders, &id)) {
                return Ok(true);
            }
        }
        self.freshness().confirm(&id, *read_at, &on_disk);
        Ok(false)
    }

    async fn facts(&self, unit: &UnitName) -> Result<Facts, SystemdError> {
        let status = self.status(unit).await?;
        let mut facts = self.calls.facts(&status.id).await?;
        if matches!(status.load, Load::Error | Load::BadSetting) {
            let (_, text) = self.calls.unit_property::<(String, String)>(&status.id, "LoadError").await?;
            facts.load_error = text.into();
        }
        Ok(facts)
    }

    async fn was_met(&self, unit: &UnitName) -> Result<Option<bool>, SystemdError> {
        let id = self.status(unit).await?.id;
        if self.calls.unit_property::<bool>(&id, "ConditionResult").await? {
            return Ok(Some(true));
        }
        let at = self.calls.unit_property::<u64>(&id, "ConditionTimestamp").await?;
        Ok((at != 0).then_some(false))
    }

    async fn job(&self, verb: Verb, unit: &UnitName, limit: Option<Duration>) -> Result<(), SystemdError> {
        let name = unit.as_str();
        let queued = self.calls.queue(verb, name).await;
        self.known.mark_changed(name);
        let job = match (queued, limit) {
            (Ok(_), None) => return Ok(()),
            (Ok(job), _) => job,
            (Err(error), Some(limit)) if error.is_lost() => {
                return self.after_loss(verb, unit, limit).await;
            }
            (Err(error), _) => return Err(SystemdError::of(verb.word(), name, error)),
        };
        let limit = limit.unwrap_or(super::JOB_LIMIT);
        let end = self.known.jobs().wait(job);
        let ended = timeout(limit, end).await;
        self.known.mark_changed(name);
        match ended {
            Ok(Ok(JobResult::Done)) => Ok(()),
            // What does not run needs neither restart nor reload.
            Ok(Ok(JobResult::Skipped)) if verb != Verb::Start => Ok(()),
            Ok(Ok(result)) => Err(SystemdError::Job { verb, unit: name.into(), result }),
            Ok(Err(_)) => self.after_loss(verb, unit, limit).await,
            Err(_) => {
                // It may have ended this very moment.
                let _ = self.calls.cancel(job).await;
                Err(SystemdError::JobTimeout { verb, unit: name.into(), limit })
            }
        }
    }

    async fn edit_files(&self, edit: FileEdit, unit: &UnitName, runtime: bool) -> Result<bool, SystemdError> {
        let changed = self.calls.edit_files(edit, unit.as_str(), runtime).await;
        self.known.folders.changed();
        self.known.mark_changed(unit.as_str());
        changed
    }

    async fn reload(&self) -> Result<(), SystemdError> {
        let reload = async || {
            let reloaded = self.calls.reload(RELOAD_LIMIT.max(ACTIVATION_LIMIT)).await;
            self.known.all_stale();
            reloaded
        };
        Ok(self.reloads.join(reload).await?)
    }

    async fn reset_failed(&self, unit: &UnitName) -> Result<(), SystemdError> {
        let done = self.calls.reset_failed(unit.as_str()).await;
        self.known.mark_changed(unit.as_str());
        done.map_err(|error| SystemdError::of("reset", unit.as_str(), error))
    }

    async fn timer(&self, unit: &UnitName) -> Result<TimerFacts, SystemdError> {
        Ok(self.calls.timer(unit.as_str()).await?)
    }
}

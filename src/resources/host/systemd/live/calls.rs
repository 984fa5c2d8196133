//! The calls that are made: each as systemd's D-Bus interface has it, org.freedesktop.systemd1(5).

use std::collections::HashMap;
use std::time::Duration;

use zbus::{OwnedObjectPath, OwnedVariant, as_variant};

use super::super::names::path_of;
use super::super::{
    Active, Facts, FileEdit, FileState, Load, MainProcess, Status, SystemdError, TimerFacts, UnitName, Verb,
};
use crate::resources::host::bus::{ACTIVATION_LIMIT, BusError, Link, Method, READ_LIMIT};

const SERVICE: &str = "org.freedesktop.systemd1";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const TIMER: &str = "org.freedesktop.systemd1.Timer";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";

/// Asks for signals, over a bus.
pub(super) const SUBSCRIBE: Method<'static> = manager("Subscribe");

const fn manager(member: &'static str) -> Method<'static> {
    Method { service: SERVICE, path: MANAGER_PATH, interface: MANAGER, member }
}

fn properties<'a>(path: &'a str, member: &'static str) -> Method<'a> {
    Method { service: SERVICE, path, interface: "org.freedesktop.DBus.Properties", member }
}

/// name, description, load, active, sub, following, object, job, its type, its object
type Row = (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);
/// What was done, to which file, and where a link leads.
type Changes = Vec<(String, String, String)>;

/// Calls over one link.
pub(super) struct Calls(Link);

impl Calls {
    pub fn new(link: Link) -> Self {
        Self(link)
    }

    pub fn count(&self) -> u64 {
        self.0.calls()
    }

    /// Returns once there is a connection: with a new one all that was known before counts no more.
    pub async fn ready(&self) -> Result<(), BusError> {
        self.0.ready().await
    }

    /// The states of units, in this order; their names must be valid, and none a template.
    pub async fn list(&self, names: &[&str]) -> Result<Vec<Status>, BusError> {
        let member = "ListUnitsByNames";
        let rows: Vec<Row> = self.0.ask(manager(member), &(names,), READ_LIMIT).await?;
        if rows.len() != names.len() {
            let text = format!("{} answers for {} units", rows.len(), names.len()).into();
            return Err(BusError::Refused { member, name: "mgmt.Incomplete".into(), text });
        }
        let status = |row: Row| Status {
            id: row.0.into(),
            load: Load::parse(&row.2),
            active: Active::parse(&row.3),
            sub: row.4.into(),
        };
        Ok(rows.into_iter().map(status).collect())
    }

    /// The state of one unit.
    pub async fn one(&self, unit: &UnitName) -> Result<Status, SystemdError> {
        let listed = self.list(&[unit.as_str()]).await;
        let listed = listed.map_err(|error| SystemdError::of("look at", unit.as_str(), error))?;
        listed.into_iter().next().ok_or_else(|| SystemdError::NoUnit { unit: unit.as_str().into() })
    }

    /// What systemd says of a unit file.
    pub async fn file_state(&self, unit: &UnitName) -> Result<FileState, SystemdError> {
        let asked = self.0.ask::<_, String>(manager("GetUnitFileState"), &(unit.as_str(),), READ_LIMIT).await;
        match asked {
            Ok(word) => Ok(FileState::parse(&word)),
            Err(error) => match error.refusal() {
                Some("NoSuchUnit" | "FileNotFound" | "ENOENT") => Ok(FileState::Missing),
                Some("InconsistentMessage" | "BadUnitFile") => Ok(FileState::Bad),
                _ => Err(SystemdError::of("look at the file of", unit.as_str(), error)),
            },
        }
    }

    /// When all unit files were last read, in microseconds since 1970; 0 if systemd does not say.
    pub async fn read_at(&self) -> Result<u64, BusError> {
        match self.property::<u64>(MANAGER_PATH, MANAGER, "UnitsLoadTimestamp").await {
            Err(BusError::Refused { .. }) => Ok(0),
            other => other,
        }
    }

    /// A property that every unit has.
    pub async fn unit_property<T>(&self, unit: &str, name: &str) -> Result<T, BusError>
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        self.property(&path_of(unit), UNIT, name).await
    }

    async fn property<T>(&self, path: &str, interface: &str, name: &str) -> Result<T, BusError>
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        let answer = self.0.call(properties(path, "Get"), &(interface, name), READ_LIMIT).await?;
        let body = answer.body();
        let value = body.deserialize::<as_variant::Deserialize<'_, T>>();
        let wrong = |source| BusError::Answer { member: "Get", source: std::sync::Arc::new(source) };
        value.map(|value| value.0).map_err(wrong)
    }

    /// What the interface of a unit's type tells.
    pub async fn facts(&self, unit: &str) -> Result<Facts, BusError> {
        let interface = match unit.rsplit('.').next() {
            Some("service") => "org.freedesktop.systemd1.Service",
            Some("socket") => "org.freedesktop.systemd1.Socket",
            Some("mount") => "org.freedesktop.systemd1.Mount",
            Some("automount") => "org.freedesktop.systemd1.Automount",
            Some("swap") => "org.freedesktop.systemd1.Swap",
            Some("timer") => TIMER,
            Some("path") => "org.freedesktop.systemd1.Path",
            Some("scope") => "org.freedesktop.systemd1.Scope",
            _ => return Ok(Facts::default()),
        };
        let path = path_of(unit);
        let mut all: HashMap<String, OwnedVariant> =
            self.0.ask(properties(&path, "GetAll"), &(interface,), READ_LIMIT).await?;
        let mut text = |name| -> Box<str> {
            all.remove(name).and_then(|value| String::try_from(value).ok()).unwrap_or_default().into()
        };
        let (service_type, result) = (text("Type"), text("Result"));
        let remains = all.remove("RemainAfterExit").and_then(|value| bool::try_from(value).ok());
        let status = all.remove("ExecMainStatus").and_then(|value| i32::try_from(value).ok());
        let code = all.remove("ExecMainCode").and_then(|value| i32::try_from(value).ok());
        let pid = all.remove("ExecMainPID").and_then(|value| u32::try_from(value).ok());
        Ok(Facts {
            service_type,
            result,
            remain_after_exit: remains.unwrap_or(false),
            exit_status: status.unwrap_or(0),
            main: MainProcess::of_code(code.unwrap_or(0)),
            main_pid: pid.unwrap_or(0),
            ..Facts::default()
        })
    }

    /// What a timer waits for.
    pub async fn timer(&self, unit: &str) -> Result<TimerFacts, BusError> {
        let path = path_of(unit);
        let calendars: Vec<(String, String, u64)> = self.property(&path, TIMER, "TimersCalendar").await?;
        let monotonic: Vec<(String, u64, u64)> = self.property(&path, TIMER, "TimersMonotonic").await?;
        // Never is the greatest number, or 0 where it was never reckoned.
        let next: u64 = self.property(&path, TIMER, "NextElapseUSecRealtime").await?;
        let elapses = !monotonic.is_empty() || (next != 0 && next != u64::MAX);
        let calendars = calendars.into_iter().map(|(_, text, _)| text.into()).collect();
        Ok(TimerFacts { calendars, elapses })
    }

    /// Queues a job: its number.
    pub async fn queue(&self, verb: Verb, unit: &str) -> Result<u32, BusError> {
        let member = verb.method();
        let job: OwnedObjectPath = self.0.ask(manager(member), &(unit, "replace"), ACTIVATION_LIMIT).await?;
        let number = job.as_str().rsplit('/').next().and_then(|end| end.parse().ok());
        number.ok_or_else(|| BusError::Refused {
            member,
            name: "mgmt.NoJob".into(),
            text: job.as_str().into(),
        })
    }

    /// Cancels a job.
    pub async fn cancel(&self, job: u32) -> Result<(), BusError> {
        self.0.call(manager("CancelJob"), &(job,), READ_LIMIT).await.map(drop)
    }

    /// Has all unit files read again; the answer comes when that is done.
    pub async fn reload(&self, limit: Duration) -> Result<(), BusError> {
        self.0.call(manager("Reload"), &(), limit).await.map(drop)
    }

    /// Forgets a unit's failures.
    pub async fn reset_failed(&self, unit: &str) -> Result<(), BusError> {
        self.0.call(manager("ResetFailedUnit"), &(unit,), READ_LIMIT).await.map(drop)
    }

    /// Changes links. Whether any was changed.
    pub async fn edit_files(&self, edit: FileEdit, unit: &str, runtime: bool) -> Result<bool, SystemdError> {
        let names = [unit];
        let names: &[&str] = &names;
        let refused = |error| SystemdError::of(edit.word(), unit, error);
        match edit {
            FileEdit::Enable => {
                let body = (names, runtime, false);
                let (_, changes): (bool, Changes) =
                    self.0.ask(manager("EnableUnitFiles"), &body, ACTIVATION_LIMIT).await.map_err(refused)?;
                Ok(!changes.is_empty())
            }
            FileEdit::Mask => {
                let body = (names, runtime, false);
                let changes: Changes =
                    self.0.ask(manager("MaskUnitFiles"), &body, ACTIVATION_LIMIT).await.map_err(refused)?;
                Ok(!changes.is_empty())
            }
            FileEdit::Disable => self.undo_files("DisableUnitFiles", edit, unit).await,
            FileEdit::Unmask => self.undo_files("UnmaskUnitFiles", edit, unit).await,
        }
    }

    /// Removes links, those until the next boot too: each kind hides behind the other.
    async fn undo_files(
        &self,
        member: &'static str,
        edit: FileEdit,
        unit: &str,
    ) -> Result<bool, SystemdError> {
        let names = [unit];
        let names: &[&str] = &names;
        let mut changed = false;
        for runtime in [false, true] {
            let asked: Result<Changes, _> =
                self.0.ask(manager(member), &(names, runtime), ACTIVATION_LIMIT).await;
            match asked {
                Ok(changes) => changed |= !changes.is_empty(),
                // No file, so no links either.
                Err(error) if matches!(error.refusal(), Some("NoSuchUnit" | "FileNotFound")) => {}
                Err(error) => return Err(SystemdError::of(edit.word(), unit, error)),
            }
        }
        Ok(changed)
    }
}

//! What systemd tells unasked.

use zbus::message::Message;

use super::JobResult;
use super::names::unit_at;

/// What systemd tells, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// A unit has changed somehow. What the signal says of it may be old: a burst ends with the truth.
    Unit(String),
    /// A job has ended.
    JobRemoved { job: u32, unit: String, result: JobResult },
    /// Unit files are being read again (`true`), or have been.
    Reloading(bool),
    /// Links of unit files were changed by a call.
    FilesChanged,
}

/// Four rules for all units: hundreds of narrow ones would run into the bus' limit of 512 a connection.
pub(super) const RULES: &[&str] = &[
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='Reloading'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='UnitFilesChanged'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',\
     member='PropertiesChanged',path_namespace='/org/freedesktop/systemd1/unit',arg0='org.freedesktop.systemd1.Unit'",
];

/// Reads a signal; `None`: it does not matter.
pub(super) fn read(message: &Message) -> Option<Signal> {
    let header = message.header();
    let body = message.body();
    match header.member()?.as_str() {
        "PropertiesChanged" => unit_at(header.path()?.as_str()).map(Signal::Unit),
        "JobRemoved" => {
            let (job, _, unit, result) =
                body.deserialize::<(u32, zbus::OwnedObjectPath, String, String)>().ok()?;
            Some(Signal::JobRemoved { job, unit, result: JobResult::parse(&result) })
        }
        "Reloading" => body.deserialize::<bool>().ok().map(Signal::Reloading),
        "UnitFilesChanged" => Some(Signal::FilesChanged),
        _ => None,
    }
}

//! Where messages go: the agent's own log, systemd's journal, the system log.
//!
//! Both sockets take one datagram a message. A send waits while the reader's queue is full.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::net::UnixDatagram;

use crate::resources::error::HostError;

/// How urgent a message is: the eight levels of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// The system cannot be used.
    Emerg,
    /// Act at once.
    Alert,
    /// A critical condition.
    Crit,
    /// An error.
    Err,
    /// A warning.
    Warning,
    /// Normal, but worth noting.
    Notice,
    /// For information.
    Info,
    /// For developers.
    Debug,
}

impl Priority {
    /// All of them with their names, the most urgent first: the position is the number.
    pub const ALL: [(&'static str, Self); 8] = [
        ("Emerg", Self::Emerg),
        ("Alert", Self::Alert),
        ("Crit", Self::Crit),
        ("Err", Self::Err),
        ("Warning", Self::Warning),
        ("Notice", Self::Notice),
        ("Info", Self::Info),
        ("Debug", Self::Debug),
    ];

    /// 0 for the most urgent, to 7.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// How urgent.
    pub priority: Priority,
    /// The text, of any number of lines.
    pub body: String,
    /// More fields, by names that the journal permits.
    pub fields: Vec<(String, String)>,
}

/// Takes messages.
#[async_trait]
pub trait LogSink: fmt::Debug + Send + Sync + 'static {
    /// The agent's own log.
    fn to_agent(&self, entry: &LogEntry);

    /// systemd's journal, with all fields.
    ///
    /// # Errors
    /// When the journal does not take it.
    async fn to_journal(&self, entry: &LogEntry) -> Result<(), HostError>;

    /// The system log: priority and text only.
    ///
    /// # Errors
    /// When the system log does not take it.
    async fn to_syslog(&self, entry: &LogEntry) -> Result<(), HostError>;
}

/// What both logs know the agent by.
const IDENTIFIER: &str = "mgmt";
/// Syslog's facility of system services.
const DAEMON: u8 = 3;

/// This machine's sockets.
#[derive(Debug)]
pub struct LogSockets {
    journal: PathBuf,
    syslog: PathBuf,
}

impl Default for LogSockets {
    fn default() -> Self {
        Self::at("/run/systemd/journal/socket", "/dev/log")
    }
}

impl LogSockets {
    /// The sockets of a journal and a system log.
    pub fn at(journal: impl Into<PathBuf>, syslog: impl Into<PathBuf>) -> Self {
        Self { journal: journal.into(), syslog: syslog.into() }
    }
}

#[async_trait]
impl LogSink for LogSockets {
    fn to_agent(&self, entry: &LogEntry) {
        let LogEntry { priority, body, fields } = entry;
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let fields = (!fields.is_empty()).then(|| fields.join(" "));
        match priority {
            Priority::Emerg | Priority::Alert | Priority::Crit | Priority::Err => {
                tracing::error!(fields, "{body}");
            }
            Priority::Warning => tracing::warn!(fields, "{body}"),
            Priority::Notice | Priority::Info => tracing::info!(fields, "{body}"),
            Priority::Debug => tracing::debug!(fields, "{body}"),
        }
    }

    async fn to_journal(&self, entry: &LogEntry) -> Result<(), HostError> {
        send(&self.journal, &journal_datagram(entry)).await
    }

    async fn to_syslog(&self, entry: &LogEntry) -> Result<(), HostError> {
        send(&self.syslog, syslog_line(entry).as_bytes()).await
    }
}

async fn send(path: &Path, datagram: &[u8]) -> Result<(), HostError> {
    let failed = |op| move |error: io::Error| HostError::io(op, path, error);
    let socket = UnixDatagram::unbound().map_err(failed("make a socket for"))?;
    // Connected, so that the system tells when a full queue has room again.
    socket.connect(path).map_err(failed("connect to"))?;
    socket.send(datagram).await.map_err(failed("send a message to"))?;
    Ok(())
}

/// The journal's native protocol: `NAME=value` lines; a value of several lines has its length before it.
fn journal_datagram(entry: &LogEntry) -> Vec<u8> {
    let mut datagram = Vec::new();
    let mut put = |name: &str, value: &str| {
        datagram.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            datagram.push(b'=');
        }
        datagram.extend_from_slice(value.as_bytes());
        datagram.push(b'\n');
    };
    put("MESSAGE", &entry.body);
    put("PRIORITY", &entry.priority.number().to_string());
    if !entry.fields.iter().any(|(name, _)| name == "SYSLOG_IDENTIFIER") {
        put("SYSLOG_IDENTIFIER", IDENTIFIER);
    }
    for (name, value) in &entry.fields {
        put(name, value);
    }
    datagram
}

/// A line of RFC 3164 as local sockets take it: without the host, and without the time, for which the system log
/// takes that of arrival. Control characters are written as octal numbers, as rsyslog does.
fn syslog_line(entry: &LogEntry) -> String {
    let number = DAEMON * 8 + entry.priority.number();
    let mut line = format!("<{number}>{IDENTIFIER}[{}]: ", std::process::id());
    for character in entry.body.chars() {
        match character {
            control if control.is_ascii_control() && control != '\t' => {
                line.push_str(&format!("#{:03o}", u32::from(control)));
            }
            other => line.push(other),
        }
    }
    line
}

/// Keeps messages, for tests.
#[derive(Debug, Default)]
pub struct FakeLogSink {
    taken: Mutex<Vec<(&'static str, LogEntry)>>,
    no_journal: Mutex<bool>,
}

impl FakeLogSink {
    /// What came since the last call, and where.
    pub fn take(&self) -> Vec<(&'static str, LogEntry)> {
        std::mem::take(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on the journal is there, or is not.
    pub fn set_journal(&self, present: bool) {
        *self.no_journal.lock().unwrap_or_else(PoisonError::into_inner) = !present;
    }

    fn keep(&self, place: &'static str, entry: &LogEntry) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push((place, entry.clone()));
    }
}

#[async_trait]
impl LogSink for FakeLogSink {
    fn to_agent(&self, entry: &LogEntry) {
        self.keep("agent", entry);
    }

    async fn to_journal(&self, entry: &LogEntry) -> Result<(), HostError> {
        if *self.no_journal.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(HostError::io("connect to", Path::new("/journal"), io::ErrorKind::NotFound));
        }
        self.keep("journal", entry);
        Ok(())
    }

    async fn to_syslog(&self, entry: &LogEntry) -> Result<(), HostError> {
        self.keep("syslog", entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram as Receiver;

    use super::*;

    fn entry(priority: Priority, body: &str) -> LogEntry {
        LogEntry { priority, body: body.into(), fields: vec![("UNIT".into(), "a\nb".into())] }
    }

    #[tokio::test]
    async fn messages_reach_the_sockets_in_their_protocols() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, syslog) = (dir.path().join("journal"), dir.path().join("log"));
        let receivers = [Receiver::bind(&journal).unwrap(), Receiver::bind(&syslog).unwrap()];
        let sockets = LogSockets::at(&journal, &syslog);
        let receive = |at: usize| {
            let mut buffer = [0; 500];
            let length = receivers[at].recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        sockets.to_journal(&entry(Priority::Warning, "hello")).await.unwrap();
        assert_eq!(
            receive(0),
            "MESSAGE=hello\nPRIORITY=4\nSYSLOG_IDENTIFIER=mgmt\nUNIT\n\u{3}\0\0\0\0\0\0\0a\nb\n"
        );
        sockets.to_syslog(&entry(Priority::Err, "two\nlines")).await.unwrap();
        assert_eq!(receive(1), format!("<27>mgmt[{}]: two#012lines", std::process::id()));
    }

    #[tokio::test]
    async fn a_socket_that_is_not_there_is_named() {
        let sockets = LogSockets::at("/nowhere/journal", "/nowhere/log");
        let error = sockets.to_journal(&entry(Priority::Info, "x")).await.unwrap_err();
        assert_eq!(error.to_string(), "connect to /nowhere/journal");
    }

    #[test]
    fn priorities_are_numbered_as_in_syslog() {
        let numbers: Vec<u8> = Priority::ALL.iter().map(|(_, priority)| priority.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

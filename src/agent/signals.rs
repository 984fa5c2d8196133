//! Signals from people and from systemd.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// ^C.
    Interrupt,
    /// SIGTERM, or SIGHUP because the terminal is gone.
    Terminate,
    /// SIGHUP from anyone else.
    Reload,
    /// SIGUSR1.
    Dump,
}

/// Listens for signals.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Stream,
    terminate: Stream,
    hangup: Stream,
    user: Stream,
    /// There was a terminal at the start, and whoever started the agent wants it to end with that.
    ends_with_terminal: bool,
}

impl Signals {
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            ends_with_terminal: has_terminal() && !is_hangup_ignored(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => match self.ends_with_terminal && !has_terminal() {
                true => Signal::Terminate,
                false => Signal::Reload,
            },
            _ = self.user.recv() => Signal::Dump,
        }
    }
}

/// Whether the process has a controlling terminal. Once it has hung up, there is none.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Whether SIGHUP was ignored from the start, as under `nohup`.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A mask in which bit 0 is signal 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

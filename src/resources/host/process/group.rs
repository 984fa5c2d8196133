//! A running command with its process group.

use std::io;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::runtime::Handle;

use super::Ending;
use super::warden::{Warden, Watched};

/// Leads a group of its own. Dropped before its end was seen, its group is killed, and it is reaped.
#[derive(Debug)]
pub(super) struct Group {
    /// `None`: it is over.
    child: Option<Child>,
    id: Option<Pid>,
    /// While it runs, it does not outlive the agent.
    watched: Option<Watched>,
    runtime: Handle,
}

impl Group {
    /// Looks after a child that was made the leader of a group. To be called within a runtime.
    pub fn new(child: Child, warden: Option<&Arc<Warden>>) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let watched = warden.zip(id).and_then(|(warden, id)| warden.watch(id));
        Self { child: Some(child), id, watched, runtime: Handle::current() }
    }

    /// Sends a signal to all of the group. That it is gone already is fine.
    pub fn signal(&self, signal: Signal) {
        let Some(id) = self.id else { return };
        if let Err(error) = kill_process_group(id, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(group = id.as_raw_nonzero(), signal = signal.as_raw(), %error, "cannot send a signal");
        }
    }

    /// Waits for the leader's end. Nothing is lost when this is dropped early.
    pub async fn wait(&mut self) -> io::Result<Ending> {
        let Some(child) = &mut self.child else { return Err(io::ErrorKind::NotFound.into()) };
        let status = child.wait().await?;
        self.child = None;
        self.watched = None;
        Ok(status.into())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.signal(Signal::KILL);
        if let Ok(None) = child.try_wait() {
            // Not left to the runtime's orphans: these are looked for only when something else happens.
            self.runtime.spawn(async move { child.wait().await });
        }
    }
}

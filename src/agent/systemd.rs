//! What systemd is told, if it listens: readiness, reloads, a line of status, and that the engine is alive.
//!
//! Nothing is sent while nothing changes, but for the watchdog's pats where the unit asks for them.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::AbortHandle;

use super::live::Live;
use crate::engine::runtime::snapshot::Progress;

/// The line of status is sent at most so often.
const CALM: Duration = Duration::from_secs(2);

/// The first graph runs, or a reload has ended.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The graph is read again; [`ready`] is to follow.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no monotonic clock"),
    }
}

/// The agent is ending.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd did not hear");
    }
}

/// Begins to tell of status and life, as far as systemd wants to know.
pub(super) fn follow(live: &Arc<Live>) -> Vec<AbortHandle> {
    let mut tasks = Vec::new();
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return tasks;
    }
    tasks.push(tokio::spawn(status(live.clone())).abort_handle());
    if let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) {
        tasks.push(tokio::spawn(watchdog(live.clone(), limit / 2)).abort_handle());
    }
    tasks
}

async fn status(live: Arc<Live>) {
    let listening = live.pulse.listen();
    let mut told = String::new();
    loop {
        let beat = listening.beat();
        let Ok(progress) = live.engine.progress().await else { return };
        let now = line(&progress);
        if now != told {
            tell(&[NotifyState::Status(&now)]);
            told = now;
        }
        beat.await;
        tokio::time::sleep(CALM).await;
    }
}

/// Pats the watchdog for as long as the engine's loop answers: who hangs is to be replaced.
async fn watchdog(live: Arc<Live>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        match tokio::time::timeout(interval, live.engine.progress()).await {
            Ok(Ok(_)) => tell(&[NotifyState::Watchdog]),
            Ok(Err(_)) => return,
            Err(_) => tracing::error!("the engine does not answer; systemd is not told that it is well"),
        }
    }
}

fn line(progress: &Progress) -> String {
    use std::fmt::Write as _;
    let counts = &progress.counts;
    let mut text = format!("{} of {} ok", counts.ok, counts.total());
    let busy = counts.total() - counts.settled() - counts.retrying;
    for (count, what) in [
        (counts.failed, "failed"),
        (counts.blocked, "blocked"),
        (counts.retrying, "to be tried again"),
        (busy, "under way"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sched::Counts;

    #[test]
    fn the_line_names_only_what_there_is() {
        let counts = Counts { ok: 7, failed: 1, blocked: 2, ..Counts::default() };
        let mut progress = Progress { counts, ..Progress::default() };
        assert_eq!(line(&progress), "7 of 10 ok, 1 failed, 2 blocked");
        progress.counts = Counts { ok: 1, checking: 1, waiting: 3, ..Counts::default() };
        assert_eq!(line(&progress), "1 of 5 ok, 4 under way");
    }
}

//! Snapshots on a schedule: each host that carries the store keeps the newest copies of it on its own disk, for the day on
//! which `mgmt mesh restore` is needed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Policy;
use crate::cluster::etcd::node::Node as _;
use crate::cluster::node::Handle;
use crate::cluster::world::{Client, keys, view};
use crate::engine::state_dir;
use crate::engine::world::{Deadline, Follow};

/// So many are kept.
const KEPT: usize = 2;
/// The member may write this long before it sends.
const PATIENCE: Duration = Duration::from_secs(60);
/// One that failed is tried again after this, or after the interval if that is shorter.
const AGAIN: Duration = Duration::from_secs(600);
/// How the files end.
const ENDING: &str = "db";

/// Takes snapshots while this host carries the store, until it is dropped.
pub(super) async fn run(node: Handle, client: Arc<Client>, folder: PathBuf) {
    let folder = folder.join("snapshots");
    let mut policy: Follow<Option<Arc<Policy>>> =
        view::follow_one(client.watcher(), keys::POLICY.to_owned(), |entry| {
            Policy::from_json(&entry.value).ok().map(Arc::new)
        });
    let started = Instant::now();
    // Only this goes by the clock of the world, which may jump: at worst one comes early or late.
    let mut last = age(&folder).and_then(|age| started.checked_sub(age));
    let mut failed: Option<Instant> = None;
    loop {
        let every = policy.now().and_then(|seen| seen.value).unwrap_or_default().snapshot_every();
        let due = every.map(|every| match (failed, last) {
            (Some(failed), _) => failed + every.min(AGAIN),
            (None, Some(last)) => last + every,
            // A mesh that has just begun has nothing to lose.
            (None, None) => started + every.min(AGAIN),
        });
        tokio::select! {
            seen = policy.changed() => {
                if seen.is_none() {
                    return;
                }
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                match take(&node, &client, &folder).await {
                    Ok(()) => (last, failed) = (Some(Instant::now()), None),
                    Err(why) => {
                        tracing::warn!(why, folder = %folder.display(), "there is no new snapshot of the store; it is tried again");
                        failed = Some(Instant::now());
                    }
                }
            }
        }
    }
}

/// Takes one, and removes those that are too many.
async fn take(node: &Handle, client: &Client, folder: &Path) -> Result<(), String> {
    state_dir::make(folder).map_err(|error| error.to_string())?;
    let (free, needed) = (super::card::disk_free(folder), node.sizes().in_use.saturating_mul(2));
    if free < needed {
        return Err(format!("{free} bytes are free, and {needed} would be needed"));
    }
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let path = folder.join(format!("{unix_s}-r{}.{ENDING}", node.revision()));
    client.snapshot(&path, Deadline::after(PATIENCE)).await.map_err(|error| error.to_string())?;
    tracing::debug!(path = %path.display(), "the store was copied");
    let mut known = found(folder).map_err(|error| error.to_string())?;
    known.sort();
    let surplus = known.len().saturating_sub(KEPT);
    for old in known.drain(..surplus) {
        fs::remove_file(&old).map_err(|error| format!("cannot remove {}: {error}", old.display()))?;
    }
    Ok(())
}

/// The snapshots in a folder; their names begin with when they were taken.
fn found(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == ENDING)).collect())
}

/// How old the newest one is; `None`: there is none.
fn age(folder: &Path) -> Option<Duration> {
    let newest = found(folder).unwrap_or_default().into_iter().filter_map(|path| {
        let taken = fs::metadata(path).and_then(|found| found.modified()).ok()?;
        taken.elapsed().ok()
    });
    newest.min()
}

//! `mgmt mesh snapshot`, `recover`, `restore`: copies of the store, and a mesh that begins anew.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::agent::lock::Lock;
use crate::cli::mesh_reach::{MeshReach, failed};
use crate::cli::output;
use crate::cli::reach::Reach;
use crate::cluster::etcd::backend::{Digest, load_file};
use crate::cluster::mesh::{MeshError, rescue};
use crate::engine::{Class, state_dir};

#[derive(Debug, clap::Args)]
pub(super) struct Snapshot {
    /// The file that is written
    file: PathBuf,
    #[command(flatten)]
    reach: MeshReach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Recover {
    /// Do it: without, it is only said what would be done
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The snapshot, of `mgmt mesh snapshot` or `etcdctl snapshot save`
    file: PathBuf,
    /// Put a store that this host has aside
    #[arg(long)]
    replace: bool,
    /// Do it: without, it is only said what would be done
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Writes a snapshot of the store into a file.
pub(super) async fn snapshot(args: &Snapshot) -> Result<(), ExitCode> {
    let client = args.reach.client().await?;
    let by = args.reach.deadline();
    let failed = |why: String| {
        let what = format!("there is no snapshot in {}", args.file.display());
        output::failed(&what, [why], None, Class::Transient)
    };
    client.snapshot(&args.file, by).await.map_err(|error| failed(error.to_string()))?;
    // What cannot be understood is no snapshot.
    let loaded = load_file(&args.file, Digest::Required).map_err(|error| failed(error.to_string()))?;
    let bytes = std::fs::metadata(&args.file).map_or(0, |found| found.len());
    output::say(&format!(
        "{}: {bytes} bytes, {} at revision {}, read back and found whole",
        args.file.display(),
        output::counted(loaded.store.snapshot().len(), "value"),
        loaded.store.revision(),
    ));
    Ok(())
}

/// Makes a mesh of this host alone out of its store.
pub(super) fn recover(args: &Recover) -> Result<(), ExitCode> {
    let (folder, host) = (args.reach.prefix().join("mesh"), args.reach.host());
    let known = rescue::survey(&folder).map_err(failed)?;
    if !args.yes {
        let mesh = known.cluster.as_deref().unwrap_or("without a name");
        return Err(ask(&[
            &format!("this makes a new mesh out of what the store of {host} holds of the mesh {mesh}:"),
            "  - what the other members have agreed upon, and this one had not heard of, is lost",
            "  - their stores are refused from then on; hosts that come back join the new mesh by themselves",
            "  - if most of the old members still run, there will be two meshes: then do not do it",
        ]));
    }
    let _lock = lock(&args.reach)?;
    done(&rescue::recover(&folder, &host).map_err(failed)?);
    Ok(())
}

/// Makes a mesh of this host alone out of a snapshot.
pub(super) fn restore(args: &Restore) -> Result<(), ExitCode> {
    let (folder, host) = (args.reach.prefix().join("mesh"), args.reach.host());
    if !args.yes {
        return Err(ask(&[
            &format!("this makes a new mesh of {host} alone, with what {} holds:", args.file.display()),
            "  - what was written after the snapshot is lost, but for what hosts export: they write that again",
            "  - hosts of the mesh that it was taken of join the new one by themselves, once that one is gone",
        ]));
    }
    state_dir::make(&folder)
        .map_err(|error| failed(MeshError::Client(crate::cluster::world::ClientError::from(error))))?;
    let _lock = lock(&args.reach)?;
    done(&rescue::restore(&folder, &host, &args.file, args.replace).map_err(failed)?);
    Ok(())
}

fn ask(lines: &[&str]) -> ExitCode {
    lines.iter().for_each(|line| output::say(line));
    output::say("nothing was done; say --yes to do it");
    super::super::exit::of_class(Class::User)
}

/// No agent may run meanwhile.
fn lock(reach: &Reach) -> Result<Lock, ExitCode> {
    Lock::take(&reach.prefix()).map_err(|error| {
        output::failed(&error.to_string(), [], Some("stop the agent of this host first"), Class::User)
    })
}

fn done(rescued: &rescue::Rescued) {
    output::say(&format!(
        "the mesh begins anew as {}, at revision {}; start the agent of this host as before",
        rescued.cluster, rescued.revision
    ));
    if let Some(kept) = &rescued.kept {
        output::say(&format!("the old store is in {}; remove it when all is well", kept.display()));
    }
}

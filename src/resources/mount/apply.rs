//! Putting a mount right.
//!
//! What is there now comes before the line in fstab, be it mounted, remounted or unmounted: what the system refuses is never
//! written, and a machine that is cut off in between boots with what was there. systemd may unmount at once what is mounted
//! while its unit, from the old line, waits for another device: it is mounted again once the new line is read.

use std::path::Path;

use super::differences::{Devices, Difference, drift};
use super::error::MountError;
use super::memory::Memory;
use super::options::is_of_fstab;
use super::spec::Spec;
use super::{foreseen, kernel, said};
use crate::engine::{Cancel, Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{Halt, Pace};
use crate::resources::host::mounts::{edit_fstab, fstab};
use crate::resources::host::process::alive;
use crate::resources::host::tool::{self, ToolError};
use crate::resources::long_work;

/// The status of mount(8) and umount(8) for a failure, such as a file system in use.
const FAILED: i32 = 32;
/// A mount may hide another one of the same place: so many are taken away.
const MOST_STACKED: usize = 8;

/// Puts right what differs. Returns what is left as it was: nothing, unless tools end well and do nothing.
///
/// Something else that is mounted is taken away once, and never after a mount of our own; the root not at all.
///
/// # Errors
/// When a tool or the system refuses.
pub async fn apply(
    host: &Host,
    spec: &Spec,
    devices: &dyn Devices,
    memory: &Memory,
    cx: &Cx,
) -> Result<Vec<Difference>, ResourceError> {
    let mut may_take = spec.point.len() > 1;
    for _ in 0..MOST_STACKED {
        let found = memory.differences(&*host.mounts.look_anew().await?, spec, devices, cx)?;
        let is_unwanted = found.iter().any(|it| matches!(it, Difference::Mounted(_)));
        let is_other = found.iter().any(|it| matches!(it, Difference::Other(_)));
        if is_other && !may_take {
            return Ok(found);
        }
        if is_unwanted || is_other {
            may_take &= is_unwanted;
            umount(host, spec, &cx.cancel).await?;
            continue;
        }
        if found.contains(&Difference::NotMounted) {
            foreseen::needs_point(spec)?;
            if !foreseen::has_point(spec) {
                run(host, spec, "make the mount point", &["mkdir", "-p", "--", &spec.point], &cx.cancel)
                    .await?;
            }
            mount(host, spec, &cx.cancel).await?;
            memory.keep(host, &*host.mounts.look_anew().await?, spec, cx);
            may_take = false;
        } else if spec.mounted && !found.is_empty() && spec.remount {
            // A changed line may hold options that the kernel does not show.
            let words = remount_words(spec);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run(host, spec, "remount", &words, &cx.cancel).await?;
        }
        if found.iter().any(Difference::is_of_fstab) {
            write_fstab(host, spec, cx).await?;
        }
        let left = memory.differences(&*host.mounts.look_anew().await?, spec, devices, cx)?;
        // What is otherwise now was made so by somebody else meanwhile, and no event will tell of it again.
        if left.is_empty() || left == found {
            return Ok(left);
        }
    }
    Ok(memory.differences(&*host.mounts.look_anew().await?, spec, devices, cx)?)
}

/// The error of a repair after which this is left.
pub fn no_effect(spec: &Spec, left: &[Difference]) -> MountError {
    let what: Vec<String> = drift(spec, left).iter().map(ToString::to_string).collect();
    MountError::NoEffect { point: (&*spec.point).into(), what: what.join("; ").into() }
}

async fn write_fstab(host: &Host, spec: &Spec, cx: &Cx) -> Result<(), ResourceError> {
    let path = host.mounts.fstab();
    let edit = |text: &[u8]| {
        if spec.in_fstab { fstab::with(text, &spec.entry) } else { fstab::without(text, &spec.point) }
    };
    // Short, but it is synced to the disk: that may take its time.
    match edit_fstab(host, &edit, Pace::Long(&cx.cancel)) {
        Ok(()) => {}
        Err(Halt::Failed(error)) => return Err(error.into()),
        Err(Halt::Long) => return Err(HostError::Worker { op: "edit", path: path.into() }.into()),
    }
    host.mounts
        .reload(run(host, spec, "have systemd read fstab for", &["systemctl", "daemon-reload"], &cx.cancel))
        .await?;
    Ok(())
}

async fn mount(host: &Host, spec: &Spec, cancel: &Cancel) -> Result<(), MountError> {
    let options = kernel_options(spec);
    let mut words = vec!["mount"];
    if spec.bind {
        words.push("--bind");
    } else {
        words.extend(["-t", &spec.entry.fstype]);
    }
    if !options.is_empty() {
        words.extend(["-o", &options]);
    }
    words.extend(["--", &spec.entry.device, &spec.point]);
    run(host, spec, "mount", &words, cancel).await?;
    if spec.bind && spec.options.iter().any(|option| !is_of_fstab(option)) {
        // Older kernels bind with the options of the source, whatever is asked.
        let words = remount_words(spec);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(host, spec, "remount", &words, cancel).await?;
    }
    Ok(())
}

fn remount_words(spec: &Spec) -> Vec<String> {
    let mut options = vec!["remount".to_owned()];
    options.extend(spec.bind.then(|| "bind".to_owned()));
    let declared = kernel_options(spec);
    options.extend((!declared.is_empty()).then_some(declared));
    // With device and mount point, mount(8) does not take other options from fstab or from the table.
    ["mount", "-o", &options.join(","), "--", &spec.entry.device, &spec.point].map(str::to_owned).to_vec()
}

/// The options for the command line. mount(8) leaves out itself what is of fstab alone.
fn kernel_options(spec: &Spec) -> String {
    let names = ["defaults", "bind", "rbind", "nofail", "auto", "noauto"];
    let options = spec.options.iter().map(|option| &**option).filter(|option| !names.contains(option));
    options.collect::<Vec<_>>().join(",")
}

async fn umount(host: &Host, spec: &Spec, cancel: &Cancel) -> Result<(), MountError> {
    match run(host, spec, "unmount", &["umount", "--", &spec.point], cancel).await {
        Err(MountError::Tool { source, .. }) if is_busy(&source) => {
            Err(MountError::Busy { point: (&*spec.point).into(), by: users_of(Path::new(&*spec.point)) })
        }
        other => other,
    }
}

fn is_busy(error: &ToolError) -> bool {
    error.code() == Some(FAILED) && error.said().contains("busy")
}

async fn run(
    host: &Host,
    spec: &Spec,
    doing: &'static str,
    words: &[&str],
    cancel: &Cancel,
) -> Result<(), MountError> {
    long_work::reach_runtime().await;
    let running = tool::run(&*host.processes, words, None, cancel);
    match tokio::time::timeout(spec.timeout, running).await {
        Ok(done) => done.map(|_| ()).map_err(|error| refusal(spec, doing, error)),
        Err(_) => Err(MountError::Slow { doing, point: (&*spec.point).into(), limit: spec.timeout }),
    }
}

fn refusal(spec: &Spec, doing: &'static str, error: ToolError) -> MountError {
    let point = (&*spec.point).into();
    let plain = spec.without_secrets(said::plain(error.said(), &spec.point));
    if plain.is_empty() || is_busy(&error) {
        return MountError::Tool { doing, point, source: error.into() };
    }
    if said::is_anything(&plain)
        && let Some(why) = kernel::refused_option(&spec.entry.fstype, &spec.options)
    {
        let hint = "mount(8) and the page of the file system list the options".into();
        let why = spec.without_secrets(why).into();
        return MountError::Refused { doing, point, why, hint: Some(hint) };
    }
    let types = kernel::types();
    let hint = said::hint(&plain, spec, &types);
    MountError::Refused { doing, point, why: plain.into(), hint: hint.map(Into::into) }
}

/// Who has its working directory, root or program below a path; the first few.
fn users_of(point: &Path) -> Vec<String> {
    alive(|folder| {
        let is_below = |link| std::fs::read_link(folder.join(link)).is_ok_and(|path| path.starts_with(point));
        ["cwd", "root", "exe"].into_iter().any(is_below)
    })
}

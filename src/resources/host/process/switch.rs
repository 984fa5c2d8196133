//! Becoming someone else: this program, started anew as a helper, takes on an identity and becomes the command.
//!
//! The helper has one thread, so that setting ids is safe. It begins with root's rights, hence it sees the command's
//! environment under changed names: `LD_PRELOAD` and its like must not act before the rights are gone. Its standard
//! input is a pipe on which it says why it failed; it closes by itself when the helper becomes the command.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

use super::identity::Identity;
use super::start::{BUSY_TRIES, not_found, refused_file};
use super::{Invocation, ProcessError, lookup, warden};

/// The first argument by which the helper is known.
const FLAG: &str = "__mgmt-exec-as";
/// What the names of the command's environment begin with until it starts.
const PREFIX: &str = "MGMT_ENV_";

/// Where the helper stopped. Its number goes over the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Groups = 1,
    Gid,
    Uid,
    Cwd,
    Find,
    Exec,
    /// The interpreter of a file that is there is missing.
    Interpreter,
}

/// What must be the first call of `main`: becomes the command, or watches over an agent's, if this process was started
/// for that. It then returns the exit code to end with. `None`: go on.
pub fn helper_main() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    match args.next()?.to_str()? {
        FLAG => {}
        warden::FLAG => return Some(warden::main()),
        _ => return None,
    }
    let args: Vec<OsString> = args.collect();
    let Some(task) = Task::parse(&args) else { return Some(ExitCode::from(64)) };
    // A duplicate is closed on exec, unlike the standard input itself.
    let report = io::stdin().as_fd().try_clone_to_owned();
    let (stage, error) = task.run();
    let code = error.raw_os_error().unwrap_or_default();
    if let Ok(report) = report {
        // There is nobody else to tell.
        let _ = write!(File::from(report), "{} {code}", stage as u8);
    }
    Some(ExitCode::from(126))
}

/// The command that starts the helper.
pub(super) fn command(helper: &Path, identity: &Identity, invocation: &Invocation) -> Command {
    let groups: Vec<String> = identity.groups.iter().map(u32::to_string).collect();
    let mut command = Command::new(helper);
    command.args([FLAG, &identity.uid.to_string(), &identity.gid.to_string(), &groups.join(",")]);
    command.arg(invocation.cwd.as_deref().unwrap_or(Path::new(""))).arg("--");
    command.args(invocation.words.iter().map(|word| &**word));
    command.env_clear();
    command.envs(invocation.env.0.iter().map(|(name, value)| (format!("{PREFIX}{name}"), &**value)));
    command
}

/// What the helper is to do.
struct Task<'a> {
    uid: u32,
    gid: u32,
    groups: Vec<Gid>,
    cwd: &'a Path,
    words: &'a [OsString],
}

impl<'a> Task<'a> {
    fn parse(args: &'a [OsString]) -> Option<Self> {
        let [uid, gid, groups, cwd, dashes, words @ ..] = args else { return None };
        // -1 would mean "leave it as it is".
        let number = |text: &str| text.parse().ok().filter(|id| *id != u32::MAX);
        let groups = groups.to_str()?.split(',').filter(|group| !group.is_empty());
        let task = Self {
            uid: number(uid.to_str()?)?,
            gid: number(gid.to_str()?)?,
            groups: groups.map(|group| number(group).map(Gid::from_raw)).collect::<Option<_>>()?,
            cwd: Path::new(cwd),
            words,
        };
        (dashes == "--" && !words.is_empty()).then_some(task)
    }

    /// Returns only on failure.
    fn run(&self) -> (Stage, io::Error) {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        if let Err(error) = set_thread_groups(&self.groups) {
            return (Stage::Groups, error.into());
        }
        if let Err(error) = set_thread_res_gid(gid, gid, gid) {
            return (Stage::Gid, error.into());
        }
        if let Err(error) = set_thread_res_uid(uid, uid, uid) {
            return (Stage::Uid, error.into());
        }
        if !self.cwd.as_os_str().is_empty()
            && let Err(error) = std::env::set_current_dir(self.cwd)
        {
            return (Stage::Cwd, error);
        }
        let env: Vec<(OsString, OsString)> = std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.as_bytes().strip_prefix(PREFIX.as_bytes())?;
                Some((OsStr::from_bytes(name).to_owned(), value))
            })
            .collect();
        let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
        let file = match lookup::find(&self.words[0], path, None) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return (Stage::Find, rustix::io::Errno::ACCESS.into());
            }
            Err(_) => return (Stage::Find, rustix::io::Errno::NOENT.into()),
        };
        let mut command = std::process::Command::new(&file);
        command.arg0(&self.words[0]).args(&self.words[1..]).env_clear().envs(env).stdin(Stdio::null());
        let mut error = command.exec();
        for tries in 0..BUSY_TRIES {
            if error.kind() == io::ErrorKind::ExecutableFileBusy {
                pause(tries);
                error = command.exec();
            }
        }
        let stage = if file.exists() && error.kind() == io::ErrorKind::NotFound {
            Stage::Interpreter
        } else {
            Stage::Exec
        };
        (stage, error)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "one thread, no runtime, and nothing says when the file is free"
)]
fn pause(tries: u32) {
    std::thread::sleep(Duration::from_millis(1 << tries));
}

/// The reading end of what the helper has to say.
#[derive(Debug)]
pub(super) struct Report(Receiver);

impl Report {
    pub fn new(pipe: Receiver) -> Self {
        Self(pipe)
    }

    /// Why the helper failed, once its process is over; `None`: it became the command.
    pub fn failure(self, invocation: &Invocation) -> Option<ProcessError> {
        let fd = self.0.into_nonblocking_fd().ok()?;
        let mut text = [0; 32];
        let len = rustix::io::read(&fd, &mut text).ok()?;
        let text = std::str::from_utf8(&text[..len]).ok()?;
        let (stage, code) = text.split_once(' ')?;
        let source = io::Error::from_raw_os_error(code.parse().ok()?);
        let stage: u8 = stage.parse().ok()?;
        let identity = |what| move |source| ProcessError::Identity { what, source };
        Some(match stage {
            stage if stage == Stage::Groups as u8 => identity("supplementary groups")(source),
            stage if stage == Stage::Gid as u8 => identity("group")(source),
            stage if stage == Stage::Uid as u8 => identity("user")(source),
            stage if stage == Stage::Cwd as u8 => {
                ProcessError::Cwd { cwd: invocation.cwd.clone().unwrap_or_default().into(), source }
            }
            stage if stage == Stage::Find as u8 => not_found(invocation, source),
            stage => refused_file(invocation, stage == Stage::Interpreter as u8, source),
        })
    }
}

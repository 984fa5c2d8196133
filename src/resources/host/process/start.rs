//! Starting a command.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

use super::group::Group;
use super::lookup;
use super::pipes::{From, Pipes};
use super::switch::{self, Report};
use super::warden::Warden;
use super::{Invocation, ProcessError};

/// How often a file that someone still has open for writing is tried. Often it is we: another thread has just written
/// it, and a third was starting a process, which holds the file until it has become another program.
pub(super) const BUSY_TRIES: u32 = 6;

/// A command that was started.
#[derive(Debug)]
pub(super) struct Running {
    pub group: Group,
    pub pipes: Pipes,
    /// Where our helper says why it could not become the command.
    pub report: Option<Report>,
}

/// Starts a command; `helper` is this program. It reads `input`, or nothing.
pub(super) async fn start(
    invocation: &Invocation,
    input: Option<&[u8]>,
    helper: &Path,
    warden: Option<&Arc<Warden>>,
) -> Result<Running, ProcessError> {
    let mut tries = 0;
    loop {
        let (mut command, pipes, report) = prepare(invocation, input, helper)?;
        match command.spawn() {
            Ok(child) => return Ok(Running { group: Group::new(child, warden), pipes, report }),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::TXTBSY) && tries < BUSY_TRIES => {
                tokio::time::sleep(Duration::from_millis(1 << tries)).await;
                tries += 1;
            }
            Err(error) => {
                let path = PathBuf::from(command.as_std().get_program());
                return Err(refused(invocation, &path, error));
            }
        }
    }
}

fn prepare(
    invocation: &Invocation,
    input: Option<&[u8]>,
    helper: &Path,
) -> Result<(Command, Pipes, Option<Report>), ProcessError> {
    let word = invocation.words.first().map_or("", |word| &**word);
    let around = |op| move |source| ProcessError::Around { op, word: word.into(), source };
    let mut report = None;
    let mut command = match &invocation.identity {
        None => {
            let mut command = plain(invocation, word)?;
            if let Some(input) = input {
                command.stdin(fed(input).map_err(around("make the input"))?);
            }
            command
        }
        Some(_) if input.is_some() => {
            return Err(around("make the input")(io::ErrorKind::Unsupported.into()));
        }
        Some(identity) => {
            let (reader, writer) = pipe().map_err(around("make a pipe"))?;
            report = Some(Report::new(reader));
            let mut command = switch::command(helper, identity, invocation);
            command.stdin(writer);
            command
        }
    };
    let made = outputs(&mut command, invocation.merged).map_err(around("make a pipe"))?;
    command.process_group(0).kill_on_drop(true);
    Ok((command, Pipes::new(made), report))
}

/// A command that is started as the agent's user, without its outputs.
pub(super) fn plain(invocation: &Invocation, word: &str) -> Result<Command, ProcessError> {
    let path = invocation.env.0.get("PATH").map(|path| OsStr::new(&**path));
    let file = lookup::find(OsStr::new(word), path, invocation.cwd.as_deref())
        .map_err(|error| not_found(invocation, error))?;
    let mut command = Command::new(file);
    command.arg0(word);
    command.args(invocation.words.iter().skip(1).map(|word| &**word));
    command.env_clear();
    command.envs(invocation.env.0.iter().map(|(name, value)| (&**name, &**value)));
    if let Some(cwd) = &invocation.cwd {
        command.current_dir(cwd);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

/// A file without a name that holds this, to be read from its beginning: nobody has to write while the command reads.
fn fed(input: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(input)?;
    file.rewind()?;
    Ok(file)
}

fn outputs(command: &mut Command, merged: bool) -> io::Result<Vec<(From, Receiver)>> {
    let (out, stdout) = pipe()?;
    if merged {
        command.stderr(stdout.try_clone()?).stdout(stdout);
        return Ok(vec![(From::Both, out)]);
    }
    let (err, stderr) = pipe()?;
    command.stdout(stdout).stderr(stderr);
    Ok(vec![(From::Stdout, out), (From::Stderr, err)])
}

fn pipe() -> io::Result<(Receiver, PipeWriter)> {
    let (reader, writer): (PipeReader, PipeWriter) = io::pipe()?;
    Ok((Receiver::from_owned_fd(OwnedFd::from(reader))?, writer))
}

/// What was looked up is not there.
pub(super) fn not_found(invocation: &Invocation, error: io::Error) -> ProcessError {
    let word = invocation.words.first().map_or("", |word| &**word).into();
    match error.kind() {
        io::ErrorKind::PermissionDenied => ProcessError::Denied { word },
        _ => ProcessError::NotFound { word, own_path: invocation.env.0.contains_key("PATH") },
    }
}

/// What the system meant when it refused to start `file`: it says the same of a missing folder, command or interpreter.
pub(super) fn refused(invocation: &Invocation, file: &Path, source: io::Error) -> ProcessError {
    if let Some(cwd) = &invocation.cwd
        && let Err(source) = cwd.join(".").metadata()
    {
        return ProcessError::Cwd { cwd: cwd.as_path().into(), source };
    }
    let is_there = invocation.cwd.as_deref().unwrap_or(Path::new("")).join(file).exists();
    refused_file(invocation, is_there, source)
}

/// Why a file could not be executed.
pub(super) fn refused_file(invocation: &Invocation, is_there: bool, source: io::Error) -> ProcessError {
    match source.kind() {
        io::ErrorKind::NotFound if is_there => {
            let word = invocation.words.first().map_or("", |word| &**word).into();
            ProcessError::Exec { word, source }
        }
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => not_found(invocation, source),
        _ => {
            let word = invocation.words.first().map_or("", |word| &**word).into();
            ProcessError::Exec { word, source }
        }
    }
}

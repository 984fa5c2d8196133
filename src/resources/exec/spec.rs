//! A declaration, validated. Made without touching the system.

use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal;

use super::command::Command;
use super::params::ExecParams;
use crate::engine::entry::Entry;
use crate::engine::{Declaration, ParamError};
use crate::resources::host::process::{Env, parse_signal};

/// What to run, and when.
#[derive(Debug)]
pub struct Spec {
    /// The command.
    pub cmd: Command,
    /// Whose lines wake.
    pub watchcmd: Option<Command>,
    /// Which must succeed.
    pub ifcmd: Option<Command>,
    /// Which must fail.
    pub nifcmd: Option<Command>,
    /// What follows.
    pub donecmd: Option<Command>,
    /// If all output of `ifcmd` is this, there is nothing to do.
    pub ifequals: Option<Arc<str>>,
    /// If the standard output of `ifcmd` is this, there is nothing to do.
    pub ifequals_stdout: Option<Arc<str>>,
    /// If this is there, there is nothing to do.
    pub creates: Option<Arc<str>>,
    /// If one of these is newer than the last run, it runs.
    pub mtimes: Vec<Arc<str>>,
    /// What wakes besides.
    pub watchfiles: Vec<Arc<str>>,
    /// The environment of all commands.
    pub env: Env,
    /// What asks them to end.
    pub signal: Signal,
    /// Who runs them.
    pub user: Option<Arc<str>>,
    /// As which group.
    pub group: Option<Arc<str>>,
    /// What is sent before the first run: output, stdout, stderr.
    pub fallback: [Option<Arc<str>>; 3],
    /// Whether what the commands write is shown nowhere.
    pub secret_output: bool,
}

impl Spec {
    /// Validates a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = ExecParams::decode(&declaration.params)?;
        let received = |name| declaration.receives.iter().any(|receive| receive.param == name);
        let mut errors = Vec::new();
        let cmd = main_command(&params, &declaration.label.name, received("cmd"), &mut errors);
        let mut command = |param, text: &str, cwd: &str, shell: &str| {
            Command::new(param, text, cwd, shell).map_err(|error| errors.push(error)).ok().flatten()
        };
        let watchcmd = command("watchcmd", &params.watchcmd, &params.watchcwd, &params.watchshell);
        let ifcmd = command("ifcmd", &params.ifcmd, &params.ifcwd, &params.ifshell);
        let nifcmd = command("nifcmd", &params.nifcmd, &params.nifcwd, &params.nifshell);
        let donecmd = command("donecmd", &params.donecmd, &params.donecwd, &params.doneshell);
        if ifcmd.is_none() && !received("ifcmd") {
            let lonely = [("ifequals", &params.ifequals), ("ifequals_stdout", &params.ifequals_stdout)];
            errors.extend(lonely.into_iter().filter(|(_, given)| given.is_some()).map(|(param, _)| {
                ParamError::at(param, format!("{param} compares what ifcmd writes, and there is none"))
                    .hint("add `ifcmd`")
            }));
        }
        check_paths(&params, &mut errors);
        check_env(&params, &mut errors);
        let signal = parse_signal(&params.sig).or_else(|| {
            errors.push(
                ParamError::at("sig", format!("{:?} is no signal", params.sig))
                    .hint("a signal is a name such as SIGTERM or INT, or a number from 1 to 31"),
            );
            None
        });
        let (Some(mut cmd), Some(signal), true) = (cmd, signal, errors.is_empty()) else {
            return Err(errors);
        };
        let is_secret = |names: &[&str]| declaration.meta.sensitive.iter().any(|it| names.contains(&&**it));
        if is_secret(&["cmd", "args"]) {
            cmd.shown = "(sensitive)".into();
        }
        Ok(Self {
            cmd,
            watchcmd: watchcmd.map(|command| hide(command, is_secret(&["watchcmd"]))),
            ifcmd: ifcmd.map(|command| hide(command, is_secret(&["ifcmd"]))),
            nifcmd: nifcmd.map(|command| hide(command, is_secret(&["nifcmd"]))),
            donecmd: donecmd.map(|command| hide(command, is_secret(&["donecmd"]))),
            ifequals: params.ifequals,
            ifequals_stdout: params.ifequals_stdout,
            creates: some(params.creates),
            mtimes: params.mtimes,
            watchfiles: params.watchfiles,
            env: Env(Arc::new(params.env)),
            signal,
            user: some(params.user),
            group: some(params.group),
            fallback: [params.send_output, params.send_stdout, params.send_stderr],
            // A command may write whatever it was told.
            secret_output: !declaration.meta.sensitive.is_empty(),
        })
    }

    /// All commands.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        let more = [&self.watchcmd, &self.ifcmd, &self.nifcmd, &self.donecmd];
        std::iter::once(&self.cmd).chain(more.into_iter().flatten())
    }

    /// All paths of which a change wakes.
    pub fn watched(&self) -> impl Iterator<Item = &Arc<str>> {
        self.watchfiles.iter().chain(&self.creates).chain(&self.mtimes)
    }
}

fn main_command(
    params: &ExecParams,
    name: &str,
    received: bool,
    errors: &mut Vec<ParamError>,
) -> Option<Command> {
    // A received command is not here yet; when it is, this is asked again.
    let text = if params.cmd.is_empty() { name } else { &params.cmd };
    let made = Command::new("cmd", text, &params.cwd, &params.shell).and_then(|command| {
        let command = command.ok_or_else(|| {
            ParamError::at("cmd", "there is no command").hint("without `cmd`, the resource's name is run")
        })?;
        match &params.args[..] {
            [] => Ok(command),
            _ if !params.shell.is_empty() => Err(ParamError::at("args", "args exclude a shell")
                .hint("a shell takes the whole command from `cmd`: put the arguments there")),
            _ if received && params.cmd.is_empty() => Ok(command),
            args => command.with_args(args),
        }
    });
    made.map_err(|error| errors.push(error)).ok()
}

fn hide(mut command: Command, secret: bool) -> Command {
    if secret {
        command.shown = "(sensitive)".into();
    }
    command
}

fn check_paths(params: &ExecParams, errors: &mut Vec<ParamError>) {
    let mut check = |param, path: &str| {
        if !Path::new(path).is_absolute() {
            errors.push(
                ParamError::at(param, format!("{path:?} is not an absolute path"))
                    .hint("it begins with a slash"),
            );
        } else if path.contains('\0') {
            errors.push(ParamError::at(param, "a path cannot hold a zero byte"));
        }
    };
    params.watchfiles.iter().for_each(|path| check("watchfiles", path));
    params.mtimes.iter().for_each(|path| check("mtimes", path));
    if !params.creates.is_empty() {
        check("creates", &params.creates);
    }
}

fn check_env(params: &ExecParams, errors: &mut Vec<ParamError>) {
    for (name, value) in &params.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            errors.push(
                ParamError::at("env", format!("{name:?} is no name of a variable"))
                    .hint("a name is not empty and holds no `=`"),
            );
        } else if value.contains('\0') {
            errors.push(ParamError::at("env", format!("the value of {name:?} holds a zero byte")));
        }
    }
}

fn some(text: Arc<str>) -> Option<Arc<str>> {
    (!text.is_empty()).then_some(text)
}

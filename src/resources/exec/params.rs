//! The parameters of `exec`, as users read of them.

use std::collections::BTreeMap;
use std::sync::Arc;

crate::entry! {
    /// Runs a command when its guards permit.
    ///
    /// Without a guard it runs once when the agent starts, and again whenever something wakes it: its watch, a poll,
    /// a refresh, a change of its declaration. The guards are asked in this order: `mtimes`, `ifcmd` with `ifequals`,
    /// `nifcmd`, `creates`. They are asked in a plan and under noop too, so they should change nothing.
    ///
    /// There is no shell unless `shell` names one: the command is split at white space, and quotes, variables and
    /// pipes mean nothing. The environment holds what `env` says and nothing else. A command without a slash is
    /// looked up in the `PATH` of `env`, or else in
    /// `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`. Standard input is empty. All this holds for
    /// the guards and for `watchcmd` and `donecmd` too.
    ///
    /// An exit status other than 0 is a failure. Each command has a process group of its own: when the run is
    /// cancelled or takes longer than `timeout`, the group gets the signal of `sig`, and what does not end is killed.
    /// A run is over when the command itself is, though something that it started may go on.
    ///
    /// What a command wrote is kept in the agent's private folder, and sent after a restart too. Where a parameter is
    /// sensitive it may hold a secret, and is kept in memory only.
    pub struct ExecParams {
        /// The command. The resource's name if not given.
        cmd: Arc<str>,
        /// The arguments, each as it is: blanks in them do not split. `cmd` is then one word, and there is no `shell`.
        args: Vec<Arc<str>>,
        /// The folder to run `cmd` in; the agent's own if not given.
        cwd: Arc<str>,
        /// The shell that runs `cmd`, as in `/bin/sh`: it is given `-c` and the whole of `cmd`.
        shell: Arc<str>,
        /// The whole environment of every command of this resource. Values are never logged.
        env: BTreeMap<Arc<str>, Arc<str>>,
        /// The signal that asks the commands to end: a name or a number.
        sig: Arc<str> = "SIGTERM".into(),
        /// A command that goes on running: each line that it writes to standard output wakes this resource. That it
        /// ends is a failure of the watch.
        watchcmd: Arc<str>,
        /// The folder to run `watchcmd` in.
        watchcwd: Arc<str>,
        /// The shell that runs `watchcmd`.
        watchshell: Arc<str>,
        /// Files, by absolute paths, of which each change wakes this resource.
        watchfiles: Vec<Arc<str>>,
        /// A guard: run only if this command succeeds.
        ifcmd: Arc<str>,
        /// The folder to run `ifcmd` in.
        ifcwd: Arc<str>,
        /// The shell that runs `ifcmd`.
        ifshell: Arc<str>,
        /// A guard: do not run if all that `ifcmd` wrote is exactly this, the last line's end included.
        ifequals: Option<Arc<str>>,
        /// A guard: do not run if what `ifcmd` wrote to standard output is exactly this, the last line's end included.
        ifequals_stdout: Option<Arc<str>>,
        /// A guard: run only if this command fails.
        nifcmd: Arc<str>,
        /// The folder to run `nifcmd` in.
        nifcwd: Arc<str>,
        /// The shell that runs `nifcmd`.
        nifshell: Arc<str>,
        /// A guard: run only if nothing is at this absolute path. Its changes wake this resource.
        creates: Arc<str>,
        /// Files, by absolute paths, that must be there. If one was modified later than when the command last ran
        /// well, or it never did, it runs whatever the other guards say. If none was, the other guards decide; without
        /// any it does not run. Their changes wake this resource.
        mtimes: Vec<Arc<str>>,
        /// A command to run after `cmd` succeeded. Its failure is one of the resource.
        donecmd: Arc<str>,
        /// The folder to run `donecmd` in.
        donecwd: Arc<str>,
        /// The shell that runs `donecmd`.
        doneshell: Arc<str>,
        /// The user who runs every command of this resource: a name or a number, looked up when it is needed.
        user: Arc<str>,
        /// The group that runs every command of this resource: a name or a number. The user's own if not given.
        group: Arc<str>,
        /// What is sent as `output` as long as the command has never run.
        send_output: Option<Arc<str>>,
        /// What is sent as `stdout` as long as the command has never run.
        send_stdout: Option<Arc<str>>,
        /// What is sent as `stderr` as long as the command has never run.
        send_stderr: Option<Arc<str>>,
    }
}

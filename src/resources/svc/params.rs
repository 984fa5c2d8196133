//! The parameters of a unit.

use std::sync::Arc;

crate::entry! {
    /// Keeps a unit of systemd running or stopped, and enabled, disabled or masked.
    ///
    /// The name is that of the unit; without a suffix it is a service. Whatever happens to the unit is seen at once: a
    /// service that crashes or is stopped is started again, one that is disabled is enabled, and a unit file that was edited
    /// by hand is read. Nothing is done while a job of another is under way.
    ///
    /// A service of which systemd cannot know whether its start has gone well must still run a moment later: else the repair has
    /// failed, with the last lines that it wrote, and is tried again ever more seldom.
    ///
    /// A refresh reloads the unit if it runs, or restarts it where it cannot be reloaded. What systemd refuses to start as
    /// it failed too often is left alone for a minute.
    ///
    /// It is applied after its unit file, drop-ins and package, and after what these name: users, groups, mounts, programs,
    /// the working directory and files of the environment. It does not matter whether the unit file is there already, is
    /// declared with its content, or comes with a package or an archive of the same graph.
    ///
    /// ```yaml
    /// resources:
    ///   file:
    ///   - name: /etc/ssh/sshd_config.d/keys.conf
    ///     state: exists
    ///     content: "PasswordAuthentication no\n"
    ///   svc:
    ///   - name: ssh
    ///     state: running
    ///     startup: enabled
    /// edges:
    /// - name: reload with the new configuration
    ///   from: {kind: file, name: /etc/ssh/sshd_config.d/keys.conf}
    ///   to: {kind: svc, name: ssh}
    ///   notify: true
    /// ```
    pub struct SvcParams {
        /// The unit, of any type: `cups.socket`, `getty@tty1`. Default: the resource's name.
        unit: Arc<str>,
        /// `running`, `stopped`, or `restarted-on-refresh`: then it may run or not, and a refresh restarts it if it runs.
        /// Default: any.
        state: Arc<str>,
        /// `enabled`, `disabled`, or `masked`: then nothing can start it. Default: any. What is masked is unmasked to be
        /// enabled.
        startup: Arc<str>,
        /// It is a unit of a user's session, not of the system.
        session: bool = false,
        /// Whose session. Default: the agent's user.
        user: Arc<str>,
        /// What a refresh does if it runs: `reload-or-restart`, `restart`, `reload` or `none`.
        refresh: Arc<str> = Arc::from("reload-or-restart"),
        /// Jobs are queued, and not waited for; one that is being started counts as running.
        no_block: bool = false,
        /// Milliseconds that a job may take before it is cancelled.
        timeout_ms: u64 = 100_000,
        /// What `startup` changes holds until the next boot only.
        runtime: bool = false,
        /// `auto`: unit files that have changed are read again. `never`: that is left to others.
        daemon_reload: Arc<str> = Arc::from("auto"),
    }
}

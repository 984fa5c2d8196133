//! The parameters of a timer.

use std::collections::BTreeMap;
use std::sync::Arc;

crate::entry! {
    /// Runs a unit, or a command, at certain times: a timer of systemd.
    ///
    /// The timer is written as `NAME.timer`, read by systemd, enabled and started. With `command` the service is written
    /// too; else it runs the unit of the same name, or the one in `unit`, which must be there. An edit of either file by
    /// hand is undone, and a timer that is stopped or disabled is started and enabled.
    ///
    /// When it elapses: `on_calendar`, as in `Mon..Fri 09:00` or `*:0/5`, is checked when the graph is read, as is every
    /// span of time, as in `1h 30min`. A refresh restarts the timer. Files of crontab are not looked at.
    ///
    /// ```yaml
    /// resources:
    ///   cron:
    ///   - name: backup
    ///     on_calendar: ["*-*-* 03:00"]
    ///     jitter: 10min
    ///     persistent: true
    ///     command: tar -cf /var/backups/etc.tar /etc
    /// ```
    pub struct CronParams {
        /// The unit that it runs. Default: the service of the timer's name.
        unit: Arc<str>,
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// `enabled`: it is started at boot, and now. `disabled`: neither. Empty: it runs now, and whether it does after
        /// the next boot is left as it is.
        startup: Arc<str> = Arc::from("enabled"),
        /// It is a timer of a user's session, not of the system.
        session: bool = false,
        /// What `time` means: `OnCalendar`, or a span of time since something: `OnActiveSec`, `OnBootSec`, `OnStartupSec`,
        /// `OnUnitActiveSec` or `OnUnitInactiveSec`.
        trigger: Arc<str>,
        /// When it elapses: a calendar expression or a span of time, as `trigger` says.
        time: Arc<str>,
        /// When it elapses: calendar expressions, any number of them.
        on_calendar: Vec<Arc<str>>,
        /// How late it may be, so that timers can elapse together: a span of time. Default of systemd: a minute.
        accuracysec: Arc<str>,
        /// At most so much later, each time by chance: a span of time.
        randomizeddelaysec: Arc<str>,
        /// The same as `randomizeddelaysec`.
        jitter: Arc<str>,
        /// The chance is the same each time, and another on each host.
        fixed_random_delay: bool = false,
        /// What was missed while the host was off is made up for. For `OnCalendar` and `on_calendar` only.
        persistent: bool = false,
        /// A host that sleeps is woken.
        wakesystem: bool = false,
        /// The timer stays loaded when it will never elapse again.
        remainafterelapse: bool = true,
        /// A text for people. Default: the name.
        description: Option<Arc<str>>,
        /// What to run, by a shell: makes the service, too. Where it or `env` is sensitive, both lie beside the service, in files
        /// that nobody else may read.
        command: Arc<str>,
        /// Whom `command` runs as, who must be there. Default: root. With `session`: whose session it is; default: the agent's user.
        user: Arc<str>,
        /// Environment variables of `command`.
        env: BTreeMap<Arc<str>, Arc<str>>,
    }
}

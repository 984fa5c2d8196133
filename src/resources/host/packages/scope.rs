//! A scope of its own for a transaction, where systemd runs the agent: when the agent's service is stopped, systemd kills
//! all that is in the service's control group.

use std::path::Path;
use std::sync::Arc;

use crate::resources::host::process::Outcome;

/// The words before a command that has it run in a scope; none where no service is to be left.
fn prefix(cgroups: &str, has_systemd: bool) -> &'static [&'static str] {
    let in_service = cgroups.lines().any(|line| line.contains(".service"));
    if has_systemd && in_service { &["systemd-run", "--scope", "--quiet", "--collect", "--"] } else { &[] }
}

/// A command, in a scope of its own where that is called for.
pub(super) fn wrapped(root: &Path, words: &[Arc<str>]) -> Vec<Arc<str>> {
    let cgroups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let has_systemd = root.join("run/systemd/system").is_dir() && root.join("usr/bin/systemd-run").exists();
    let prefix = prefix(&cgroups, has_systemd).iter().copied().map(Arc::from);
    prefix.chain(words.iter().cloned()).collect()
}

/// Whether the scope could not be made, so that the command did not begin.
pub(super) fn has_failed(outcome: &Outcome) -> bool {
    let said = outcome.output.last_lines(1, 1024);
    !outcome.ending.is_success()
        && (said.starts_with("Failed to start transient scope unit")
            || said.starts_with("Failed to connect to bus"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_service_runs_leaves_it() {
        assert_eq!(prefix("0::/system.slice/mgmt.service\n", true)[0], "systemd-run");
        assert_eq!(prefix("1:name=systemd:/system.slice/mgmt.service/init\n", true).len(), 5);
        for (cgroups, has_systemd) in [
            ("0::/user.slice/user-0.slice/session-1.scope\n", true),
            ("0::/system.slice/mgmt.service\n", false),
            ("", true),
        ] {
            assert!(prefix(cgroups, has_systemd).is_empty(), "{cgroups}");
        }
    }
}

//! Settings in files of a host.

use super::machine::Machine;

#[test]
fn a_setting_is_kept_whoever_edits_the_file() {
    let Some(host) = Machine::bare() else { return };
    if !host.try_sh("command -v augtool").status.success() {
        eprintln!("skipped: needs augtool");
        return;
    }
    host.write("/etc/ssh/sshd_config", "# ours\nPermitRootLogin yes\nPort 22\n");
    let graph = "graph: site
resources:
  augeas:
  - name: /etc/ssh/sshd_config
    lens: Sshd.lns
    sets:
    - {path: PermitRootLogin, value: \"no\"}
";
    let agent = host.agent(graph);
    assert_eq!(host.read("/etc/ssh/sshd_config"), "# ours\nPermitRootLogin no\nPort 22\n");
    host.sh("sed -i 's/no/yes/; s/22/2222/' /etc/ssh/sshd_config");
    let right = "# ours\nPermitRootLogin no\nPort 2222\n";
    agent.until("it is set again", || host.read("/etc/ssh/sshd_config") == right);
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

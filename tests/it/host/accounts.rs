//! Users and groups with shadow's own tools.

use std::os::unix::process::CommandExt as _;

use super::machine::Machine;

const GRAPH: &str = "\
graph: accounts
resources:
  group:
  - name: ops
    gid: 4000
  user:
  - name: anna
    uid: 4001
    groups: [ops]
    shell: /bin/sh
    comment: Anna
    homedir: /home/anna
    create_home: true
    password: $6$salt$hash
    expires: 2030-01-31
    password_max_days: 90
    subids: true
  file:
  - name: /srv/hers
    content: x
    owner: anna
    group: ops
";

const ANNA: &str = "anna:x:4001:";

fn is_back(host: &Machine) -> bool {
    host.read("/etc/passwd")
        .lines()
        .any(|line| line.starts_with(ANNA) && line.ends_with(":Anna:/home/anna:/bin/sh"))
}

#[test]
fn an_account_is_made_whole_and_what_is_changed_by_hand_comes_back() {
    let Some(host) = Machine::bare() else { return };
    let agent = host.agent(GRAPH);
    assert!(is_back(&host), "{}", host.read("/etc/passwd"));
    assert_eq!(host.sh("stat -c %U:%G /srv/hers"), "anna:ops");
    assert_eq!(host.sh("stat -c %U:%a /home/anna"), "anna:755");
    assert_eq!(host.sh("getent shadow anna | cut -d: -f2,5,8"), "$6$salt$hash:90:21945");
    assert_eq!(host.sh("getent group ops"), "ops:x:4000:anna");
    assert_eq!(host.sh("grep -c ^anna: /etc/subuid"), "1");
    for (by_hand, is_repaired) in [
        ("userdel -r anna", "getent passwd anna && test -d /home/anna && id -nG anna | grep -qw ops"),
        (
            "sed -i s,Anna:/home/anna:/bin/sh,Eve:/tmp:/bin/zsh, /etc/passwd",
            "getent passwd anna | grep -q :Anna:",
        ),
        ("usermod -p '*' -e '' anna", "getent shadow anna | grep -qF ':$6$salt$hash:'"),
        ("gpasswd -d anna ops", "getent group ops | grep -q anna"),
        ("groupmod -g 4999 ops", "getent group ops | grep -q :4000:"),
        ("EDITOR='sed -i s,4001,4002,' vipw", "getent passwd anna | grep -q :4001:"),
        ("mv /home/anna /home/gone", "test -d /home/anna && test \"$(stat -c %U /home/anna)\" = anna"),
        ("chage -M 7 anna", "test \"$(getent shadow anna | cut -d: -f5)\" = 90"),
        ("sed -i /^anna:/d /etc/shadow", "getent shadow anna | grep -qF ':$6$salt$hash:'"),
    ] {
        host.sh(by_hand);
        agent.until(by_hand, || host.try_sh(is_repaired).status.success());
    }
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    assert!(!said.contains("salt"), "{said}");
    assert!(host.try_sh("pwck -rq && grpck -r").status.success());
}

#[test]
fn a_second_run_does_nothing_and_a_removal_leaves_no_trace() {
    let Some(host) = Machine::bare() else { return };
    assert!(host.once(GRAPH).status.success());
    let before =
        host.sh("md5sum /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid; stat -c %i /etc/passwd");
    assert!(host.once(GRAPH).status.success());
    let after =
        host.sh("md5sum /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid; stat -c %i /etc/passwd");
    assert_eq!(before, after);
    let gone = "graph: g\nresources:\n  user:\n  - {name: anna, state: absent, remove_home: true}\n  group:\n  \
                - {name: ops, state: absent}\n";
    let output = host.once(gone);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!host.try_sh("getent passwd anna || getent group ops || test -d /home/anna").status.success());
}

#[test]
fn a_user_whose_processes_live_is_not_removed_and_they_are_named() {
    let Some(host) = Machine::bare() else { return };
    host.sh("useradd -u 4001 -M anna");
    let mut sleeper = host.command("sleep").arg("1000").uid(0).spawn().unwrap();
    let mut own = host.command("setpriv");
    let mut hers = own.args(["--reuid", "4001", "--clear-groups", "sleep", "1000"]).spawn().unwrap();
    host.until_sh("pgrep -u 4001 sleep");
    let output = host.once("graph: g\nresources:\n  user:\n  - {name: anna, state: absent}\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("processes of the user are alive") && said.contains("(sleep)"), "{said}");
    host.sh("pkill -u 4001 sleep");
    hers.wait().unwrap();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn a_lock_that_is_held_too_long_fails_and_its_end_is_an_event() {
    let Some(host) = Machine::bare() else { return };
    let agent = host.agent("graph: g\nresources:\n  user:\n  - {name: anna, uid: 4001}\n");
    // lckpwdf(3): a write lock of fcntl(2).
    let hold = "open F, '>>/etc/.pwd.lock'; my $l = pack('s s x4 q q l x4', 1, 0, 0, 0, 0); fcntl(F, 6, $l) or die; \
                open O, '>/run/held'; close O; sleep 1000";
    let mut holder = host.command("perl").args(["-e", hold]).spawn().unwrap();
    host.until_sh("test -e /run/held");
    host.sh("sed -i /^anna:/d /etc/passwd /etc/shadow /etc/group /etc/gshadow");
    agent.until_said("add user anna", 1);
    assert!(!host.read("/etc/passwd").contains(ANNA));
    host.sh("pkill -x perl");
    holder.wait().unwrap();
    agent.until("the user is back", || host.read("/etc/passwd").contains(ANNA));
}

#[test]
fn what_a_killed_tool_and_a_killed_agent_left_is_recovered_and_no_file_is_torn() {
    let Some(host) = Machine::bare() else { return };
    // As usermod leaves it that was killed between its lock and its rename.
    let stale = "sleep 0 & pid=$!; wait; printf $pid >/etc/passwd.lock; printf $pid >/etc/shadow.lock; \
                 head -c 100 /etc/passwd >/etc/passwd+";
    host.sh(stale);
    let output = host.once(GRAPH);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(is_back(&host));
    // An agent that is killed while it works takes its tools with it.
    for round in 0..3 {
        let graph = format!("graph: g{round}\nresources:\n  user:\n{}", users(round));
        let agent = host.agent("graph: empty\nresources:\n  noop:\n  - name: n\n");
        host.write("/root/site.yaml.swp", graph.as_bytes());
        host.sh("mv /root/site.yaml.swp /root/site.yaml");
        agent.until("it has begun", || host.read("/etc/passwd").contains(&format!("u{round}x")));
        agent.kill9();
        // A line may be missing in one file, never a part of one.
        assert!(host.read("/etc/passwd").lines().all(|line| line.split(':').count() == 7));
        assert!(host.read("/etc/shadow").lines().all(|line| line.split(':').count() == 9));
        let output = host.once(&graph);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(host.try_sh("pwck -rq").status.success());
    }
}

fn users(round: usize) -> String {
    (0..8)
        .map(|at| format!("  - {{name: u{round}x{at}, groups: [adm], shell: /bin/sh, homedir: /}}\n"))
        .collect()
}

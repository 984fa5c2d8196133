//! The kind `pkg`, with apt and dpkg on a test host and a repository of tiny packages.

use super::machine::Machine;
use super::repository::{Deb, Repository};

fn graph(packages: &str) -> String {
    format!("graph: site\nresources:\n  pkg:\n{packages}")
}

/// `ii 1.0`, or nothing.
fn state(host: &Machine, name: &str) -> String {
    host.sh(&format!("dpkg-query -W -f '${{db:Status-Abbrev}}${{Version}}' {name} 2>/dev/null || true"))
}

fn transactions(host: &Machine) -> usize {
    host.read("/var/log/apt/history.log").matches("Commandline:").count()
}

#[test]
fn what_is_removed_by_hand_is_installed_again_and_what_comes_is_removed() {
    let Some(host) = Machine::bare() else { return };
    let tiny = Deb::new("tiny", "1.0").file("/etc/tiny/owned", "x");
    Repository::with(&host, &[tiny, Deb::new("unwanted", "1.0")]);
    let agent = host.agent(&graph("  - name: tiny\n  - name: unwanted\n    state: uninstalled\n"));
    assert_eq!(state(&host, "tiny"), "ii 1.0");
    for _ in 0..2 {
        // The agent may hold the lock for a moment longer.
        host.sh("apt-get -y -q -o DPkg::Lock::Timeout=30 remove tiny >/dev/null 2>&1");
        agent.until("it is back", || state(&host, "tiny") == "ii 1.0");
    }
    host.sh("until dpkg -P tiny >/dev/null 2>&1; do sleep 0.05; done");
    agent.until("it is back after dpkg", || state(&host, "tiny") == "ii 1.0");
    host.sh("apt-get -y -q -o DPkg::Lock::Timeout=30 install unwanted >/dev/null 2>&1");
    agent.until("it is gone", || state(&host, "unwanted").is_empty());
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn versions_are_chosen_kept_lowered_with_leave_and_raised_when_new_ones_come() {
    let Some(host) = Machine::bare() else { return };
    let repository =
        Repository::with(&host, &[Deb::new("tiny", "1.0"), Deb::new("tiny", "1.5"), Deb::new("tiny", "2.0")]);
    let once = |params: &str| host.once(&graph(&format!("  - name: tiny\n{params}")));
    let said = |params: &str| String::from_utf8_lossy(&once(params).stderr).into_owned();
    assert!(once("    version: 1.*\n").status.success());
    assert_eq!(state(&host, "tiny"), "ii 1.5");
    let refused = said("    state: '1.0'\n");
    assert!(refused.contains("version 1.0 would replace the newer 1.5"), "{refused}");
    assert!(once("    state: '1.0'\n    allow_downgrade: true\n    hold: true\n").status.success());
    assert_eq!(state(&host, "tiny"), "hi 1.0");
    let held = said("    state: newest\n");
    assert!(held.contains("it is held at version 1.0"), "{held}");
    let missing = said("    version: '7'\n    hold: true\n");
    assert!(missing.contains("no repository has version 7; there is 2.0, 1.5, 1.0"), "{missing}");
    let agent = host.agent(&graph("  - name: tiny\n    state: newest\n    hold: true\n"));
    assert_eq!(state(&host, "tiny"), "hi 2.0");
    repository.add(&[Deb::new("tiny", "3.0")]);
    repository.update();
    agent.until("the newest is installed", || state(&host, "tiny") == "hi 3.0");
    host.sh("apt-mark unhold tiny");
    agent.until("it is held again", || state(&host, "tiny") == "hi 3.0");
}

#[test]
fn a_changed_configuration_file_is_kept_or_replaced_and_nothing_asks() {
    let Some(host) = Machine::bare() else { return };
    let version = |version| Deb::new("conf", version).conffile("/etc/conf.conf", &format!("as of {version}"));
    Repository::with(
        &host,
        &[version("1"), version("2"), version("3"), Deb::new("plain", "1").conffile("/etc/plain", "x")],
    );
    let once = |params: &str| host.once(&graph(&format!("  - name: conf\n{params}")));
    assert!(once("    version: '1'\n").status.success());
    host.write("/etc/conf.conf", "mine\n");
    assert!(once("    version: '2'\n").status.success());
    assert_eq!((state(&host, "conf"), host.read("/etc/conf.conf")), ("ii 2".into(), "mine\n".into()));
    assert!(once("    version: '3'\n    confnew: true\n").status.success());
    assert_eq!(host.read("/etc/conf.conf"), "as of 3\n");
    assert!(once("    state: uninstalled\n").status.success());
    assert_eq!(state(&host, "conf"), "rc 3");
    assert!(once("    state: uninstalled\n    purge: true\n").status.success());
    assert_eq!(state(&host, "conf"), "");
    assert!(once("    version: '3'\n").status.success());
    assert!(once("    state: uninstalled\n    purge: true\n").status.success());
    assert_eq!(state(&host, "conf"), "");
    assert!(once("    version: '3'\n").status.success());
    host.sh(&format!("dpkg -i {} >/dev/null", Repository::file_of("plain", "1")));
    let mixed = "    state: uninstalled\n    purge: true\n  - name: plain\n    state: uninstalled\n";
    assert!(once(mixed).status.success());
    assert_eq!((state(&host, "conf"), state(&host, "plain")), (String::new(), "rc 1".into()));
}

#[test]
fn unknown_and_broken_ones_fail_alone() {
    let Some(host) = Machine::bare() else { return };
    let broken = Deb::new("broken", "1.0").postinst("test -e /run/mended || exit 3");
    Repository::with(&host, &[Deb::new("tiny", "1.0"), broken, Deb::new("other", "1.0")]);
    let output = host.once(&graph("  - name: tiny\n  - name: nosuch\n  - name: broken\n  - name: other\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("nosuch: no repository"), "{said}");
    assert!(said.contains("broken: configure is half configured"), "{said}");
    assert!(
        !said.contains(r#"cannot apply pkg["tiny"]"#) && !said.contains(r#"apply pkg["other"]"#),
        "{said}"
    );
    assert_eq!((state(&host, "tiny"), state(&host, "other")), ("ii 1.0".into(), "ii 1.0".into()));
    assert_eq!(state(&host, "broken"), "iF 1.0");
    host.write("/run/mended", "");
    assert!(host.once(&graph("  - name: broken\n")).status.success());
    assert_eq!(state(&host, "broken"), "ii 1.0");
}

#[test]
fn what_goes_takes_nothing_along_that_nobody_declared() {
    let Some(host) = Machine::bare() else { return };
    let needy = Deb::new("needy", "1.0").field("Depends: footing").conffile("/etc/needy.conf", "x");
    let rival = Deb::new("rival", "1.0").field("Conflicts: bystander");
    let others = ["footing", "bystander", "away"].map(|name| Deb::new(name, "1.0"));
    Repository::with(&host, &others.into_iter().chain([needy, rival]).collect::<Vec<_>>());
    host.sh("apt-get -y -q install needy bystander away >/dev/null 2>&1");
    let gone = |name: &str| format!("  - name: {name}\n    state: uninstalled\n    purge: true\n");
    let said = host.try_once(&graph(&gone("footing"))).unwrap_err();
    assert!(said.contains("it would take needy along") && said.contains("state: uninstalled"), "{said}");
    // A purge is declared, and something comes that cannot be beside a third one.
    let said = host.try_once(&graph(&(gone("away") + "  - name: rival\n"))).unwrap_err();
    assert!(said.contains("it would take bystander along"), "{said}");
    let said = host.try_once(&graph("  - name: rival\n")).unwrap_err();
    assert!(said.contains("it would take bystander along"), "{said}");
    for name in ["footing", "needy", "bystander"] {
        assert_eq!(state(&host, name), "ii 1.0");
    }
    let all = gone("footing") + &gone("needy") + &gone("away") + &gone("bystander") + "  - name: rival\n";
    assert_eq!(host.try_once(&graph(&all)), Ok(()));
    assert_eq!((state(&host, "needy"), state(&host, "rival")), (String::new(), "ii 1.0".into()));
}

#[test]
fn one_that_does_not_exist_fails_alone_at_its_own_place_and_the_others_are_one_transaction() {
    let Some(host) = Machine::bare() else { return };
    let names = ["one", "two", "three"];
    let repository: Vec<Deb> = names.iter().map(|name| Deb::new(name, "1.0")).collect();
    Repository::with(&host, &repository);
    let text = "graph: site\nresources:\n  pkg:\n  - name: one\n  - name: nosuch\n  - name: two\n  - name: three\n\
                \x20 exec:\n  - name: after\n    cmd: touch /run/after\n  - name: never\n    cmd: touch /run/never\n\
                edges:\n- from: {kind: pkg, name: two}\n  to: {kind: exec, name: after}\n\
                - from: {kind: pkg, name: nosuch}\n  to: {kind: exec, name: never}\n";
    let output = host.once(text);
    let (said, summary) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(3), "{said}");
    for name in names {
        assert_eq!(state(&host, name), "ii 1.0", "{said}");
        assert!(!said.contains(&format!("cannot apply pkg[\"{name}\"]")), "{said}");
    }
    assert_eq!(transactions(&host), 1, "{}", host.read("/var/log/apt/history.log"));
    assert!(said.contains(r#"cannot apply pkg["nosuch"]"#) && said.contains(":5:5"), "{said}");
    assert_eq!(said.matches("no repository of this host has a package of this name").count(), 1, "{said}");
    assert!(summary.contains("4 ok (4 changed), 1 failed, 1 blocked"), "{summary}");
    assert!(summary.contains(r#"blocked exec["never"] by pkg["nosuch"]"#), "{summary}");
    host.sh("test -e /run/after && ! test -e /run/never");
}

/// A package that is not configured until `/run/go` is written to.
fn slow() -> Deb<'static> {
    Deb::new("slow", "1.0").postinst("touch /run/begun; cat /run/go > /dev/null")
}

#[test]
fn whoever_has_the_lock_is_waited_for_and_named_in_the_end() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[slow(), Deb::new("tiny", "1.0")]);
    host.sh("mkfifo /run/go");
    let by_hand = format!("dpkg -i {} >/dev/null 2>&1", Repository::file_of("slow", "1.0"));
    let mut other = host.command("sh").args(["-c", &by_hand]).spawn().unwrap();
    host.until_sh("test -e /run/begun");
    let output = host.once(&graph("  - name: tiny\n    lock_timeout_ms: 100\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the package database is in use by process") && said.contains("dpkg"), "{said}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host.once(&graph("  - name: tiny\n")));
        host.until_sh("pgrep -x mgmt");
        assert_eq!(state(&host, "tiny"), "");
        host.sh("echo > /run/go");
        assert!(waiting.join().unwrap().status.success());
    });
    assert!(other.wait().unwrap().success());
    assert_eq!((state(&host, "slow"), state(&host, "tiny")), ("ii 1.0".into(), "ii 1.0".into()));
}

#[test]
fn a_transaction_outlives_an_agent_that_is_killed_and_what_was_broken_off_is_finished() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[slow(), Deb::new("tiny", "1.0")]);
    host.sh("mkfifo /run/go");
    let agent = host.agent(&graph("  - name: tiny\n"));
    agent.save(&graph("  - name: tiny\n  - name: slow\n"));
    host.until_sh("test -e /run/begun");
    agent.kill9();
    host.sh("pgrep -x apt-get; pgrep -x dpkg; echo > /run/go");
    host.until_sh("! pgrep -x apt-get");
    assert_eq!(state(&host, "slow"), "ii 1.0");
    // And one that was killed itself.
    host.sh("dpkg -P slow >/dev/null 2>&1; rm /run/begun");
    let broken = "apt-get -y -q install slow >/dev/null 2>&1 & until test -e /run/begun; do :; done; \
                  pkill -KILL -x apt-get; pkill -KILL -x dpkg; rm /run/go; echo > /run/go; wait";
    host.sh(broken);
    assert_ne!(state(&host, "slow"), "ii 1.0");
    let agent = host.agent(&graph("  - name: tiny\n  - name: slow\n"));
    assert_eq!(state(&host, "slow"), "ii 1.0");
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn two_interrupts_do_not_break_a_transaction_off() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[slow(), Deb::new("tiny", "1.0")]);
    host.sh("mkfifo /run/go");
    let agent = host.agent(&graph("  - name: tiny\n"));
    agent.save(&graph("  - name: slow\n"));
    host.until_sh("test -e /run/begun");
    host.sh("kill -INT $(cat /run/mgmt-test.pid); kill -0 $(pgrep -x dpkg | head -1)");
    host.sh("kill -INT $(cat /run/mgmt-test.pid); kill -0 $(pgrep -x dpkg | head -1); echo > /run/go");
    host.until_sh("! pgrep -x mgmt");
    assert_eq!(state(&host, "slow"), "ii 1.0");
    drop(agent);
}

#[test]
fn two_hundred_packages_are_one_transaction() {
    let Some(host) = Machine::bare() else { return };
    let names: Vec<String> = (0..200).map(|number| format!("p{number}")).collect();
    Repository::with(&host, &names.iter().map(|name| Deb::new(name, "1.0")).collect::<Vec<_>>());
    let declared: String = names.iter().map(|name| format!("  - name: {name}\n")).collect();
    let output = host.once(&graph(&declared));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(transactions(&host), 1);
    assert_eq!(host.sh("dpkg -l 'p[0-9]*' | grep -c ^ii"), "200");
}

#[test]
fn a_repository_that_comes_with_the_graph_is_looked_into_and_a_package_file_is_installed() {
    let Some(host) = Machine::bare() else { return };
    let repository = Repository::with(&host, &[]);
    repository.add(&[Deb::new("tiny", "1.0"), Deb::new("loose", "2.0").field("Depends: tiny")]);
    let list = "/etc/apt/sources.list.d/test.list";
    let line = host.read(list);
    host.sh(&format!("rm {list}; apt-get -q update 2>&1; touch -d '1 hour ago' /var/lib/apt/lists /var/lib/apt/lists/partial"));
    let graph = format!(
        "graph: site\nresources:\n  pkg:\n  - name: loose\n    source: {}\n  file:\n  - name: {list}\n    content: {line:?}\n",
        Repository::file_of("loose", "2.0")
    );
    assert!(host.once(&graph).status.success());
    assert_eq!((state(&host, "loose"), state(&host, "tiny")), ("ii 2.0".into(), "ii 1.0".into()));
    host.sh(&format!("dpkg -P loose tiny >/dev/null; rm -rf {list} /var/lib/apt/lists/*; mkdir -p /var/lib/apt/lists/partial"));
    host.sh("touch -d '1 hour ago' /var/lib/apt/lists /var/lib/apt/lists/partial");
    let graph = graph
        .replace("  - name: loose\n", "  - name: tiny\n")
        .replace(&format!("    source: {}\n", Repository::file_of("loose", "2.0")), "");
    let output = host.once(&graph);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(state(&host, "tiny"), "ii 1.0");
}

#[test]
fn what_vanishes_from_the_graph_is_undone() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[Deb::new("tiny", "1.0"), Deb::new("other", "1.0")]);
    host.sh("apt-get -y -q install other >/dev/null 2>&1");
    let reversed = |name: &str, state: &str| {
        format!("  - name: {name}\n    state: {state}\n    meta:\n      reverse: true\n")
    };
    let agent = host.agent(&graph(&(reversed("tiny", "installed") + &reversed("other", "uninstalled"))));
    assert_eq!((state(&host, "tiny"), state(&host, "other")), ("ii 1.0".into(), String::new()));
    agent.save("graph: site\nresources:\n  noop:\n  - name: nothing\n");
    agent.until("both are undone", || state(&host, "tiny").is_empty() && state(&host, "other") == "ii 1.0");
}

#[test]
fn package_kit_does_the_same() {
    let Some(host) = Machine::boot() else { return };
    Repository::with(&host, &[Deb::new("tiny", "1.0"), Deb::new("other", "1.0"), Deb::new("other", "2.0")]);
    if !host.path("/usr/share/dbus-1/system-services/org.freedesktop.PackageKit.service").exists() {
        eprintln!("skipped: needs PackageKit");
        return;
    }
    let params = "    backend: packagekit\n    allowuntrusted: true\n    lock_timeout_ms: 30000\n";
    let agent =
        host.agent(&graph(&format!("  - name: tiny\n{params}  - name: other\n{params}    state: '1.0'\n")));
    assert_eq!((state(&host, "tiny"), state(&host, "other")), ("ii 1.0".into(), "ii 1.0".into()));
    host.sh("dpkg -P tiny >/dev/null");
    agent.until("it is back", || state(&host, "tiny") == "ii 1.0");
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    let output = host
        .once(&graph(&format!("  - name: tiny\n    state: uninstalled\n{params}  - name: nosuch\n{params}")));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nosuch: no repository"), "{said}");
    assert_eq!(state(&host, "tiny"), "");
}

#[test]
fn a_transaction_outlives_the_service_that_the_agent_is() {
    let Some(host) = Machine::boot() else { return };
    Repository::with(&host, &[slow()]);
    host.sh("mkfifo /run/go");
    host.write("/root/slow.yaml", graph("  - name: slow\n"));
    host.sh("systemd-run --quiet --unit=agent --property=TimeoutStopSec=1 mgmt run /root/slow.yaml");
    host.until_sh("test -e /run/begun");
    host.sh("systemctl stop agent; pgrep -x apt-get; echo > /run/go");
    host.until_sh("! pgrep -x apt-get");
    assert_eq!(state(&host, "slow"), "ii 1.0");
}

#[test]
fn what_a_package_brings_comes_after_it_and_the_edges_follow_what_is_installed() {
    let Some(host) = Machine::bare() else { return };
    Repository::with(&host, &[Deb::new("tiny", "1.0").file("/etc/oddly/named", "x")]);
    let graph = "graph: site\nresources:\n  pkg:\n  - name: tiny\n  file:\n  - name: /etc/oddly/mine\n    content: x\n    \
                 meta:\n      retry: -1\n      delay: 10\n";
    let agent = host.agent(graph);
    agent.until("it is there", || host.path("/etc/oddly/mine").exists());
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
    let shown = host.sh("mgmt graph --autoedges /root/site.yaml");
    assert!(shown.contains("automatically after pkg[\"tiny\"]"), "{shown}");
}

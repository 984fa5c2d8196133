//! Units of a real systemd.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mgmt::resources::host::bus::Place;
use mgmt::resources::host::systemd::scan::Role;
use mgmt::resources::host::systemd::{ChangeSink, Live, Scope, Systemd, UnitName, Verb};
use mgmt::resources::host::{FakeWatch, Hub};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::machine::{Machine, PATIENCE};

/// Where the administrator's own programs have their units: what lies in /etc cannot be masked.
const FOLDER: &str = "/usr/local/lib/systemd/system";

/// A service that runs until it is stopped, however often it is started.
const SLEEP: &str = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep infinity\n\
                     [Install]\nWantedBy=multi-user.target\n";

fn graph(units: &str) -> String {
    format!("graph: site\nresources:\n  svc:\n{units}")
}

fn unit(name: &str) -> UnitName {
    UnitName::new(name).unwrap()
}

/// The host's systemd, as the adapter has it, from outside.
fn live(host: &Machine, watch: Arc<dyn mgmt::engine::path_watch::PathWatch>) -> Arc<Live> {
    let folder = |path: &str, role| (host.path(path), role);
    let folders = vec![
        folder("/etc/systemd/system.control", Role::Config),
        folder("/run/systemd/system.control", Role::Runtime),
        folder("/run/systemd/transient", Role::Transient),
        folder("/run/systemd/generator.early", Role::Generated),
        folder("/etc/systemd/system", Role::Config),
        folder("/run/systemd/system", Role::Runtime),
        folder("/run/systemd/generator", Role::Generated),
        folder(FOLDER, Role::Vendor),
        folder("/usr/lib/systemd/system", Role::Vendor),
        folder("/run/systemd/generator.late", Role::Generated),
    ];
    // From outside of its processes systemd takes no calls at its own socket.
    let bus = Place::Bus(host.path("/run/dbus/system_bus_socket"));
    Arc::new(Live::new(Scope::of(bus, folders), watch))
}

#[test]
fn a_condition_that_is_not_met_is_told_and_the_unit_is_started_once_it_is() {
    let Some(host) = Machine::boot() else { return };
    for service_type in ["simple", "notify"] {
        host.write(
            &format!("{FOLDER}/{service_type}.service"),
            format!(
                "[Unit]\nConditionPathExists=/srv/go\n[Service]\nType={service_type}\nNotifyAccess=all\n\
                 ExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep infinity'\n"
            ),
        );
        let agent = host.agent("graph: site\nresources:\n  noop:\n  - name: nothing\n");
        agent.save(&graph(&format!("  - {{name: {service_type}, state: running}}\n")));
        agent.until_said("as one of the unit's conditions is not met", 1);
        let log = agent.log();
        assert!(!log.contains("put right"), "{log}");
        host.sh(&format!("touch /srv/go; systemctl start {service_type}; systemctl stop {service_type}"));
        agent.until_sh(&format!("systemctl is-active -q {service_type}"));
        let (status, said) = agent.stop();
        assert!(status.success(), "{said}");
        host.sh("rm /srv/go");
    }
}

#[test]
fn all_that_is_done_to_a_service_by_hand_is_undone_by_its_event() {
    let Some(host) = Machine::boot() else { return };
    host.write(&format!("{FOLDER}/a.service"), SLEEP);
    let agent = host.agent(&graph("  - {name: a, state: running, startup: enabled}\n"));
    let fine = "systemctl is-active -q a && [ $(systemctl is-enabled a) = enabled ]";
    host.sh(fine);
    for deed in [
        "systemctl stop a",
        "systemctl kill --kill-whom=main -s KILL a",
        "systemctl disable a",
        "systemctl disable --now a",
        "systemctl mask a",
        "systemctl mask --now a",
        "rm /etc/systemd/system/multi-user.target.wants/a.service",
        "systemctl daemon-reload",
    ] {
        host.sh(deed);
        agent.until_sh(fine);
    }
    // Edits without a reload: of the file, and by a new folder of drop-ins.
    host.sh(&format!("echo '# edited' >>{FOLDER}/a.service"));
    agent.until_sh("[ $(systemctl show -P NeedDaemonReload a) = no ]");
    host.sh("mkdir -p /etc/systemd/system/a.service.d");
    host.sh("printf '[Service]\\nEnvironment=X=1\\n' >/etc/systemd/system/a.service.d/x.conf");
    agent.until_sh("[ \"$(systemctl show -P Environment a)\" = X=1 ]");
    host.sh("rm -r /etc/systemd/system/a.service.d");
    agent.until_sh("[ -z \"$(systemctl show -P Environment a)\" ]");
    host.sh(fine);
}

#[test]
fn what_is_to_be_stopped_is_stopped_and_what_is_masked_stays_so() {
    let Some(host) = Machine::boot() else { return };
    for name in ["a", "b"] {
        host.write(&format!("{FOLDER}/{name}.service"), SLEEP);
    }
    host.sh("systemctl daemon-reload; systemctl enable -q a; systemctl start a b");
    let agent = host.agent(&graph(
        "  - {name: a, state: stopped, startup: disabled}\n  - {name: b, state: stopped, startup: masked}\n",
    ));
    host.sh("! systemctl is-active -q a && ! systemctl is-active -q b && [ ! -e /etc/systemd/system/multi-user.target.wants/a.service ]");
    assert_eq!(host.try_sh("systemctl is-enabled b").stdout, b"masked\n");
    for _ in 0..5 {
        // The clock is that of the host: from the end of the command that starts it.
        let waited = host.sh("systemctl start a; begun=$(date +%s%N)\n\
             while systemctl is-active -q a; do :; done; echo $((($(date +%s%N) - begun) / 1000))");
        println!("started by hand, stopped again after {waited} us, the looking included");
    }
    host.sh("systemctl unmask b");
    agent.until("it is masked again", || host.try_sh("systemctl is-enabled b").stdout == b"masked\n");
}

#[test]
fn a_refresh_reloads_or_restarts_and_an_undo_brings_back_what_was() {
    let Some(host) = Machine::boot() else { return };
    host.write(&format!("{FOLDER}/a.service"), SLEEP);
    let site = |text: &str, svc: &str| {
        format!(
            "graph: site\nresources:\n  file:\n  - {{name: /srv/conf, state: exists, content: {text}}}\n{svc}"
        )
    };
    let svc = "  svc:\n  - {name: a, state: running, startup: enabled, meta: {reverse: true}}\nedges:\n\
               - {name: e, from: {kind: file, name: /srv/conf}, to: {kind: svc, name: a}, notify: true}\n";
    let agent = host.agent(&site("one", svc));
    let pid = || host.sh("systemctl show -P MainPID a");
    let before = pid();
    agent.save(&site("two", svc));
    agent.until("it is restarted", || !["0", before.as_str()].contains(&pid().as_str()));
    agent.save(&site("two", ""));
    agent.until_sh("! systemctl is-active -q a && [ $(systemctl is-enabled a) = disabled ]");
}

#[test]
fn errors_say_what_is_wrong_with_the_unit() {
    let Some(host) = Machine::boot() else { return };
    host.write("/etc/systemd/system/bad.service", "[Service]\nExecStart=\n");
    host.write("/etc/systemd/system/once.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    host.write(
        "/etc/systemd/system/fails.service",
        "[Service]\nType=notify\nExecStart=/bin/sh -c 'echo why; exit 7'\n",
    );
    host.sh("systemctl daemon-reload");
    for (svc, why) in [
        ("{name: nowhere, state: running}", "there is no unit nowhere.service"),
        ("{name: bad, state: running}", "systemd cannot read the file of bad.service"),
        ("{name: once, state: running}", "RemainAfterExit=yes"),
        ("{name: once, startup: enabled}", "once.service is static"),
        ("{name: fails, state: running}", "start fails.service: failed, exit status 7"),
    ] {
        let output = host.once(&graph(&format!("  - {svc}\n")));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{svc}: {said}");
    }
    for svc in ["{name: nowhere, state: stopped, startup: disabled}", "{name: once, state: stopped}"] {
        assert!(host.once(&graph(&format!("  - {svc}\n"))).status.success(), "{svc}");
    }
}

#[test]
fn bad_weather_is_waited_out() {
    let Some(host) = Machine::boot() else { return };
    host.write(&format!("{FOLDER}/a.service"), SLEEP);
    let agent = host.agent(&graph("  - {name: a, state: running, startup: enabled}\n"));
    for weather in [
        "systemctl daemon-reexec",
        "systemctl daemon-reload",
        "systemctl kill -s KILL dbus",
        "systemctl stop dbus.socket dbus.service",
    ] {
        // What cuts the connection it came over says so.
        let _ = host.try_sh(weather);
        host.sh("systemctl stop a");
        agent.until_sh("systemctl is-active -q a");
    }
}

#[test]
fn an_agent_without_rights_asks_over_the_bus() {
    let Some(host) = Machine::boot() else { return };
    host.write(&format!("{FOLDER}/a.service"), SLEEP);
    host.sh("systemctl daemon-reload; systemctl enable -q --now a; mkdir -m 777 /srv/p");
    let run = |svc: &str| {
        host.write("/srv/p/site.yaml", graph(svc));
        host.try_sh(
            "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/srv/p \
             mgmt run --prefix /srv/p/state --converged-timeout 0 /srv/p/site.yaml",
        )
    };
    let output = run("  - {name: a, state: running, startup: enabled}\n");
    assert!(output.status.success(), "{output:?}");
    let output = run("  - {name: a, state: stopped}\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("more rights"), "{said}");
}

#[test]
fn units_of_a_session_are_those_of_its_own_manager() {
    let Some(host) = Machine::boot() else { return };
    if !host.try_sh("systemctl start user@0.service && [ -S /run/user/0/systemd/private ]").status.success() {
        println!("skipped: no session can be had on this host");
        return;
    }
    host.write("/root/.config/systemd/user/a.service", SLEEP.replace("multi-user", "default"));
    let agent = host.agent(&graph("  - {name: a, state: running, startup: enabled, session: true}\n"));
    let ask = "XDG_RUNTIME_DIR=/run/user/0 systemctl --user";
    host.sh(&format!("{ask} is-active -q a && {ask} is-enabled -q a"));
    host.sh(&format!("{ask} stop a; {ask} disable -q a"));
    agent.until_sh(&format!("{ask} is-active -q a && {ask} is-enabled -q a"));
}

#[test]
fn three_hundred_units_are_checked_in_a_few_calls_and_all_files_as_systemd_sees_them() {
    let Some(host) = Machine::boot() else { return };
    for at in 0..300 {
        host.write(&format!("{FOLDER}/u{at}.service"), SLEEP);
    }
    // The second time all files are older than the last reading for certain.
    host.sh("cd /usr/local/lib/systemd/system; systemctl enable -q u1*.service; systemctl daemon-reload");
    let live = live(&host, Arc::new(FakeWatch::new()));
    Runtime::new().unwrap().block_on(async {
        let units: Vec<UnitName> = (0..300).map(|at| unit(&format!("u{at}"))).collect();
        let _guards: Vec<_> = units.iter().map(|unit| live.follow(unit, Arc::new(|_| ())).unwrap()).collect();
        let started = Instant::now();
        let check = async |unit: &UnitName| {
            live.status(unit).await.unwrap();
            assert!(!live.is_outdated(unit).await.unwrap());
            live.file_state(unit).await.unwrap()
        };
        join_all(units.iter().map(check)).await;
        println!("300 units: {} calls, {} us", live.calls(), started.elapsed().as_micros());
        assert!(live.calls() < 100, "{} calls", live.calls());
        let listed = host.sh("systemctl list-unit-files --no-legend --plain --full");
        let mut compared = 0;
        for line in listed.lines() {
            let [name, state, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
            let Ok(unit) = UnitName::new(name) else { continue };
            assert_eq!(live.file_state(&unit).await.unwrap().word(), state, "{name}");
            compared += 1;
        }
        println!("{compared} unit files compared");
        assert!(compared > 400, "only {compared}");
    });
}

#[test]
fn a_stop_is_repaired_in_milliseconds() {
    let Some(host) = Machine::boot() else { return };
    host.write(&format!("{FOLDER}/a.service"), SLEEP);
    let agent = host.agent(&graph("  - {name: a, state: running}\n"));
    let live = live(&host, Hub::start());
    let mut took = Runtime::new().unwrap().block_on(async {
        let (unit, news) = (unit("a"), Arc::new(Notify::new()));
        let told = news.clone();
        let sink: ChangeSink = Arc::new(move |_| told.notify_one());
        let _guard = live.follow(&unit, sink).unwrap();
        let mut took = Vec::new();
        for _ in 0..40 {
            live.job(Verb::Stop, &unit, Some(Duration::from_secs(60))).await.unwrap();
            let stopped = Instant::now();
            while !live.status(&unit).await.unwrap().active.is_up() {
                let news = tokio::time::timeout(PATIENCE, news.notified()).await;
                assert!(news.is_ok(), "started again: {}", agent.log());
            }
            took.push(stopped.elapsed());
        }
        took
    });
    took.sort();
    println!("stopped -> running again: median {:?}, worst {:?} of {}", took[20], took[39], took.len());
}

/// A service of a user, with a program and an environment of its own, in reverse of the order that it takes. `unit`: what makes
/// the unit file.
fn of_anna(unit: &str) -> String {
    format!(
        "graph: site\nresources:\n  svc:\n  - {{name: x, state: running}}\n{unit}\
         \x20 exec:\n  - {{name: slow, shell: /bin/sh, cmd: 'sleep 0.5; touch /srv/slow', creates: /srv/slow}}\n  \
         user:\n  - {{name: anna}}\n\
         edges:\n- name: late\n  from: {{kind: exec, name: slow}}\n  to: {{kind: user, name: anna}}\n"
    )
}

const OF_ANNA: &str = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nUser=anna\nEnvironmentFile=/opt/x/env\nExecStart=/opt/x/run\n";

/// What the unit file names.
const ITS_FILES: &str = r##"  - {name: /opt/x/env, content: "A=1\n"}
  - {name: /opt/x/run, mode: '0755', content: "#!/bin/sh\nexec sleep infinity\n"}
  - {name: /opt/x/}
"##;

#[test]
fn what_a_unit_file_of_the_same_graph_names_comes_before_its_service() {
    let Some(host) = Machine::boot() else { return };
    let content = OF_ANNA.replace('\n', "\\n");
    let fine = "systemctl is-active -q x && [ \"$(ps -o user= -p $(systemctl show -P MainPID x))\" = anna ]";
    let unit = format!("  - {{name: /etc/systemd/system/x.service, content: \"{content}\"}}\n");
    for unit in [
        unit.clone(),
        // Half of it in a drop-in, of which the unit cannot know.
        format!(
            "{}  - {{name: /etc/systemd/system/x.service.d/}}\n  \
             - {{name: /etc/systemd/system/x.service.d/u.conf, content: \"[Service]\\nUser=anna\\n\"}}\n",
            unit.replace("User=anna\\n", "")
        ),
        // What it says is known only once it has been written.
        "  - {name: /etc/systemd/system/x.service, source: /root/x.service}\n".to_owned(),
    ] {
        host.write("/root/x.service", OF_ANNA);
        let output = host.once(&of_anna(&format!("  file:\n{unit}{ITS_FILES}")));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("cannot apply"), "{unit}{said}");
        host.sh(fine);
        host.sh("systemctl stop x; userdel anna; rm -r /opt/x /srv/slow /etc/systemd/system/x.service*; \
                 systemctl daemon-reload");
    }
}

#[test]
fn a_unit_file_that_a_command_has_written_is_read_before_the_next_start() {
    let Some(host) = Machine::boot() else { return };
    host.write("/root/x.service", OF_ANNA);
    let graph = of_anna(&format!("  file:\n{ITS_FILES}"))
        .replace("  user:\n", "  - {name: unit, creates: /etc/systemd/system/x.service, shell: /bin/sh, cmd: 'cp /root/x.service /etc/systemd/system'}\n  user:\n")
        + "- name: first\n  from: {kind: exec, name: unit}\n  to: {kind: svc, name: x}\n";
    let agent = host.agent(&graph);
    agent.until_sh("systemctl is-active -q x");
}

#[test]
fn a_service_that_dies_at_once_is_a_failure_with_what_it_wrote_in_that_run() {
    let Some(host) = Machine::boot() else { return };
    let unit = |service: &str| host.write(&format!("{FOLDER}/a.service"), format!("[Service]\n{service}"));
    let fails = |with: &str| {
        let output = host.once(&graph("  - {name: a, state: running}\n"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(with), "{said}");
        said
    };
    unit("ExecStart=/bin/sh -c 'echo first words; sleep 0.05; exit 3'\n");
    fails("start a.service: it ended at once, exit status 3: first words");
    unit("ExecStart=/bin/sh -c 'echo other words; sleep 0.05; exit 4'\n");
    let said = fails("start a.service: it ended at once, exit status 4: other words");
    assert!(!said.contains("first words"), "of an earlier run: {said}");
    unit("ExecStart=/bin/true\n");
    assert!(fails("it ended at once").contains("Type=oneshot"));
}

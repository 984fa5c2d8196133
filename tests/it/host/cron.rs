//! Timers of a real systemd.

use std::process::Command;

use mgmt::resources::cron::calendar::Calendar;
use mgmt::resources::cron::span;

use super::machine::Machine;

fn graph(crons: &str) -> String {
    format!("graph: site\nresources:\n  cron:\n{crons}")
}

#[test]
fn a_timer_runs_its_command_and_what_is_done_to_it_is_undone() {
    let Some(host) = Machine::boot() else { return };
    let cron = |calendar: &str| {
        graph(&format!(
            "  - name: tick\n    on_calendar: ['{calendar}']\n    accuracysec: 1us\n    \
             command: echo \"$A 100%\" >>/srv/ticks\n    env: {{A: \"b  c\"}}\n"
        ))
    };
    let agent = host.agent(&cron("*:*:*"));
    agent.until_sh("grep -qx 'b  c 100%' /srv/ticks");
    agent.save(&cron("hourly"));
    let calendar = "systemctl show -P TimersCalendar tick.timer";
    agent.until(&format!("{calendar} is hourly"), || host.sh(calendar).contains("OnCalendar=*-*-* *:00:00 "));
    let fine = "systemctl is-active -q tick.timer && [ $(systemctl is-enabled tick.timer) = enabled ] && \
                grep -qx OnCalendar=hourly /etc/systemd/system/tick.timer && \
                [ $(systemctl show -P NeedDaemonReload tick.timer) = no ] && \
                systemctl show -P TimersCalendar tick.timer | grep -qF 'OnCalendar=*-*-* *:00:00 '";
    agent.until_sh(fine);
    for deed in [
        "systemctl stop tick.timer",
        "systemctl disable -q tick.timer",
        "sed -i s/hourly/daily/ /etc/systemd/system/tick.timer",
        "sed -i s/hourly/daily/ /etc/systemd/system/tick.timer; systemctl daemon-reload",
        "rm /etc/systemd/system/tick.timer /etc/systemd/system/tick.service",
    ] {
        host.sh(deed);
        agent.until_sh(fine);
    }
    agent.save(&graph("  - {name: tick, state: absent}\n"));
    agent.until_sh(
        "[ -z \"$(ls /etc/systemd/system/tick.* /etc/systemd/system/timers.target.wants/tick.timer 2>/dev/null)\" ] && \
         [ $(systemctl show -P LoadState tick.timer) = not-found ]",
    );
}

#[test]
fn a_secret_command_runs_as_its_user_and_systemd_tells_it_to_nobody() {
    let Some(host) = Machine::boot() else { return };
    host.sh("install -d -o daemon /srv/ticks");
    let agent = host.agent(&graph(
        "  - name: tick\n    on_calendar: ['*:*:*']\n    accuracysec: 1us\n    user: daemon\n    \
         command: echo \"$A s3cret\" >>/srv/ticks/said\n    env: {A: 't0ken \"$x\" \\%'}\n    \
         meta: {sensitive: [command, env]}\n",
    ));
    agent.until_sh("grep -qxF 't0ken \"$x\" \\% s3cret' /srv/ticks/said");
    let told = host.sh("systemctl show tick.service; systemctl cat tick.service");
    assert!(!told.contains("s3cret") && !told.contains("t0ken"), "{told}");
    let files = host.sh("cd /etc/systemd/system; stat -c '%n %U %a' tick.command tick.environment");
    assert_eq!(files.trim(), "tick.command daemon 700\ntick.environment root 600");
    agent.save(&graph("  - {name: tick, state: absent}\n"));
    agent.until_sh("[ -z \"$(ls /etc/systemd/system/tick.* 2>/dev/null)\" ]");
}

#[test]
fn a_hundred_timers_are_made_with_few_reloads() {
    let Some(host) = Machine::boot() else { return };
    let crons: String =
        (0..100).map(|at| format!("  - {{name: t{at}, on_calendar: [daily], command: 'true'}}\n")).collect();
    let reloads = "journalctl -q -b _PID=1 | grep -c Reloading || true";
    let before: u32 = host.sh(reloads).parse().unwrap();
    let output = host.once(&graph(&crons));
    assert!(output.status.success(), "{output:?}");
    let made: u32 = host.sh(reloads).parse::<u32>().unwrap() - before;
    println!("{made} reloads for 100 timers");
    assert!(made < 100, "{made} reloads");
    assert_eq!(host.sh("systemctl list-timers --no-legend 't*.timer' | grep -c ' t[0-9]*.timer'"), "100");
}

/// What the tool says, where it is there.
fn analyze(verb: &str, text: &str) -> Option<(bool, String)> {
    let output = Command::new("systemd-analyze").args([verb, "--", text]).env("LC_ALL", "C").output().ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Calendar expressions, good and bad.
const CALENDARS: &[&str] = &[
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "annually",
    "quarterly",
    "minutely",
    "hourly",
    "semi-annually",
    "bi-annually",
    "semiannually",
    "Mon..Fri 09:00",
    "*:0/5",
    "hourly UTC",
    "daily Europe/Paris",
    "Mon *-*~03",
    "*-*-* 25:00",
    "Feb 30",
    "foo",
    "weekly Mars/X",
    "*/5:00",
    "Mon-Fri",
    "09:00:01.5",
    "1,3,5:00",
    "*:*:*",
    "*-*-* *:*:0..30/10",
    "Sat,Sun,Mon",
    "99-1-1",
    "*-*-1..7 0:0",
    "Mon,",
    "0:0/60",
    "*-*-~1..3",
    "*:*:0/0.5",
    "monday",
    "10..20/3:00",
    "5:0,5,0",
    "*-*-01/40",
    "12:30 CET",
    "  daily",
    "daily ",
    "24:00",
    "*:*:60",
    "Mon 10:00  UTC",
    "Mon..Wed,Fri *-1..3,7-1 8..18/2:0/15:30",
    "2030-01-01 00:00:00",
    "*-*-*",
    "Mon..",
    "1",
    "1:2:3:4",
    "Sun..Sat",
    "tue,THURSDAY 5:5",
    "*-12~07/1",
    "Fri..Mon",
    "2200-1-1",
    "1969-1-1",
    "0/2:00",
    "*:*:59.999999",
    "*:*:59.9999999",
    "Mon,Tue",
    "Mon..Tue",
    "1..2,4..8/2:0",
    "30..10:00",
    "*-*-31",
    "*-13-1",
    "05:40 Etc/GMT+3",
    "*-2..3-30",
    "5..5:00",
    "10..12/5:00",
    "*:*:5..5",
    "*:*:30..31/2",
    "5..4:00",
    "*:00..05/10",
];

/// Spans of time, good and bad.
const SPANS: &[&str] = &[
    "5",
    "1.5s",
    "1h 30min",
    "1h30m",
    "2 weeks",
    "100ms",
    "0",
    "5 fortnights",
    "x",
    "1 month",
    "3y",
    "5 M",
    "1d2h",
    "s",
    "7 usec",
    "",
    "0.5 days",
    "1..5s",
    "2hr 5 minutes",
    "infinity",
];

#[test]
fn calendars_and_spans_are_read_as_systemd_reads_them() {
    for text in CALENDARS {
        let Some((is_taken, said)) = analyze("calendar", text) else { return };
        let ours = Calendar::parse(text);
        assert_eq!(ours.is_ok(), is_taken, "{text:?}: {ours:?}\n{said}");
        if let Ok(ours) = ours {
            let theirs =
                said.lines().find_map(|line| line.trim().strip_prefix("Normalized form: ")).unwrap_or(text);
            assert_eq!(ours.normal(), Some(theirs), "{text:?}");
        }
    }
    for text in SPANS {
        let Some((is_taken, said)) = analyze("timespan", text) else { return };
        let ours = span::parse(text);
        assert_eq!(ours.is_some(), is_taken, "{text:?}\n{said}");
        let theirs = said.lines().find_map(|line| line.trim().strip_prefix("μs: ")?.parse::<u64>().ok());
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            assert_eq!(ours, theirs, "{text:?}");
        }
    }
}

//! What a unit wrote before it ended, as the journal has it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Unit, Whose};
use crate::resources::host::process::Invocation;
use crate::resources::host::systemd::{Facts, Systemd};

/// How long the journal may take to say what a unit wrote.
const JOURNAL_LIMIT: Duration = Duration::from_secs(3);
/// How many lines are looked at.
const LINES: &str = "--lines=8";
/// How many of them are told.
const TOLD: usize = 3;
/// What the manager writes of every start, before the unit's name: unit.c, job.c.
const JOBS: [&str; 3] = ["Starting ", "Started ", "Failed to start "];
/// What the manager writes of every service that fails: service.c.
const ENDS: [&str; 2] = ["Main process exited, code=", "Failed with result '"];
/// How it speaks of what keeps it from nothing: unit.c.
const HARMLESS: &str = ", ignoring";

impl Unit {
    /// The last lines that the unit wrote in its last run, on one line; empty where the journal does not say.
    pub(super) async fn last_words(
        &self,
        systemd: &dyn Systemd,
        facts: &Facts,
        began: SystemTime,
    ) -> Box<str> {
        // What was written a moment ago may be on its way yet.
        self.journal(&["--sync"]).await;
        let of_unit = self.of_unit(began);
        // Of the units of a session the journal does not know which start it was.
        if self.spec.whose == Whose::System {
            let run = systemd.invocation(&self.spec.unit).await.ok().filter(|run| !run.is_empty());
            let of_run = |field: &str| run.as_ref().map(|run| vec![format!("{field}={run}")]);
            let pid = (facts.main_pid != 0).then(|| format!("_PID={}", facts.main_pid));
            // First its own words: those of a process that was gone when they arrived are of no unit. Then those of its
            // manager about it.
            let places = [
                of_run("_SYSTEMD_INVOCATION_ID"),
                pid.map(|pid| vec![pid, of_unit[1].clone()]),
                of_run("INVOCATION_ID"),
            ];
            for which in places.into_iter().flatten() {
                let said = self.tell(&self.words(&which).await);
                if !said.is_empty() {
                    return said;
                }
            }
        }
        self.tell(&self.words(&of_unit).await)
    }

    /// The last lines on one, without those in which the manager says what the error around them does.
    fn tell(&self, words: &str) -> Box<str> {
        let unit = self.spec.unit.as_str();
        let is_told = |line: &str| {
            let news = line.strip_prefix(unit).and_then(|rest| rest.strip_prefix(": "));
            let job = JOBS.iter().find_map(|job| line.strip_prefix(job));
            job.is_some_and(|job| job.starts_with(unit))
                || news.is_some_and(|news| ENDS.iter().any(|end| news.starts_with(end)))
                || news.is_some_and(|news| news.contains(HARMLESS))
        };
        let lines = words.lines().map(str::trim).filter(|line| !line.is_empty() && !is_told(line));
        let lines: Vec<&str> = lines.collect();
        lines[lines.len().saturating_sub(TOLD)..].join("; ").into()
    }

    /// What the journal has of the unit since then, its manager's words among it.
    pub(super) fn of_unit(&self, since: SystemTime) -> [String; 2] {
        let which = if self.spec.whose == Whose::System { "--unit" } else { "--user-unit" };
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        [format!("{which}={}", self.spec.unit), format!("--since=@{since:.6}")]
    }

    /// The last lines of these.
    pub(super) async fn words(&self, which: &[String]) -> String {
        let mut words: Vec<&str> = which.iter().map(String::as_str).collect();
        words.extend([LINES, "--output=cat", "--no-pager", "--quiet"]);
        self.journal(&words).await
    }

    /// What journalctl(1) prints; nothing where it cannot, or not in time.
    pub(super) async fn journal(&self, words: &[&str]) -> String {
        let invocation = Invocation::new(["journalctl"].iter().chain(words).copied());
        let cancel = crate::engine::Cancel::default();
        let run = tokio::time::timeout(JOURNAL_LIMIT, self.host.processes.run(&invocation, &cancel)).await;
        run.ok().and_then(Result::ok).map(|outcome| outcome.stdout.text().to_string()).unwrap_or_default()
    }
}

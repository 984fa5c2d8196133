//! `mgmt deploys`: what was deployed, and what runs where.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::deploy::current;
use super::mesh_reach::{MeshReach, complain};
use super::output::{Ink, Paint, clean, counted};
use super::{output, reach, spoken};
use crate::engine::world::{Deploy, DeployId, HostName, HostReport, Rollout, RolloutState, World as _};

/// List what was deployed, and what runs where
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// A deploy, and the hosts that run it.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    deploy: Arc<Deploy>,
    /// Those that run it.
    hosts: Vec<HostName>,
    /// Those of them whose graph is as wanted.
    converged: Vec<HostName>,
    /// Those of them on which something has failed.
    failed: Vec<HostName>,
    /// Those that cannot run it, and why.
    broken: BTreeMap<HostName, String>,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async { list(args).await.err().unwrap_or(ExitCode::SUCCESS) })
}

async fn list(args: &Args) -> Result<(), ExitCode> {
    let client = args.reach.client().await?;
    let deploys = client.deploys();
    let stored = client.stored_deploys(args.reach.deadline()).await.map_err(|error| complain(&error))?;
    let reports = deploys.reports().first(args.reach.deadline()).await.map_err(|error| complain(&error))?;
    let rollout = current(&client, &args.reach).await?;
    let rows: Vec<Row> = stored.good.into_iter().map(|deploy| row(deploy, &reports.value)).collect();
    if args.json {
        let refused: BTreeMap<_, _> =
            stored.refused.iter().map(|(id, why)| (id.to_string(), why.to_string())).collect();
        output::print_json(&serde_json::json!({ "rollout": rollout, "deploys": rows, "refused": refused }));
        return Ok(());
    }
    let paint = Paint::stdout();
    match &rollout {
        Some(rollout) => output::say(&told(rollout, paint)),
        None => output::say("nothing was deployed yet"),
    }
    for (_, why) in stored.refused.iter().rev() {
        output::say(&paint.ink(Ink::Red, clean(&why.to_string())).to_string());
    }
    rows.iter().rev().for_each(|row| row.tell(paint));
    Ok(())
}

fn row(deploy: Arc<Deploy>, reports: &BTreeMap<HostName, HostReport>) -> Row {
    let id = deploy.id;
    let runs = |report: &HostReport| report.deploy == Some(id);
    let those = |is_so: &dyn Fn(&HostReport) -> bool| -> Vec<HostName> {
        reports.iter().filter(|(_, report)| is_so(report)).map(|(host, _)| host.clone()).collect()
    };
    let broken = reports.iter().filter(|(_, report)| report.wanted == Some(id));
    Row {
        hosts: those(&runs),
        converged: those(&|report| runs(report) && report.converged),
        failed: those(&|report| runs(report) && report.failed > 0),
        broken: broken.filter_map(|(host, report)| Some((host.clone(), report.broken.clone()?))).collect(),
        deploy,
    }
}

/// How far the newest deploy goes, in a line.
fn told(rollout: &Rollout, paint: Paint) -> String {
    let id: DeployId = rollout.deploy;
    let labels: Vec<String> = rollout.only.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let whom = match labels.as_slice() {
        [] => "all hosts".to_owned(),
        labels => format!("the hosts with {}", clean(&labels.join(", "))),
    };
    let whom = match rollout.percent {
        100.. => whom,
        percent => format!("{percent} % of {whom}"),
    };
    let next = rollout.steps.first().map(|step| format!(", then {step} %")).unwrap_or_default();
    match &rollout.state {
        RolloutState::Done => format!("deploy {id} is for {whom}"),
        RolloutState::Running => format!("deploy {id} goes out: to {whom}{next}"),
        RolloutState::Paused => {
            format!("deploy {id} {}: at {whom}{next}", paint.ink(Ink::Yellow, "is paused"))
        }
        RolloutState::Aborted { why } => {
            format!("deploy {id} {}: {}", paint.ink(Ink::Red, "was taken back"), clean(why))
        }
    }
}

impl Row {
    fn tell(&self, paint: Paint) {
        let Deploy { id, author, made_at_s, message, files, entry, .. } = &*self.deploy;
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + Duration::from_secs(*made_at_s));
        let age = spoken::time(Duration::from_secs(age.unwrap_or_default().as_secs()));
        let mut line = format!("{id:>4}  {}", counted(self.hosts.len(), "host"));
        for (hosts, what, ink) in [
            (self.converged.len(), "converged", Ink::Green),
            (self.failed.len(), "failed", Ink::Red),
            (self.broken.len(), "broken", Ink::Red),
        ] {
            if hosts > 0 {
                line += &format!(", {}", paint.ink(ink, format!("{hosts} {what}")));
            }
        }
        let files = counted(files.len(), "file");
        line += &format!("  {}, {files}, by {}, {age} ago", clean(entry), clean(author));
        if !message.is_empty() {
            line += &format!(": {}", clean(message));
        }
        output::say(&line);
        for (host, why) in &self.broken {
            output::say(&format!("      {host}: {}", clean(why)));
        }
    }
}

//! `mgmt mesh`: who is in the mesh, who carries the store, and by which policy.

mod admin;
mod allow;
mod etcd_setup;
mod evict;
mod join;
mod keys;
mod rescue;
mod rotate_ca;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::mesh_reach::{MeshReach, complain};
use super::output;
use super::output::{Ink, Paint};
use super::reach::{self, Reach};
use crate::agent::control::client::Client as Control;
use crate::agent::control::protocol::HostsFacts;
use crate::cluster::link::Line;
use crate::cluster::mesh::Policy;
use crate::cluster::world::Client;
use crate::engine::Class;
use crate::engine::world::{HostCard, HostName, World as _};

/// The mesh: its hosts, its store, its policy
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mgmt mesh status                    whether all is well, and what is not
  mgmt mesh members                   every host
  mgmt mesh invite --host 'web-*'     a token for a host that is to join
  mgmt mesh set voters=3              who carries the store from now on
  mgmt mesh snapshot backup.db        all that the mesh knows, in a file")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Whether the store is well, who carries it, and by which policy
    Status(Rest),
    /// Every host that belongs to the mesh
    Members(Rest),
    /// Make a new mesh on this host, before its agent first runs: keys, and the first administrator
    Init(keys::Init),
    /// Make a token with which a host may join
    ///
    /// Needs an administrator's keys. The line that it prints is a secret: whoever has it may join.
    Invite(keys::Invite),
    /// Become a host of a mesh, before the agent first runs here: `mgmt run --join` does both
    Join(join::Join),
    /// Print the variables with which etcdctl reaches the mesh: eval "$(mgmt mesh env)"
    Env(keys::Env),
    /// Put a host out: its certificates count no more, and what it has written is removed
    ///
    /// Needs an administrator's keys.
    Evict(evict::Evict),
    /// Let hosts write what is everybody's
    ///
    /// Needs an administrator's keys.
    Allow(allow::Allow),
    /// Who administers the mesh
    ///
    /// Needs an administrator's keys.
    Admin(admin::Admin),
    /// Give the mesh another authority, while it works: every host gets a new certificate by itself
    ///
    /// Needs an administrator's keys. It returns once nobody believes the authority before any more; if it is interrupted, run it
    /// again.
    RotateCa(rotate_ca::RotateCa),
    /// Print, or do, what gives an etcd, which stands in for the store, the same rules: users and roles
    EtcdSetup(etcd_setup::EtcdSetup),
    /// Have the agent on this host leave its mesh for good, and end
    Leave(Leaver),
    /// Copy the whole store into a file
    Snapshot(rescue::Snapshot),
    /// When most of those that carried the store are gone for good: begin anew with what this host's store holds
    ///
    /// The agent of this host must not run. What this store had not heard of is lost.
    Recover(rescue::Recover),
    /// Begin anew with a snapshot
    ///
    /// The agent of this host must not run.
    Restore(rescue::Restore),
    /// Change the policy: KEY=VALUE; without one, show it
    Set {
        /// voters=N, relay-per=N, dead-after=TIME, zones=spread|ignore, snapshot-every=TIME
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        rest: Rest,
    },
}

#[derive(Debug, clap::Args)]
struct Leaver {
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct Rest {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: MeshReach,
}

/// A member of the store.
#[derive(Debug, Serialize)]
struct MemberRow {
    id: String,
    host: String,
    votes: bool,
    leads: bool,
    /// Whether it answers, and is as far as the others.
    well: bool,
    problem: Option<String>,
    address: String,
}

/// A host.
#[derive(Debug, Serialize)]
struct HostRow {
    host: String,
    alive: bool,
    carries: &'static str,
    zone: String,
    version: String,
    addresses: Vec<String>,
    labels: BTreeMap<String, String>,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async {
        let done = match &args.what {
            What::Status(rest) => status(rest).await,
            What::Members(rest) => members(rest).await,
            What::Set { settings, rest } => set(settings, rest).await,
            What::Init(args) => keys::init(args),
            What::Invite(args) => keys::invite(args).await,
            What::Join(args) => join::main(args).await,
            What::Env(args) => keys::env(args).await,
            What::Evict(args) => evict::main(args).await,
            What::RotateCa(args) => rotate_ca::main(args).await,
            What::EtcdSetup(args) => etcd_setup::main(args),
            What::Admin(args) => admin::main(args).await,
            What::Allow(args) => allow::main(args).await,
            What::Leave(leaver) => leave(leaver).await,
            What::Snapshot(args) => rescue::snapshot(args).await,
            What::Recover(args) => rescue::recover(args),
            What::Restore(args) => rescue::restore(args),
        };
        done.err().unwrap_or(ExitCode::SUCCESS)
    })
}

async fn status(rest: &Rest) -> Result<(), ExitCode> {
    let client = rest.reach.client().await?;
    let rows = store_members(&client, rest).await?;
    let hosts = hosts(&client, rest).await?;
    let policy = policy(&client, rest).await?;
    let voters = rows.iter().filter(|row| row.votes).count();
    let heard = rows.iter().filter(|row| row.votes && row.well).count();
    let present = hosts.values().filter(|card| card.alive).count();
    let standings = client.directory().standings(rest.reach.deadline()).await;
    let standings = HostsFacts::of(&standings.map_err(|error| complain(&error))?);
    if rest.json {
        let cluster = client.link().cluster().map(|id| id.to_string());
        let policy: BTreeMap<_, _> = policy.settings().into_iter().collect();
        output::print_json(&serde_json::json!({
            "cluster": cluster, "members": rows, "voters": voters, "voters_heard": heard,
            "hosts": hosts.len(), "hosts_present": present, "hosts_converged": standings.converged, "policy": policy,
        }));
        return Ok(());
    }
    let paint = Paint::stdout();
    let health = match (heard, voters) {
        (heard, voters) if heard == voters => paint.ink(Ink::Green, "is well"),
        (heard, voters) if heard > voters / 2 => paint.ink(Ink::Yellow, "works, not all of it is well"),
        _ => paint.ink(Ink::Red, "has no quorum"),
    };
    output::say(&format!(
        "the mesh {health}: {heard} of {voters} voters heard, {present} of {} hosts there, {} converged",
        hosts.len(),
        standings.converged
    ));
    let widest = rows.iter().map(|row| row.host.len()).max().unwrap_or(0);
    for row in &rows {
        let duty = match (row.leads, row.votes) {
            (true, _) => "leads",
            (false, true) => "votes",
            (false, false) => "follows",
        };
        let problem = row
            .problem
            .as_ref()
            .map(|problem| paint.ink(Ink::Red, format!("  {problem}")))
            .unwrap_or_default();
        output::say(&format!("  {:widest$}  {duty:7}  {}{problem}", row.host, row.address));
    }
    let settings: Vec<String> =
        policy.settings().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    output::say(&format!("policy: {}", settings.join(" ")));
    Ok(())
}

async fn members(rest: &Rest) -> Result<(), ExitCode> {
    let client = rest.reach.client().await?;
    let store = store_members(&client, rest).await?;
    let rows: Vec<HostRow> = hosts(&client, rest)
        .await?
        .iter()
        .map(|(host, card)| {
            let member = store.iter().find(|row| row.host == host.as_str());
            HostRow {
                host: host.to_string(),
                alive: card.alive,
                carries: match member {
                    Some(row) if row.leads => "leads",
                    Some(row) if row.votes => "votes",
                    Some(_) => "follows",
                    None => "no store",
                },
                zone: card.zone.clone(),
                version: card.version.clone(),
                addresses: card.addresses.clone(),
                labels: card.labels.clone(),
            }
        })
        .collect();
    if rest.json {
        output::print_json(&rows);
        return Ok(());
    }
    let paint = Paint::stdout();
    let widest = rows.iter().map(|row| row.host.len()).max().unwrap_or(0);
    for row in &rows {
        let there = if row.alive { paint.ink(Ink::Green, "there") } else { paint.ink(Ink::Red, "away ") };
        let zone = if row.zone.is_empty() { String::new() } else { format!("  zone {}", row.zone) };
        let address = row.addresses.join(", ");
        output::say(&format!("{:widest$}  {there}  {:8}  {address}{zone}", row.host, row.carries));
    }
    Ok(())
}

async fn set(settings: &[String], rest: &Rest) -> Result<(), ExitCode> {
    let client = rest.reach.client().await?;
    loop {
        let (before, mut policy) = stored_policy(&client, rest).await?;
        for setting in settings {
            policy.set(setting).map_err(|error| output::failed(&error.to_string(), [], None, Class::User))?;
        }
        let by = rest.reach.deadline();
        let written = match settings.is_empty() {
            true => true,
            false => {
                client.set_policy(before, policy.to_json(), by).await.map_err(|error| complain(&error))?
            }
        };
        // Someone else has changed it meanwhile: again, from what it is now.
        if written {
            if !settings.is_empty() {
                let what = format!("changed the policy: {}", settings.join(" "));
                rest.reach.note(&client, &what).await;
            }
            let settings: BTreeMap<_, _> = policy.settings().into_iter().collect();
            match rest.json {
                true => output::print_json(&settings),
                false => settings.iter().for_each(|(key, value)| output::say(&format!("{key}={value}"))),
            }
            return Ok(());
        }
    }
}

async fn leave(leaver: &Leaver) -> Result<(), ExitCode> {
    let mut control = Control::connect(&leaver.reach.socket()).map_err(|error| reach::complain(&error))?;
    control.leave().await.map_err(|error| reach::complain(&error))
}

async fn policy(client: &Arc<Client>, rest: &Rest) -> Result<Policy, ExitCode> {
    Ok(stored_policy(client, rest).await?.1)
}

/// The policy, with what it was read from.
async fn stored_policy(
    client: &Arc<Client>,
    rest: &Rest,
) -> Result<(Option<bytes::Bytes>, Policy), ExitCode> {
    let stored = client.policy(rest.reach.deadline()).await.map_err(|error| complain(&error))?;
    let policy = match &stored {
        Some(json) => Policy::from_json(json)
            .map_err(|error| output::failed(&error.to_string(), [], None, Class::User))?,
        None => Policy::default(),
    };
    Ok((stored, policy))
}

async fn hosts(client: &Arc<Client>, rest: &Rest) -> Result<BTreeMap<HostName, HostCard>, ExitCode> {
    let seen = client.directory().hosts().first(rest.reach.deadline()).await;
    Ok((*seen.map_err(|error| complain(&error))?.value).clone())
}

/// The members of the store, each asked how it is.
async fn store_members(client: &Arc<Client>, rest: &Rest) -> Result<Vec<MemberRow>, ExitCode> {
    let by = rest.reach.deadline();
    let told = client.link().ask("list members", by, |line: Line, by| async move {
        let (members, status) = (line.members(by).await?, line.status(by).await?);
        Ok((members, status))
    });
    let (told, status) = told.await.map_err(|error| complain(&error))?;
    let link = client.link();
    let asked = told.members.into_iter().map(|member| async move {
        let address = member.client_ur_ls.first().or(member.peer_ur_ls.first()).cloned().unwrap_or_default();
        let problem = link.knock(&address).await.err();
        MemberRow {
            id: format!("{:x}", member.id),
            host: if member.name.is_empty() { "(starts)".to_owned() } else { member.name },
            votes: !member.is_learner,
            leads: member.id == status.leader,
            well: problem.is_none(),
            problem,
            address,
        }
    });
    Ok(futures_util::future::join_all(asked).await)
}

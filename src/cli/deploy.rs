//! `mgmt deploy`: a graph for all hosts, and how far it goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::mesh_reach::{MeshReach, complain};
use super::run::label;
use super::{output, reach};
use crate::agent::deploys::bundle::{Bundle, BundleError};
use crate::agent::error::AgentError;
use crate::agent::load;
use crate::cluster::store::go_duration;
use crate::cluster::world::Client;
use crate::cluster::world::deploys::{Latest, hash_of};
use crate::cluster::world::manifest::Manifest;
use crate::engine::Class;
use crate::engine::world::gate::Gate;
use crate::engine::world::{
    ContentHash, Deploy, DeployId, Rollout, RolloutState, Upload, World as _, rollout,
};

/// Chunks that are on their way at once.
const AT_ONCE: usize = 4;
/// What must hold in each stage, unless something else is asked for.
const USUAL_GATE: &str = "failed == 0 && broken == 0";
/// How long each stage is looked at, unless something else is asked for.
const USUAL_SOAK: &str = "10m";

/// Give a graph to all hosts that run `mgmt run empty`
///
/// The graph is checked first, as by `mgmt check`. Prints the number of the deploy.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  mgmt deploy site.yaml --message 'new motd'
  mgmt deploy site/ --entry main.yaml --only role=web
  mgmt deploy site.yaml --stage 10%,50%,100% --soak 10m --gate 'failed == 0'
  mgmt deploy pause                    the rollout goes no further for now

In a gate: hosts (reached), converged, failed, broken; ==, !=, <, <=, >, >=, &&."
)]
pub(super) struct Args {
    #[command(subcommand)]
    steer: Option<Steer>,
    /// The graph alone, or a folder with it and its files, without what git, hg and svn keep in it
    #[arg(value_name = "FILE|DIR", required = true, value_hint = clap::ValueHint::AnyPath)]
    what: Option<PathBuf>,
    /// Which file of a folder is the graph [default: the only graph file at its top]
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Also when someone else has deployed meanwhile
    #[arg(long)]
    force: bool,
    /// Only to hosts with these labels; others keep what they run
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = label)]
    only: Vec<(String, String)>,
    /// How many hosts get it, step by step
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = percent)]
    stage: Vec<u8>,
    /// How long each step is looked at before the next one
    #[arg(long, value_name = "TIME", requires = "stage", default_value = USUAL_SOAK, value_parser = time)]
    soak: Duration,
    /// What must hold in each step: else the deploy is taken back everywhere
    #[arg(long, value_name = "EXPR", requires = "stage", default_value = USUAL_GATE)]
    gate: Gate,
    #[command(flatten)]
    reach: MeshReach,
}

/// What is done with the rollout that is under way.
#[derive(Debug, clap::Subcommand)]
enum Steer {
    /// The rollout goes no further for now
    Pause(Rest),
    /// It goes on
    Resume(Rest),
    /// The deploy is taken back: every host goes back to the one before
    Abort(Rest),
}

#[derive(Debug, clap::Args)]
struct Rest {
    #[command(flatten)]
    reach: MeshReach,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse().ok();
    number.filter(|number| (1..=100).contains(number)).ok_or("write 1% to 100%".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    go_duration::parse(text).ok_or("write a number and a unit, such as 30s, 10m, 1h".to_owned())
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    let grows = args.stage.windows(2).all(|pair| pair[0] < pair[1]);
    if !grows || args.stage.last().is_some_and(|last| *last != 100) {
        return output::usage("--stage must grow from step to step, and end with 100%", "deploy");
    }
    reach::wait(async {
        let done = match (&args.steer, &args.what) {
            (Some(steer), _) => steered(steer).await,
            (None, Some(what)) => deploy(args, what).await,
            (None, None) => Err(output::usage("which graph? Name a file or a folder", "deploy")),
        };
        done.err().unwrap_or(ExitCode::SUCCESS)
    })
}

async fn deploy(args: &Args, what: &Path) -> Result<(), ExitCode> {
    let client = args.reach.client().await?;
    client.may_deploy().map_err(|error| complain(&error))?;
    if !args.stage.is_empty() && client.link().endpoints().iter().any(|endpoint| endpoint.etcd) {
        return Err(output::failed(
            "cannot deploy in stages: the store of this mesh is an etcd, and nobody there takes them on",
            [],
            Some("do without --stage, or let hosts of the mesh carry the store"),
            Class::User,
        ));
    }
    let bundle = Bundle::read(what, args.entry.as_deref(), client.blobs().chunk_bytes())
        .map_err(|error| unbundled(&error))?;
    check(&bundle).await?;
    // What it is made from is what was there when it began.
    let latest = latest(&client, &args.reach).await?;
    let upload = upload(&client, &bundle, &args.reach).await?;
    let mut next = Next {
        files: bundle.files,
        entry: bundle.entry,
        message: args.message.clone(),
        latest,
        upload: Some(upload),
        force: args.force,
        back_from: None,
        back_to: None,
    };
    if args.force {
        next.latest = self::latest(&client, &args.reach).await?;
    }
    let staged = |before, beneath, id| {
        let mut steps = args.stage.iter().copied();
        let (percent, state) = match steps.next() {
            Some(percent) => (percent, RolloutState::Running),
            None => (100, RolloutState::Done),
        };
        let is_staged = !args.stage.is_empty();
        Rollout {
            deploy: id,
            before,
            beneath,
            percent,
            only: args.only.iter().cloned().collect(),
            state,
            steps: steps.collect(),
            soak_s: if is_staged { args.soak.as_secs_f64().ceil() as u64 } else { 0 },
            gate: is_staged.then(|| args.gate.to_string()),
            unknown: BTreeMap::new(),
        }
    };
    next.publish(&client, &args.reach, staged).await
}

fn unbundled(error: &BundleError) -> ExitCode {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    output::failed(&error.to_string(), cause, error.hint(), Class::User)
}

/// Checks the graph as `mgmt check` does.
async fn check(bundle: &Bundle) -> Result<(), ExitCode> {
    let file = &bundle.entry_file;
    match load::load(file, &load::registry()).await {
        Ok(parsed) => output::show(&parsed.warnings),
        Err(error @ AgentError::Text(_)) => {
            return Err(output::complain(&error, Some(file), Some("nothing was deployed")));
        }
        Err(error) => return Err(output::complain(&error, Some(file), None)),
    }
    // What was checked must be what is deployed.
    let entry = bundle.files.iter().find(|known| known.path == bundle.entry);
    let mut chunks = entry.into_iter().flat_map(|entry| &entry.chunks);
    chunks.try_for_each(|hash| bundle.chunk(hash).map(drop)).map_err(|error| unbundled(&error))
}

/// Stores those chunks that the mesh has not got.
async fn upload(client: &Arc<Client>, bundle: &Bundle, reach: &MeshReach) -> Result<Upload, ExitCode> {
    let blobs = client.blobs();
    let upload = blobs.begin_upload(reach.deadline()).await.map_err(|error| complain(&error))?;
    let missing =
        blobs.missing(&bundle.hashes(), reach.deadline()).await.map_err(|error| complain(&error))?;
    let put = |hash: ContentHash| {
        let blobs = blobs.clone();
        async move {
            let content = bundle.chunk(&hash).map_err(|error| unbundled(&error))?;
            blobs.put(content, reach.deadline()).await.map(drop).map_err(|error| complain(&error))
        }
    };
    let mut stored = stream::iter(missing.into_iter().map(put)).buffer_unordered(AT_ONCE);
    while let Some(stored) = stored.next().await {
        stored?;
    }
    drop(stored);
    Ok(upload)
}

/// What the next deploy follows.
pub(super) async fn latest(client: &Client, reach: &MeshReach) -> Result<Latest, ExitCode> {
    let stored = client.stored_deploys(reach.deadline()).await.map_err(|error| complain(&error))?;
    Ok(stored.latest())
}

/// A deploy that is to follow the newest one.
pub(super) struct Next {
    /// Its files; they are stored.
    pub files: Vec<crate::engine::world::DeployFile>,
    /// Which of them is the graph.
    pub entry: String,
    /// What it is for.
    pub message: String,
    /// What it follows.
    pub latest: Latest,
    /// By which its files were stored.
    pub upload: Option<Upload>,
    /// Whatever the one before it is.
    pub force: bool,
    /// It is a roll-back: also for hosts that have gone by deploys up to this one.
    pub back_from: Option<DeployId>,
    /// It is a roll-back: to this one.
    pub back_to: Option<DeployId>,
}

/// As the audit tells it.
fn done(id: DeployId, back_to: Option<DeployId>, message: &str) -> String {
    let what = match back_to {
        Some(to) => format!("rolled back to deploy {to}, as deploy {id}"),
        None => format!("deployed {id}"),
    };
    let says_no_more = message.is_empty() || back_to.is_some_and(|to| message == usual_message(to));
    if says_no_more { what } else { format!("{what}: {message}") }
}

/// What is said of a roll-back unless somebody says why.
pub(super) fn usual_message(to: DeployId) -> String {
    format!("rollback to deploy {to}")
}

impl Next {
    /// Stores it, prints its number, and tidies up. `staged` says how far it goes, above the rollout that is there.
    pub async fn publish(
        self,
        client: &Arc<Client>,
        reach: &MeshReach,
        staged: impl FnOnce(Option<DeployId>, Option<Box<Rollout>>, DeployId) -> Rollout,
    ) -> Result<(), ExitCode> {
        let Latest { deploy: newest, next: id, passed_over } = self.latest;
        let user = uzers::get_current_username().map(|name| name.to_string_lossy().into_owned());
        let user = user.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let deploy = Deploy {
            id,
            parent: newest.as_deref().map(hash_of),
            entry: self.entry,
            files: self.files,
            author: format!("{user}@{}", client.name()),
            // Hosts go by none that is older than the last: a clock that is slow must not make one that nobody takes.
            made_at_s: newest.as_ref().map_or(now_s, |newest| newest.made_at_s.max(now_s)),
            message: self.message,
            unknown: BTreeMap::new(),
        };
        let current = current(client, reach).await?;
        let current = current.map(Arc::unwrap_or_clone);
        let current = client.signed_rollout(newest.as_deref(), current, reach.deadline()).await;
        let current = current.map_err(|error| complain(&error))?;
        let (before, beneath) = rollout::beneath(current.as_ref());
        let rollout = staged(before, beneath, id);
        let message = deploy.message.clone();
        let manifest = Manifest { deploy, rollout, back_from: self.back_from };
        let added = client.add_deploy(manifest, self.upload.as_ref(), self.force, reach.deadline());
        added.await.map_err(|error| complain(&error))?;
        for why in passed_over {
            let why = output::clean(&why.to_string());
            output::warn(&format!("warning: {why}; it is passed over, and stays in the store\n"));
        }
        output::say(&id.to_string());
        reach.note(client, &done(id, self.back_to, &message)).await;
        if let Err(error) = client.blobs().collect_garbage(reach.deadline()).await {
            // Whoever deploys next does it.
            output::warn(&format!("warning: what no deploy names any more is not removed yet: {error}\n"));
        }
        Ok(())
    }
}

/// How far the newest deploy goes.
pub(super) async fn current(
    client: &Arc<Client>,
    reach: &MeshReach,
) -> Result<Option<Arc<Rollout>>, ExitCode> {
    let seen = client.deploys().rollout().first(reach.deadline()).await;
    Ok(seen.map_err(|error| complain(&error))?.value)
}

async fn steered(steer: &Steer) -> Result<(), ExitCode> {
    let (Steer::Pause(Rest { reach }) | Steer::Resume(Rest { reach }) | Steer::Abort(Rest { reach })) = steer;
    let client = reach.client().await?;
    client.may_deploy().map_err(|error| complain(&error))?;
    loop {
        let refused = |why: &str| output::failed(why, [], Some("look at `mgmt deploys`"), Class::User);
        let Some(current) = current(&client, reach).await? else {
            return Err(refused("nothing was deployed yet"));
        };
        let by_hand = || RolloutState::Aborted { why: "by hand".to_owned() };
        let state = match (steer, &current.state) {
            (Steer::Pause(_), RolloutState::Running) => RolloutState::Paused,
            (Steer::Resume(_), RolloutState::Paused) => RolloutState::Running,
            (Steer::Abort(_), RolloutState::Aborted { .. }) => return Err(refused("it is aborted already")),
            (Steer::Abort(_), _) => by_hand(),
            (Steer::Pause(_), _) => return Err(refused("no rollout is under way that could be paused")),
            (Steer::Resume(_), _) => return Err(refused("no rollout is paused")),
        };
        let to = Rollout { state, ..(*current).clone() };
        // Whoever leads may have taken a step meanwhile: again, from what it is now.
        let rolled = client.deploys().roll(&current, &to, reach.deadline()).await;
        if rolled.map_err(|error| complain(&error))? {
            let what = match steer {
                Steer::Pause(_) => "paused the rollout of deploy",
                Steer::Resume(_) => "resumed the rollout of deploy",
                Steer::Abort(_) => "took back deploy",
            };
            reach.note(&client, &format!("{what} {}", to.deploy)).await;
            return Ok(());
        }
    }
}

//! `mgmt kv`: the strings of the world.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use super::mesh_reach::{MeshReach, complain};
use super::{output, reach};
use crate::engine::world::{HostName, Slot, Strings, World as _, WorldError};

/// The strings of the mesh
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: mgmt kv put motd 'hello' && mgmt kv get motd")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print a string
    Get {
        /// Its name
        key: String,
        #[command(flatten)]
        rest: Rest,
    },
    /// Set a string
    Put {
        /// Its name
        key: String,
        /// What it is to be
        value: String,
        #[command(flatten)]
        rest: Rest,
    },
    /// Remove a string
    Del {
        /// Its name
        key: String,
        #[command(flatten)]
        rest: Rest,
    },
    /// List strings: NAME=VALUE a line
    List {
        /// What their names begin with
        #[arg(default_value = "", value_name = "NAME")]
        beginning: String,
        #[command(flatten)]
        rest: Rest,
    },
    /// Print strings whenever they change, until stopped
    Watch {
        /// What their names begin with
        #[arg(default_value = "", value_name = "NAME")]
        beginning: String,
        #[command(flatten)]
        rest: Rest,
    },
}

#[derive(Debug, clap::Args)]
struct Rest {
    /// The string that this host has under the name, not the one for all
    #[arg(long, value_name = "NAME")]
    host: Option<HostName>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: MeshReach,
}

impl Rest {
    fn slot(&self, key: &str) -> Slot {
        let key = key.into();
        match self.host.clone() {
            Some(host) => Slot::OfHost { key, host },
            None => Slot::Shared { key },
        }
    }
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async {
        match run(&args.what).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(code) => code,
        }
    })
}

async fn run(what: &What) -> Result<(), ExitCode> {
    let (What::Get { rest, .. }
    | What::Put { rest, .. }
    | What::Del { rest, .. }
    | What::List { rest, .. }
    | What::Watch { rest, .. }) = what;
    let client = rest.reach.client().await?;
    let strings = client.strings();
    let by = rest.reach.deadline();
    match what {
        What::Get { key, .. } => {
            let slot = rest.slot(key);
            let found = strings.get(&slot, by).await.map_err(|error| complain(&error))?.value;
            let Some(text) = found else {
                return Err(complain(&WorldError::Missing { what: format!("string {slot}") }));
            };
            match rest.json {
                true => output::print_json(&serde_json::json!({ "key": key, "value": &*text })),
                false => output::say(&text),
            }
        }
        What::Put { key, value, .. } => set(&*strings, &rest.slot(key), Some(value), rest).await?,
        What::Del { key, .. } => set(&*strings, &rest.slot(key), None, rest).await?,
        What::List { beginning, .. } => {
            let all = strings.list(beginning, by).await.map_err(|error| complain(&error))?;
            match rest.json {
                true => output::print_json(&all.into_iter().collect::<BTreeMap<_, _>>()),
                false => all.iter().for_each(|(key, text)| output::say(&format!("{key}={text}"))),
            }
        }
        What::Watch { beginning, .. } => watch(&*strings, beginning, rest).await,
    }
    Ok(())
}

/// Sets a string; another writer may come in between, and then the last one counts.
async fn set(strings: &dyn Strings, slot: &Slot, to: Option<&str>, rest: &Rest) -> Result<(), ExitCode> {
    let by = rest.reach.deadline();
    loop {
        let now = strings.get(slot, by).await.map_err(|error| complain(&error))?.value;
        if now.as_deref() == to {
            return Ok(());
        }
        if strings.replace(slot, now.as_deref(), to, by).await.map_err(|error| complain(&error))? {
            return Ok(());
        }
    }
}

async fn watch(strings: &dyn Strings, beginning: &str, rest: &Rest) {
    let mut follow = strings.follow_all(beginning);
    let mut before: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    while let Some(seen) = follow.changed().await {
        let keys = before.keys().chain(seen.value.keys()).collect::<std::collections::BTreeSet<_>>();
        for key in keys {
            let (was, is) = (before.get(key), seen.value.get(key));
            if was == is {
                continue;
            }
            match (rest.json, is) {
                (true, is) => {
                    output::say_json(&serde_json::json!({ "key": &**key, "value": is.map(|is| &**is) }))
                }
                (false, Some(is)) => output::say(&format!("{key}={is}")),
                (false, None) => output::say(&format!("{key} is gone")),
            }
        }
        before = (*seen.value).clone();
    }
}

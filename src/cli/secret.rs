//! `mgmt secret`: secrets that only the hosts can read that they are for.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::mesh_reach::{MeshReach, complain};
use super::{output, reach};
use crate::cluster::identity::{HostPattern, IdentityError, MOST_SECRET, RecipientKey};
use crate::cluster::shell_word;
use crate::cluster::world::secret_desk::{Recipients, SecretCard, why_no_name};
use crate::engine::Class;
use crate::engine::world::{HostName, WorldError};

/// Secrets: encrypted for each host that is to have them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A graph file uses one as `content: {secret: NAME}`. Putting and removing need an administrator's keys.

Examples:
  mgmt secret put db-password --to 'web-*' password.txt    from a file
  pass show db | mgmt secret put db-password --to 'web-*'  from a pipe
  mgmt secret list                                         who has which, and who has none yet
  mgmt secret renew                                        for hosts that have joined since")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Put a secret: text of at most 64 KiB, to the byte as it is read
    ///
    /// It is encrypted for every host of the mesh whose name matches now. Who joins later has none until it is renewed or put again.
    Put {
        /// Its name
        #[arg(value_parser = name)]
        name: String,
        /// For which hosts; `*` and `?` stand for anything
        #[arg(long, value_name = "PATTERN")]
        to: HostPattern,
        /// Where it is read from [default: standard input]
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: Option<PathBuf>,
        #[command(flatten)]
        reach: MeshReach,
    },
    /// List secrets by name: never what they are
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reach: MeshReach,
    },
    /// Encrypt secrets for the hosts that have joined since they were put
    ///
    /// Who has put a secret last can do it: it was encrypted for a key of theirs, too, which lies beside their other keys.
    Renew {
        /// Which [default: all that some host has none of]
        #[arg(value_parser = name, value_name = "NAME")]
        names: Vec<String>,
        /// Also for the hosts that have it: their keys may be others now
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        reach: MeshReach,
    },
    /// Remove a secret from all hosts
    Rm {
        /// Its name
        #[arg(value_parser = name)]
        name: String,
        #[command(flatten)]
        reach: MeshReach,
    },
}

fn name(text: &str) -> Result<String, String> {
    why_no_name(text).map_or_else(|| Ok(text.to_owned()), |why| Err(why.to_owned()))
}

/// Runs the command.
pub(super) fn main(args: &Args) -> ExitCode {
    reach::wait(async {
        let done = match &args.what {
            What::Put { name, to, file, reach } => put(name, to, file.as_ref(), reach).await,
            What::Renew { names, all, reach } => renew(names, *all, reach).await,
            What::List { json, reach } => list(*json, reach).await,
            What::Rm { name, reach } => remove(name, reach).await,
        };
        done.err().unwrap_or(ExitCode::SUCCESS)
    })
}

async fn put(
    name: &str,
    to: &HostPattern,
    file: Option<&PathBuf>,
    reach: &MeshReach,
) -> Result<(), ExitCode> {
    let value = read(file)?;
    let client = reach.client().await?;
    let reader = reader(reach).unwrap_or_else(|error| {
        output::warn(&format!("warning: there is no key to renew it with later: {error}\n"));
        None
    });
    let put = client.put_secret(name, to, &value, reader.as_ref(), reach.deadline()).await;
    let recipients = put.map_err(|error| complain(&error))?;
    output::say(&format!("{name} is encrypted for {}", HostName::list(&recipients.hosts)));
    reach.note(&client, &format!("put the secret {name:?} for hosts called {to}")).await;
    warn_of_others(&recipients);
    Ok(())
}

/// The key with which the administrator who works here reads again what they put: made when it is first needed. `None`: none
/// works here.
fn reader(reach: &MeshReach) -> Result<Option<RecipientKey>, IdentityError> {
    let folder = reach.keys()?;
    if folder.load_admin()?.is_none() {
        return Ok(None);
    }
    if let Some(key) = folder.load_admin_recipient()? {
        return Ok(Some(key));
    }
    let key = RecipientKey::generate()?;
    folder.store_admin_recipient(&key)?;
    Ok(Some(key))
}

/// Hosts that it is for, and that cannot read it.
fn warn_of_others(recipients: &Recipients) {
    for host in &recipients.without_key {
        output::warn(&format!("warning: {host} cannot read it: {NO_KEY}\n"));
    }
    for (host, why) in &recipients.unbelieved {
        output::warn(&output::clean(&format!("warning: {host} cannot read it: {why}\n")));
    }
}

async fn renew(names: &[String], all: bool, reach: &MeshReach) -> Result<(), ExitCode> {
    let folder = reach.keys().map_err(|error| unread(&error))?;
    let Some(key) = folder.load_admin_recipient().map_err(|error| unread(&error))? else {
        return Err(output::failed(
            &format!("there is no key to read secrets again in {}", folder.path().display()),
            [],
            Some(
                "who has put them last can renew them: name the folder of their keys, --keys DIR; or put them again",
            ),
            Class::User,
        ));
    };
    let client = reach.client().await?;
    let mut names = names.to_vec();
    if names.is_empty() {
        let cards = client.list_secrets(reach.deadline()).await.map_err(|error| complain(&error))?;
        for card in cards.into_iter().filter(|card| all || !card.missing.is_empty()) {
            match card.renewable {
                true => names.push(card.name),
                false => output::warn(&format!(
                    "warning: {} was put by somebody else: they can renew it, or it is put again\n",
                    card.name
                )),
            }
        }
    }
    for name in &names {
        let renewed = client.renew_secret(name, &key, all, reach.deadline()).await;
        let renewed = renewed.map_err(|error| complain(&error))?;
        if renewed.hosts.is_empty() {
            output::say(&format!("{name}: every host that it is for, and that can read it, has it"));
        } else {
            let hosts = HostName::list(&renewed.hosts);
            output::say(&format!("{name} is encrypted for {hosts}"));
            reach.note(&client, &format!("renewed the secret {name:?} for {hosts}")).await;
        }
        warn_of_others(&renewed);
    }
    if names.is_empty() {
        output::say("there is nothing to renew");
    }
    Ok(())
}

fn unread(error: &IdentityError) -> ExitCode {
    output::failed(&error.to_string(), [], error.hint().as_deref(), Class::User)
}

/// Why a host is left out, and what to do.
const NO_KEY: &str =
    "it joined with a version that made no key for secrets; to get one it leaves the mesh and joins anew";

/// The secret, from a file or standard input.
fn read(file: Option<&PathBuf>) -> Result<Zeroizing<Vec<u8>>, ExitCode> {
    let failed = |what: &str, hint: &str| output::failed(what, [], Some(hint), Class::User);
    let mut from: Box<dyn Read> = match file {
        Some(path) => {
            let opened = File::open(path);
            let refused = |error| {
                output::failed(
                    &format!("cannot read {}", path.display()),
                    [format!("{error}")],
                    None,
                    Class::User,
                )
            };
            Box::new(opened.map_err(refused)?)
        }
        None if io::stdin().is_terminal() => {
            return Err(failed("a secret is not typed in", "name a file, or pipe it to this command"));
        }
        None => Box::new(io::stdin().lock()),
    };
    // As large as it may get, so that no part of it is left behind in memory when it grows.
    let mut value = Zeroizing::new(vec![0; MOST_SECRET + 1]);
    let mut filled = 0;
    loop {
        match from.read(&mut value[filled..]) {
            Ok(0) => break,
            Ok(some) => filled += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(output::failed("cannot read the secret", [error.to_string()], None, Class::User));
            }
        }
    }
    value.truncate(filled);
    match () {
        () if filled > MOST_SECRET => Err(failed(
            &format!("a secret has at most {MOST_SECRET} bytes, and this one has more"),
            "encrypt what is larger with a key of its own, and put that key",
        )),
        () if filled == 0 => Err(failed("the secret is empty", "`mgmt secret rm` removes one")),
        () if std::str::from_utf8(&value).is_err() => {
            Err(failed("the secret is no text in UTF-8", "encode it, as with base64"))
        }
        () => Ok(value),
    }
}

async fn list(json: bool, reach: &MeshReach) -> Result<(), ExitCode> {
    let client = reach.client().await?;
    let cards = client.list_secrets(reach.deadline()).await.map_err(|error| complain(&error))?;
    if json {
        let row = |card: &SecretCard| {
            serde_json::json!({
                "name": card.name, "to": card.to.as_str(), "hosts": card.hosts, "missing": card.missing,
                "without_key": card.without_key, "renewable": card.renewable,
            })
        };
        output::print_json(&cards.iter().map(row).collect::<Vec<_>>());
        return Ok(());
    }
    for card in &cards {
        let (name, to) = (&card.name, &card.to);
        output::say(&format!("{name} to '{to}': {}", HostName::list(&card.hosts)));
        if !card.missing.is_empty() {
            output::say(&format!("  {} has none, or an old one:", HostName::list(&card.missing)));
            match card.renewable {
                true => output::say(&format!("  mgmt secret renew {}", shell_word(name))),
                false => output::say(&format!("  mgmt secret put {} --to '{to}' FILE", shell_word(name))),
            }
        }
        for host in &card.without_key {
            output::say(&format!("  {host} cannot read it: {NO_KEY}"));
        }
    }
    Ok(())
}

async fn remove(name: &str, reach: &MeshReach) -> Result<(), ExitCode> {
    let client = reach.client().await?;
    let removed = client.remove_secret(name, reach.deadline()).await;
    match removed.map_err(|error| complain(&error))? {
        true => {
            reach.note(&client, &format!("removed the secret {name:?}")).await;
            Ok(())
        }
        false => Err(complain(&WorldError::Missing { what: format!("secret {name:?}") })),
    }
}

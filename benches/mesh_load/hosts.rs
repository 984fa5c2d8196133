//! Hosts: clients of the mesh's store as an agent has one, without the agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mgmt::cluster::link::{Endpoint, Link, LinkSettings};
use mgmt::cluster::world::{Client, ClientSettings};
use mgmt::engine::id::Label;
use mgmt::engine::value::Value;
use mgmt::engine::world::{Audience, Deadline, Export, ExportId};
use tokio::task::JoinSet;

use crate::Failure;

/// Longer than anything that is measured.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The kind of all exports.
pub const KIND: &str = "file";
/// Connections being opened at the same time.
const OPENING: usize = 64;

/// Many hosts, each connected.
pub async fn open(endpoint: &str, name: &str, count: usize) -> Result<Vec<Arc<Client>>, Failure> {
    let mut opening = JoinSet::new();
    let mut opened = Vec::with_capacity(count);
    for number in 0..count {
        if opening.len() >= OPENING {
            opened.push(opening.join_next().await.ok_or("nothing is being opened")???);
        }
        let (endpoint, name) = (endpoint.to_owned(), format!("{name}{number:05}"));
        opening.spawn(async move { connected(&endpoint, &name).await });
    }
    while let Some(ended) = opening.join_next().await {
        opened.push(ended??);
    }
    Ok(opened)
}

async fn connected(endpoint: &str, name: &str) -> Result<Arc<Client>, Failure> {
    let link = Link::start(LinkSettings::default());
    // The figures are of the mesh without TLS.
    link.set_endpoints(vec![endpoint.parse::<Endpoint>()?.without_tls()]);
    let settings = ClientSettings { host: name.parse()?, zone: String::new(), folder: None };
    let client = Client::start(settings, link)?;
    client.link().line("connect", Deadline::after(PATIENCE)).await?;
    Ok(client)
}

/// One of a host's exports, for all: a file of so many bytes.
pub fn export(host: &str, number: usize, round: usize, bytes: usize) -> Export {
    let id = ExportId { to: Audience::All, label: Label::new(KIND, format!("/srv/{host}/{number}")) };
    let content = format!("{round:0bytes$}");
    let params = BTreeMap::from([(Arc::from("content"), Value::str(content))]);
    Export { id, params, meta: BTreeMap::new(), ttl: None }
}

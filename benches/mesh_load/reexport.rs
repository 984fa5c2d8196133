//! All hosts of a mesh export anew at the same moment, and one collects it all.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use mgmt::cluster::world::Client;
use mgmt::engine::value::Value as Parameter;
use mgmt::engine::world::{CollectedId, Collection, Deadline, Exports as _, Follow};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failure;
use crate::exports::{Exports, holds};
use crate::hosts::{KIND, Mesh, PATIENCE};
use crate::load::process::CpuTime;

#[derive(clap::Args)]
pub struct Reexport {
    #[command(flatten)]
    exports: Exports,
}

impl Reexport {
    /// A first round in which everything is new, and a second one in which everything has changed.
    pub async fn run(self, mesh: &Mesh, pids: &[u32]) -> Result<Value, Failure> {
        let clients = mesh.open("host", self.exports.hosts).await?;
        let collector = mesh.open("collector", 1).await?.pop().ok_or("no collector")?;
        let mut collection = collector.collect(KIND);
        collection.first(Deadline::after(PATIENCE)).await?;
        let first = self.round(&clients, &mut collection, 1, pids).await?;
        let again = self.round(&clients, &mut collection, 2, pids).await?;
        Ok(json!({ "exports": self.exports.count(), "first": first, "again": again }))
    }

    async fn round(
        &self,
        clients: &[Arc<Client>],
        collection: &mut Follow<Collection>,
        round: usize,
        pids: &[u32],
    ) -> Result<Value, Failure> {
        let (start, cpu) = (Instant::now(), CpuTime::start(pids));
        let mut exporting = JoinSet::new();
        for client in clients {
            let client = client.clone();
            // All at once, as a graph of an agent does: the writer makes batches of them.
            let exports: Vec<_> =
                (0..self.exports.each).map(|number| self.exports.of(client.name(), number, round)).collect();
            exporting.spawn(async move {
                let by = Deadline::after(PATIENCE);
                let written =
                    futures_util::future::join_all(exports.iter().map(|export| client.export(export, by)));
                written.await.into_iter().collect::<Result<Vec<_>, _>>()
            });
        }
        let stored = async {
            while let Some(ended) = exporting.join_next().await {
                ended??;
            }
            Ok::<f64, Failure>(start.elapsed().as_secs_f64())
        };
        let visible = async {
            let content = self.exports.content(round);
            let mut from = None;
            loop {
                let seen = collection.changed().await.ok_or("the collector has ended")?;
                if seen.value.len() < self.exports.count() {
                    continue;
                }
                from = first_other(&seen.value, from, &content);
                if from.is_none() {
                    return Ok::<f64, Failure>(start.elapsed().as_secs_f64());
                }
            }
        };
        let (stored_s, visible_s) = futures_util::future::try_join(stored, visible).await?;
        let (server_s, own_s) = cpu.spent();
        Ok(
            json!({ "stored_s": stored_s, "visible_s": visible_s, "server_cpu_s": server_s, "client_cpu_s": own_s }),
        )
    }
}

/// The first export that holds something else, of those from one on: what was right stays right for a round.
fn first_other(
    collection: &Collection,
    from: Option<CollectedId>,
    content: &Parameter,
) -> Option<CollectedId> {
    let start = from.map_or(Bound::Unbounded, Bound::Included);
    let mut rest = collection.range((start, Bound::Unbounded));
    rest.find(|(_, collected)| !holds(collected, content)).map(|(id, _)| id.clone())
}

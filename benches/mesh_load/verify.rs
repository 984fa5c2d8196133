//! A host that begins cold, and collects what thousands of others have exported.

use std::time::Instant;

use bytes::Bytes;
use mgmt::cluster::world::export_encoding::encode;
use mgmt::cluster::world::{export_seal, keys};
use mgmt::engine::value::Value as Parameter;
use mgmt::engine::world::{Collection, Exports as _, Follow, HostName};
use serde_json::{Value, json};

use crate::Failure;
use crate::exports::{self, Exports};
use crate::founder::{self, Identity};
use crate::hosts::{KIND, Mesh, PATIENCE};
use crate::load::process::CpuTime;

/// Written at once.
const AT_ONCE: usize = 100;

#[derive(clap::Args)]
pub struct Verify {
    #[command(flatten)]
    exports: Exports,
    /// How often a host begins
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many exports change afterwards, one after another
    #[arg(long, default_value_t = 20)]
    changes: usize,
}

impl Verify {
    /// This process has one thread, so what it takes is the time of one core.
    pub async fn run(self, mesh: &Mesh) -> Result<Value, Failure> {
        let names = (0..self.exports.hosts).map(|number| format!("host{number:05}").parse());
        let names = names.collect::<Result<Vec<HostName>, _>>()?;
        let identities = mesh.identities(&names).await?;
        let writer = mesh.administrator().await?;
        let mut writes = Vec::with_capacity(self.exports.count());
        for (name, identity) in names.iter().zip(&identities) {
            for number in 0..self.exports.each {
                writes.push(self.written(name, identity.as_ref(), number, 1)?);
            }
        }
        for some in writes.chunks(AT_ONCE) {
            founder::put(writer.link(), some.iter().cloned()).await?;
        }
        let mut rounds = Vec::with_capacity(self.rounds);
        for round in 0..self.rounds {
            let collector = mesh.open(&format!("collector{round}-"), 1).await?.pop().ok_or("no collector")?;
            let (start, cpu) = (Instant::now(), CpuTime::start(&[]));
            let mut collection = collector.collect(KIND);
            until(&mut collection, |seen| seen.len() == writes.len()).await?;
            let (cold_s, cold_cpu_s) = (start.elapsed().as_secs_f64(), cpu.spent().1);
            let verified = collector.verified_exports();
            let cpu = CpuTime::start(&[]);
            let mut change_ms = Vec::with_capacity(self.changes);
            for change in 0..self.changes {
                // Of another host each time.
                let host = change * self.exports.hosts / self.changes.max(1);
                let version = round * self.changes + change + 2;
                let write = self.written(&names[host], identities[host].as_ref(), 0, version)?;
                let content = self.exports.content(version);
                let start = Instant::now();
                founder::put(writer.link(), [write].into_iter()).await?;
                until(&mut collection, |seen| holds(seen, &names[host], &content)).await?;
                change_ms.push(start.elapsed().as_secs_f64() * 1e3);
            }
            rounds.push(json!({
                "cold_s": cold_s,
                "cold_cpu_s": cold_cpu_s,
                "verified": verified,
                "verified_again": collector.verified_exports() - verified,
                "dropped": collector.dropped_exports(),
                "change_ms": change_ms,
                "change_cpu_ms": cpu.spent().1 * 1e3 / self.changes.max(1) as f64,
            }));
        }
        Ok(json!({ "exports": writes.len(), "rounds": rounds }))
    }

    /// An export as its host would write it: key and value.
    fn written(
        &self,
        host: &HostName,
        identity: Option<&Identity>,
        number: usize,
        version: usize,
    ) -> Result<(String, Bytes), Failure> {
        let export = self.exports.of(host, number, version);
        let (key, value) = (keys::export(host, &export.id), encode(&export));
        let grounds = identity.and_then(|identity| identity.trust.now());
        let value = grounds.map_or(Ok(value.clone()), |it| export_seal::seal(&it, key.as_bytes(), &value))?;
        Ok((key, value))
    }
}

async fn until(
    collection: &mut Follow<Collection>,
    is_so: impl Fn(&Collection) -> bool,
) -> Result<(), Failure> {
    while !collection.now().is_some_and(|seen| is_so(&seen.value)) {
        tokio::time::timeout(PATIENCE, collection.changed()).await?.ok_or("the collector has ended")?;
    }
    Ok(())
}

/// Whether the first export of a host is there with this content.
fn holds(collection: &Collection, host: &HostName, content: &Parameter) -> bool {
    let name = exports::name(host, 0);
    let mut of_it = collection.iter().filter(|(id, _)| id.from == *host && *id.name == *name);
    of_it.any(|(_, collected)| exports::holds(collected, content))
}

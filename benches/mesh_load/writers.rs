//! Connections that write as a host's writer does, each after the answer to the last: how much arrives, and that what was
//! acknowledged stays.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mgmt::cluster::etcd::pb::etcdserverpb::{RangeResponse, TxnResponse};
use mgmt::cluster::link::Backoff;
use mgmt::cluster::world::batch::{self, Outcome};
use mgmt::cluster::world::keys;
use mgmt::cluster::world::outbox::Write;
use mgmt::engine::world::HostName;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use crate::Failure;
use crate::hosts::Mesh;
use crate::load::connection::{Connection, RemoteMethod, framed};
use crate::load::measured::Window;
use crate::load::requests::{self, RANGE, TXN};
use crate::load::tls::Tls;

#[derive(clap::Args)]
pub struct Writers {
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Seconds that count
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that do not
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Bytes of a value
    #[arg(long, default_value_t = 300)]
    value_size: usize,
    /// What the names of all texts begin with: each run has its own
    #[arg(long, default_value = "writers-")]
    prefix: String,
}

/// A host: its key, and the key of the number of its batches.
struct Writer {
    txn: RemoteMethod,
    range: RemoteMethod,
    key: Bytes,
    seq_key: String,
    /// How many batches were acknowledged.
    seq: u64,
    value_size: usize,
}

impl Writers {
    /// Writes to the end of the window, then reads everything back.
    pub async fn run(self, mesh: &Mesh, pids: &[u32]) -> Result<Value, Failure> {
        let names = (0..self.connections).map(|number| format!("host{number:06}").parse());
        let names = names.collect::<Result<Vec<HostName>, _>>()?;
        let mut writers = Vec::with_capacity(self.connections);
        for (name, tls) in names.iter().zip(mesh.tls(&names).await?) {
            writers.push(self.writer(&mesh.endpoint, name, &tls).await?);
        }
        let window =
            Window::new(Duration::from_secs_f64(self.warm_up), Duration::from_secs_f64(self.seconds));
        let refused = Rc::new(Cell::new(0_u64));
        let (local, mut running) = (LocalSet::new(), JoinSet::new());
        for writer in writers {
            let (window, refused) = (Rc::clone(&window), Rc::clone(&refused));
            running.spawn_local_on(async move { writer.run(&window, &refused).await }, &local);
        }
        let mut report = local.run_until(window.report(pids)).await;
        local.await;
        let (mut acknowledged, mut lost) = (0, 0);
        while let Some(ended) = running.join_next().await {
            let writer = ended??;
            acknowledged += writer.seq;
            lost += u64::from(!writer.is_kept().await?);
        }
        report["connections"] = json!(self.connections);
        report["refused"] = json!(refused.get());
        report["acknowledged"] = json!(acknowledged);
        report["hosts_with_losses"] = json!(lost);
        Ok(report)
    }

    async fn writer(&self, endpoint: &str, host: &HostName, tls: &Tls) -> Result<Writer, Failure> {
        let connection = Connection::open(endpoint, tls).await?;
        // Texts of hosts: what a host may write, and nobody follows.
        let key = |name: &str| format!("{}{}{name}/{host}", keys::HOST_STRINGS, self.prefix);
        Ok(Writer {
            txn: connection.method(TXN),
            range: connection.method(RANGE),
            key: Bytes::from(key("value")),
            seq_key: key("seq"),
            seq: 0,
            value_size: self.value_size,
        })
    }
}

impl Writer {
    async fn run(mut self, window: &Window, refused: &Cell<u64>) -> Result<Self, Failure> {
        let mut backoff = Backoff::default();
        loop {
            let started = Instant::now();
            let write = Write { key: self.key.clone(), value: Some(self.value(self.seq + 1)), leased: false };
            let request = framed(&batch::txn(&self.seq_key, self.seq, &[write], 0));
            match self.txn.call(request).await {
                Ok(answer) => match batch::outcome(TxnResponse::decode(answer)?) {
                    Outcome::Made(_) => self.seq += 1,
                    // The answer to an earlier attempt was lost.
                    Outcome::Elsewhere(now) if now == self.seq + 1 => self.seq = now,
                    Outcome::Elsewhere(now) => {
                        return Err(
                            format!("{} batches were acknowledged, and {now} are known", self.seq).into()
                        );
                    }
                },
                Err(error) if error.to_string().contains("too many requests") => {
                    refused.set(refused.get() + 1);
                    tokio::time::sleep(backoff.next(fastrand::u64(..), None)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            backoff = Backoff::default();
            if !window.record(started) {
                return Ok(self);
            }
        }
    }

    fn value(&self, number: u64) -> Bytes {
        Bytes::from(format!("{number:0width$}", width = self.value_size))
    }

    /// Whether the last batch that was acknowledged is what the store holds.
    async fn is_kept(&self) -> Result<bool, Failure> {
        let reply = self.range.call(requests::get(self.key.clone())).await?;
        let found = RangeResponse::decode(reply)?.kvs.into_iter().next().map(|kv| kv.value);
        Ok(found.unwrap_or_default() == if self.seq == 0 { Bytes::new() } else { self.value(self.seq) })
    }
}

//! Many keys, as fast as the server takes them: transactions of many puts.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::Failure;
use crate::load::connection::Connection;
use crate::load::process::CpuTime;
use crate::load::requests::{self, TXN};
use crate::load::{keys, keys::key};

/// etcd's default for `--max-txn-ops` is 128, for `--max-request-bytes` 1.5 MiB.
const MOST_PUTS: u32 = 100;
const MOST_BYTES: usize = 1 << 20;

#[derive(clap::Args)]
pub struct Fill {
    /// Keys 0 to this
    #[arg(long)]
    count: u32,
    #[arg(long, default_value_t = 256)]
    value_size: usize,
    /// What all keys begin with
    #[arg(long, default_value = "/load/")]
    prefix: String,
    /// Transactions under way at once
    #[arg(long, default_value_t = 16)]
    clients: u32,
}

impl Fill {
    /// Writes each key once.
    pub async fn run(self, connections: &[Connection], pids: &[u32]) -> Result<Value, Failure> {
        let (start, cpu) = (Instant::now(), CpuTime::start(pids));
        let value = keys::value(self.value_size);
        let puts = MOST_PUTS.min((MOST_BYTES / self.value_size.max(1)).max(1) as u32);
        let mut running = JoinSet::new();
        for client in 0..self.clients {
            let method = connections[client as usize % connections.len()].method(TXN);
            let (value, prefix) = (value.clone(), self.prefix.clone());
            let (step, count) = (self.clients * puts, self.count);
            running.spawn(async move {
                for first in (client * puts..count).step_by(step as usize) {
                    let numbers = first..(first + puts).min(count);
                    method
                        .call(requests::put_many(numbers.map(|number| key(&prefix, number)), &value))
                        .await?;
                }
                Ok::<(), Failure>(())
            });
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(json!({
            "keys": self.count,
            "seconds": seconds,
            "per_second": f64::from(self.count) / seconds,
            "server_cpu_s": cpu.spent().0,
        }))
    }
}

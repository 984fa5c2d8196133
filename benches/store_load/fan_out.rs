//! Watch streams: how long one change takes to reach all of them, and what it costs to keep them.

use std::io::Read as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mgmt::cluster::etcd::pb::etcdserverpb::WatchResponse;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::load::Failure;
use crate::load::connection::{Connection, Stream};
use crate::load::process::CpuTime;
use crate::load::requests::{self, PUT, WATCH};

/// The key that all watch.
const KEY: Bytes = Bytes::from_static(b"/load/watched");
/// Streams being opened at the same time: the rest of the server's work is then small beside it.
const OPENING: usize = 64;

#[derive(clap::Args)]
pub struct FanOut {
    #[arg(long, default_value_t = 10_000)]
    watchers: usize,
    /// Changes that are measured, after one that is not
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Bytes of a value
    #[arg(long, default_value_t = 16)]
    value_size: usize,
}

#[derive(clap::Args)]
pub struct HoldWatches {
    #[arg(long, default_value_t = 10_000)]
    watchers: usize,
}

impl FanOut {
    /// Changes the key, waits for the last watcher, and again.
    pub async fn run(self, connections: &[Connection], pids: &[u32]) -> Result<Value, Failure> {
        let (told, mut tellings) = mpsc::unbounded_channel();
        for mut stream in open(connections, self.watchers).await? {
            let told = told.clone();
            tokio::spawn(async move {
                while let Ok(response) = stream.next::<WatchResponse>().await {
                    if response.events.len() == 1 && told.send(Instant::now()).is_err() {
                        return;
                    }
                }
            });
        }
        let put = connections[0].method(PUT);
        let mut last_ms = Vec::new();
        let mut first_ms = Vec::new();
        let mut cpu = CpuTime::start(pids);
        for round in 0..=self.rounds {
            if round == 1 {
                cpu = CpuTime::start(pids);
            }
            let value = Bytes::from(format!("{round:0width$}", width = self.value_size));
            let start = Instant::now();
            put.call(requests::put(KEY, &value)).await?;
            let mut times = Vec::with_capacity(self.watchers);
            for _ in 0..self.watchers {
                let told = tokio::time::timeout(Duration::from_secs(60), tellings.recv());
                times.push(told.await?.ok_or("all watch streams ended")? - start);
            }
            if round > 0 {
                last_ms.push(times.iter().max().map_or(0.0, |time| time.as_secs_f64() * 1e3));
                first_ms.push(times.iter().min().map_or(0.0, |time| time.as_secs_f64() * 1e3));
            }
        }
        let (server_s, own_s) = cpu.spent();
        let rounds = self.rounds.max(1) as f64;
        Ok(json!({
            "watchers": self.watchers,
            "last_ms": last_ms,
            "last_ms_median": median(&mut last_ms.clone()),
            "first_ms_median": median(&mut first_ms),
            "server_cpu_ms_per_change": server_s * 1e3 / rounds,
            "client_cpu_ms_per_change": own_s * 1e3 / rounds,
        }))
    }
}

impl HoldWatches {
    /// Says when all are open, and waits for the end of standard input.
    pub async fn run(self, connections: &[Connection]) -> Result<Value, Failure> {
        let streams = open(connections, self.watchers).await?;
        println!("ready");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(json!({ "watchers": streams.len() }))
    }
}

/// Opens streams with one watch each, and waits until the server has told of each that it watches.
async fn open(connections: &[Connection], count: usize) -> Result<Vec<Stream>, Failure> {
    let mut opening = JoinSet::new();
    let mut opened = Vec::with_capacity(count);
    for number in 0..count {
        if opening.len() >= OPENING {
            opened.push(opening.join_next().await.ok_or("nothing is being opened")???);
        }
        let method = connections[number % connections.len()].method(WATCH);
        opening.spawn(async move {
            let mut stream = method.stream(requests::watch(KEY)).await?;
            let first: WatchResponse = stream.next().await?;
            if first.created {
                Ok::<Stream, Failure>(stream)
            } else {
                Err("the watch was not created".into())
            }
        });
    }
    while let Some(ended) = opening.join_next().await {
        opened.push(ended??);
    }
    Ok(opened)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

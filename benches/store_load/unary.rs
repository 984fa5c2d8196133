//! Clients that each wait for a reply before they ask again.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::task::{JoinSet, LocalSet};

use crate::load::Failure;
use crate::load::connection::{Connection, RemoteMethod};
use crate::load::keys;
use crate::load::measured::Window;
use crate::load::requests::{self, PUT, RANGE};

/// How many ask, and for how long.
#[derive(clap::Args)]
struct Clients {
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Seconds that count
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that do not
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// What all keys begin with
    #[arg(long, default_value = "/load/")]
    prefix: String,
    /// Keys are random ones of this many
    #[arg(long, default_value_t = 1_000_000)]
    keys: u32,
}

#[derive(clap::Args)]
pub struct Puts {
    #[command(flatten)]
    clients: Clients,
    /// Bytes of a value
    #[arg(long, default_value_t = 256)]
    value_size: usize,
}

#[derive(clap::Args)]
pub struct Gets {
    #[command(flatten)]
    clients: Clients,
}

impl Puts {
    /// Runs all clients to the end of the window.
    pub async fn run(self, connections: &[Connection], pids: &[u32]) -> Result<Value, Failure> {
        let value = keys::value(self.value_size);
        self.clients.run(connections, pids, PUT, move |key| requests::put(key, &value)).await
    }
}

impl Gets {
    /// Runs all clients to the end of the window.
    pub async fn run(self, connections: &[Connection], pids: &[u32]) -> Result<Value, Failure> {
        self.clients.run(connections, pids, RANGE, requests::get).await
    }
}

impl Clients {
    async fn run(
        self,
        connections: &[Connection],
        pids: &[u32],
        path: &str,
        request: impl Fn(Bytes) -> Bytes + 'static,
    ) -> Result<Value, Failure> {
        let window =
            Window::new(Duration::from_secs_f64(self.warm_up), Duration::from_secs_f64(self.seconds));
        let request = Rc::new(request);
        let local = LocalSet::new();
        let mut running = JoinSet::new();
        for number in 0..self.clients {
            let client = Client {
                method: connections[number % connections.len()].method(path),
                random: fastrand::Rng::with_seed(number as u64),
                prefix: self.prefix.clone(),
                keys: self.keys,
            };
            let (window, request) = (Rc::clone(&window), Rc::clone(&request));
            running.spawn_local_on(async move { client.run(&window, &*request).await }, &local);
        }
        let report = local.run_until(window.report(pids)).await;
        local.await;
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok(report)
    }
}

struct Client {
    method: RemoteMethod,
    random: fastrand::Rng,
    prefix: String,
    keys: u32,
}

impl Client {
    async fn run(mut self, window: &Window, request: &dyn Fn(Bytes) -> Bytes) -> Result<(), Failure> {
        loop {
            let key = keys::key(&self.prefix, self.random.u32(..self.keys));
            let started = Instant::now();
            self.method.call(request(key)).await?;
            if !window.record(started) {
                return Ok(());
            }
        }
    }
}

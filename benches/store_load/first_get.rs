//! From now to the first linearizable get that is answered: a server may still be starting.

use std::time::{Duration, Instant};

use mgmt::cluster::etcd::pb::etcdserverpb::RangeResponse;
use prost::Message as _;
use serde_json::{Value, json};

use crate::load::Failure;
use crate::load::connection::Connection;
use crate::load::keys::key;
use crate::load::requests::{self, RANGE};
use crate::load::tls::Tls;

/// Between two tries: small beside what is measured.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(clap::Args)]
pub struct FirstGet {
    /// What all keys begin with
    #[arg(long, default_value = "/load/")]
    prefix: String,
    /// The number of the key that is asked for
    #[arg(long, default_value_t = 0)]
    number: u32,
    /// Seconds after which it gives up
    #[arg(long, default_value_t = 300.0)]
    within: f64,
    /// Seconds that one try may take
    #[arg(long, default_value_t = 10.0)]
    patience: f64,
}

impl FirstGet {
    /// Tries until there is an answer.
    pub async fn run(&self, endpoints: &[String], tls: &Tls) -> Result<Value, Failure> {
        let start = Instant::now();
        loop {
            let last = match tokio::time::timeout(
                Duration::from_secs_f64(self.patience),
                self.ask(&endpoints[0], tls),
            )
            .await
            {
                Ok(Ok(found)) => {
                    return Ok(json!({ "ms": start.elapsed().as_secs_f64() * 1e3, "found": found }));
                }
                Ok(Err(error)) => error,
                Err(elapsed) => elapsed.into(),
            };
            if start.elapsed().as_secs_f64() > self.within {
                return Err(last);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, endpoint: &str, tls: &Tls) -> Result<bool, Failure> {
        let method = Connection::open(endpoint, tls).await?.method(RANGE);
        let reply = method.call(requests::get(key(&self.prefix, self.number))).await?;
        Ok(RangeResponse::decode(reply)?.count == 1)
    }
}

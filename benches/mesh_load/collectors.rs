//! Hosts that do nothing but collect, as idle agents do.

use std::io::Read as _;

use mgmt::cluster::world::keys::{self, Fact};
use mgmt::cluster::world::view;
use mgmt::engine::world::{Deadline, Exports as _};
use serde_json::{Value, json};

use crate::Failure;
use crate::hosts::{KIND, Mesh, PATIENCE};

#[derive(clap::Args)]
pub struct Collectors {
    #[arg(long, default_value_t = 2000)]
    hosts: usize,
}

impl Collectors {
    /// Says when all collect, and waits for the end of standard input.
    pub async fn run(self, mesh: &Mesh) -> Result<Value, Failure> {
        let opened = mesh.open("collector", self.hosts).await?;
        let mut followed = Vec::with_capacity(opened.len());
        for client in &opened {
            // What an agent follows: what others export, its orders; and its lease says that it is there.
            let mut collection = client.collect(KIND);
            let mut duty =
                view::follow_one(client.watcher(), keys::fact(client.name(), Fact::Duty), |_| Some(()));
            collection.first(Deadline::after(PATIENCE)).await?;
            duty.first(Deadline::after(PATIENCE)).await?;
            client.session().lease("be there", Deadline::after(PATIENCE)).await?;
            followed.push((collection, duty));
        }
        println!("ready");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(json!({ "hosts": followed.len() }))
    }
}

//! Hosts whose connections all end at the same moment, as when a switch between them and their server is started anew.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

use mgmt::cluster::link::{LineId, Standing};
use mgmt::cluster::peer::PeerTls;
use mgmt::cluster::world::keys::{self, Fact};
use mgmt::cluster::world::{Client, view};
use mgmt::engine::world::{Collection, Deadline, Exports as _, Follow};
use rustix::net::{AddressFamily, Shutdown, getpeername, shutdown};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde_json::{Value, json};

use crate::Failure;
use crate::founder;
use crate::hosts::{KIND, Mesh, PATIENCE};
use crate::load::process::CpuTime;

#[derive(clap::Args)]
pub struct Reconnect {
    #[arg(long, default_value_t = 1000)]
    hosts: usize,
    /// How often their connections end, of each sort
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// An idle agent's part in the mesh.
struct Host {
    client: Arc<Client>,
    mark: Follow<Option<String>>,
    _followed: (Follow<Collection>, Follow<Option<()>>),
}

impl Reconnect {
    /// Once with what hosts remember of the server, and once as if each had never met it.
    pub async fn run(self, mesh: &Mesh, pids: &[u32]) -> Result<Value, Failure> {
        let writer = mesh.administrator().await?;
        let mut hosts = Vec::with_capacity(self.hosts);
        for client in mesh.open("host", self.hosts).await? {
            hosts.push(Host::settle(client).await?);
        }
        let (mut remembered, mut strange) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            remembered.push(self.round(&mut hosts, &writer, format!("remembered {round}"), pids).await?);
            hosts.iter().try_for_each(Host::forget)?;
            strange.push(self.round(&mut hosts, &writer, format!("strange {round}"), pids).await?);
        }
        Ok(json!({ "hosts": self.hosts, "remembered": remembered, "strange": strange }))
    }

    /// Ends all connections, that of who writes too, and changes a key that all follow: over a connection that is new, they
    /// are told of it.
    async fn round(
        &self,
        hosts: &mut [Host],
        writer: &Client,
        mark: String,
        pids: &[u32],
    ) -> Result<Value, Failure> {
        let before: Vec<Option<LineId>> = hosts.iter().map(Host::line).collect();
        let (start, cpu) = (Instant::now(), CpuTime::start(pids));
        let ended = end_connections()?;
        founder::put(writer.link(), [(keys::SHARED_STRINGS.to_owned() + "mark", mark.clone())].into_iter())
            .await?;
        let mut resumed = 0;
        for (host, before) in hosts.iter().zip(before) {
            let mut standing = host.client.link().follow();
            let is_new = |standing: &Standing| standing.line().is_some_and(|line| Some(line.id) > before);
            let up = tokio::time::timeout(PATIENCE, standing.wait_for(is_new)).await??;
            resumed += usize::from(up.line().is_some_and(|line| line.is_resumed()));
        }
        let connected_s = start.elapsed().as_secs_f64();
        for host in hosts {
            while host.mark.now().and_then(|seen| seen.value).as_ref() != Some(&mark) {
                let told = tokio::time::timeout(PATIENCE, host.mark.changed()).await?;
                told.ok_or("a host has ended")?;
            }
        }
        let told_s = start.elapsed().as_secs_f64();
        let (server_s, own_s) = cpu.spent();
        Ok(json!({
            "ended": ended,
            "resumed": resumed,
            "connected_s": connected_s,
            "told_s": told_s,
            "server_cpu_s": server_s,
            "client_cpu_s": own_s,
        }))
    }
}

impl Host {
    /// Follows what an agent follows, and the key that is changed.
    async fn settle(client: Arc<Client>) -> Result<Host, Failure> {
        let by = Deadline::after(PATIENCE);
        let mut collection = client.collect(KIND);
        let duty = keys::fact(client.name(), Fact::Duty);
        let mut duty = view::follow_one(client.watcher(), duty, |_| Some(()));
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mark = keys::SHARED_STRINGS.to_owned() + "mark";
        let mut mark = view::follow_one(client.watcher(), mark, move |entry| Some(text(&entry.value)));
        collection.first(by).await?;
        duty.first(by).await?;
        mark.first(by).await?;
        client.session().lease("be there", by).await?;
        Ok(Host { client, mark, _followed: (collection, duty) })
    }

    fn line(&self) -> Option<LineId> {
        self.client.link().standing().line().map(|line| line.id)
    }

    /// Forgets what it has agreed upon with the server.
    fn forget(&self) -> Result<(), Failure> {
        if let Some(PeerTls::Mesh(tls)) = self.client.link().tls().as_deref() {
            tls.replace(tls.passport())?;
        }
        Ok(())
    }
}

/// Ends all connections of this process, as if somebody in between had: neither side has asked for it.
fn end_connections() -> Result<usize, Failure> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut ended = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else {
            continue;
        };
        // A file, or one that is gone: that of this very folder.
        let Ok(file) = pidfd_getfd(&own, number, PidfdGetfdFlags::empty()) else { continue };
        let Ok(Some(peer)) = getpeername(&file) else { continue };
        // Not what this process says to itself.
        if peer.address_family() == AddressFamily::INET && shutdown(&file, Shutdown::Both).is_ok() {
            ended += 1;
        }
    }
    Ok(ended)
}

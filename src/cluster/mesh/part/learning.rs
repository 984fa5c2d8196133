//! Learning where the members are, and which of them is the nearest.

use std::time::Instant;

use super::{MOVE_EVERY, Open, PATIENCE, Part};
use crate::cluster::link::{Endpoint, Line, Trouble};
use crate::cluster::mesh::nearest::{self, Place};
use crate::cluster::mesh::noting;
use crate::engine::world::Deadline;

impl Part {
    pub(super) async fn look_around(&mut self, line: &Line) {
        self.learn(line).await;
        self.outlived(line).await;
        if self.memory.anew {
            self.begin_anew().await;
        }
        self.confess().await;
    }

    /// What was done to the mesh on this host while no agent ran is written down. It was done to a store that this host carries; and
    /// only over that, since who goes on from an entry reads it, which hosts may not.
    async fn confess(&mut self) {
        let Some(inside) = self.inside.clone() else { return };
        while let Some(what) = self.memory.undertaken.first() {
            if let Some(own) = &self.own
                && let Err(error) = noting::note(own, &inside, what, Deadline::after(PATIENCE)).await
            {
                return tracing::warn!(%error, what, "this could not be written down; it is tried again");
            }
            self.memory.undertaken.remove(0);
            self.remember();
        }
    }

    /// Learns from a member where the others are, and keeps it.
    pub(super) async fn learn(&mut self, line: &Line) {
        let cluster = line.cluster.to_string();
        let endpoints = match line.endpoint.etcd {
            true => vec![line.endpoint.clone()],
            false => {
                let Ok(places) = self.places(line).await else { return };
                self.come_nearer(line, &places).await;
                nearest::order(self.client.name(), places)
            }
        };
        self.tell.send_modify(|report| {
            report.cluster = Some(cluster.clone());
            report.endpoints = endpoints.iter().map(ToString::to_string).collect();
        });
        if self.memory.endpoints == endpoints && self.memory.cluster.as_deref() == Some(&cluster) {
            return;
        }
        let before = self.memory.cluster.replace(cluster);
        self.memory.anew |= before.is_some() && before != self.memory.cluster;
        self.memory.endpoints.clone_from(&endpoints);
        self.remember();
        self.link.set_endpoints(endpoints);
    }

    /// Where the members are. The endpoint that works is kept, also if no member calls itself so: the others may be
    /// behind a door that only it goes through.
    async fn places(&mut self, line: &Line) -> Result<Vec<Place>, Trouble> {
        let told = line.members(Deadline::after(PATIENCE)).await?.members;
        let own = matches!(self.open, Open::Store(_)).then(|| self.door.endpoints());
        let own = own.into_iter().flatten();
        let mut places: Vec<Place> = own.map(|endpoint| Place { endpoint, own: true, near: true }).collect();
        for member in &told {
            let near = !self.options.zone.is_empty() && self.is_near(&member.name).await;
            // One that has just been added has not yet told where its clients reach it: where its peers do.
            let urls = match member.client_ur_ls.is_empty() {
                true => &member.peer_ur_ls,
                false => &member.client_ur_ls,
            };
            let endpoints = urls.iter().filter_map(|url| url.parse::<Endpoint>().ok());
            let somewhere = endpoints.filter(|endpoint| endpoint.url.host != "0.0.0.0");
            places.extend(somewhere.map(|endpoint| Place { endpoint, own: false, near }));
        }
        if !places.iter().any(|place| place.endpoint == line.endpoint) {
            let near = self.options.zone.is_empty();
            places.push(Place { endpoint: line.endpoint.clone(), own: false, near });
        }
        Ok(places)
    }

    /// Whether a member is in this host's zone; what was learned is kept while the connection is: a zone is for an agent's
    /// life.
    async fn is_near(&mut self, member: &str) -> bool {
        if let Some(zone) = self.zones.get(member) {
            return *zone == self.options.zone;
        }
        let Ok(host) = member.parse() else { return false };
        match self.client.card(&host, Deadline::after(PATIENCE)).await {
            Ok(Some(card)) => {
                let near = card.zone == self.options.zone;
                self.zones.insert(member.to_owned(), card.zone);
                near
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Changes over to a member of this host's zone, if it is connected to one of another and that one is well.
    async fn come_nearer(&mut self, line: &Line, places: &[Place]) {
        let here = places.iter().find(|place| place.endpoint == line.endpoint);
        let rested = self.moved.is_none_or(|moved| moved.elapsed() > MOVE_EVERY);
        if here.is_none_or(|here| here.near || here.own) || !rested {
            return;
        }
        let Some(nearer) = places.iter().find(|place| place.near) else { return };
        if self.link.knock(&nearer.endpoint.to_string()).await.is_ok() {
            tracing::debug!(from = %line.endpoint, to = %nearer.endpoint, "goes over to a member of its zone");
            self.moved = Some(Instant::now());
            self.link.go_over(line.id, nearest::order(self.client.name(), places.to_vec()));
        }
    }

    fn remember(&self) {
        if let Err(error) = self.memory.save(&self.options.folder) {
            tracing::warn!(%error, "a restart will need the seeds");
        }
    }

    /// A store that has begun anew knows of this host what was true some time ago.
    async fn begin_anew(&mut self) {
        self.announced = None;
        match self.client.begin_anew(Deadline::after(PATIENCE)).await {
            Ok(()) => {
                self.memory.anew = false;
                self.remember();
            }
            Err(error) => {
                tracing::warn!(%error, "the mesh has begun anew; this host tries again to see to its exports")
            }
        }
    }
}

//! What is open has changed: whoever carries the store has duties, and answers those who want a certificate.

use std::sync::Arc;

use super::{Open, Part};
use crate::cluster::link::{Endpoint, Link, LinkSettings};
use crate::cluster::mesh::desk::{Issuing, Pointing};
use crate::cluster::mesh::joining::Role;
use crate::cluster::mesh::own_identity::OwnIdentity;
use crate::cluster::mesh::store::Store;
use crate::cluster::mesh::{backups, rolling, serving, stewarding};
use crate::cluster::tls::Desk;
use crate::cluster::world::{Client, ClientSettings};

impl Part {
    /// What is open has changed.
    pub(super) fn opened(&mut self) {
        self.duties.drain(..).for_each(|duty| duty.abort());
        let client = match &self.open {
            Open::Store(store) => Some(self.own_client(store)),
            Open::Signpost(_) | Open::Nothing => None,
        };
        self.inside.clone_from(&client);
        if let Some(own) = &self.own {
            let issuing = self.issuing(own, client.clone());
            let desk: Arc<dyn Desk> = match &issuing {
                Some(issuing) => issuing.clone(),
                None => Arc::new(Pointing(self.link.clone())),
            };
            own.tls.set_desk(Some(desk));
            if let Some(issuing) = issuing {
                let follow = async move { issuing.follow_authority().await };
                self.duties.push(tokio::spawn(follow).abort_handle());
            }
        }
        let role = match (&self.open, client) {
            (Open::Store(store), Some(client)) => {
                let own = self.own.as_ref().map(|own| own.tls.clone());
                let run = stewarding::run(store.node().clone(), client.clone(), own, self.said.clone());
                let roll = rolling::run(store.node().clone(), client.clone());
                let node = store.node().clone();
                let choose = client.clone().choose_for_all(move || rolling::leads(&node));
                let copy = backups::run(store.node().clone(), client.clone(), self.options.folder.clone());
                let tasks = [tokio::spawn(run), tokio::spawn(roll), tokio::spawn(choose), tokio::spawn(copy)];
                self.duties.extend(tasks.iter().map(|it| it.abort_handle()));
                if let Some(own) = self.own.clone() {
                    let serving = serving::run(own, client, store.grants());
                    self.duties.push(tokio::spawn(serving).abort_handle());
                }
                // Its own store is the nearest.
                let own: Vec<Endpoint> = self.door.endpoints().collect();
                let others = self.link.endpoints().into_iter().filter(|endpoint| !own.contains(endpoint));
                self.link.set_endpoints(own.iter().cloned().chain(others).collect());
                Role::Carries
            }
            _ => Role::Uses,
        };
        let endpoints: Vec<String> = self.link.endpoints().iter().map(ToString::to_string).collect();
        let cluster = self.memory.cluster.clone();
        self.tell.send_modify(|report| {
            report.role = role;
            report.addresses.clone_from(&self.door.advertised);
            report.endpoints = endpoints;
            report.cluster = cluster;
        });
    }

    /// Who gives certificates; `None`: this host does not, and tells where those are that do.
    fn issuing(&self, own: &Arc<OwnIdentity>, client: Option<Arc<Client>>) -> Option<Arc<Issuing>> {
        let (Open::Store(store), Some(client)) = (&self.open, client) else { return None };
        match own.folder.load_authority(&own.mesh) {
            Ok(authority) => {
                let (validity, link) = (self.options.security.validity(), self.link.clone());
                let issuing = Issuing::new(store.node(), client, authority?, own.clone(), validity, link);
                Some(Arc::new(issuing))
            }
            Err(error) => {
                tracing::error!(%error, "this host carries the store and cannot issue certificates");
                None
            }
        }
    }

    /// What members do for themselves they do over a connection of their own, which the rules do not stand in front of.
    fn own_client(&self, store: &Store) -> Arc<Client> {
        let link = Link::start(LinkSettings { inside: Some(store.inside()), ..LinkSettings::default() });
        let name = self.door.endpoints().next();
        link.set_endpoints(vec![name.unwrap_or_else(Endpoint::of_this_process)]);
        let (host, zone) = (self.options.host.clone(), self.options.zone.clone());
        let client = Client::start(ClientSettings { host, zone, folder: None }, link);
        client.expect("without a folder nothing can be refused")
    }
}

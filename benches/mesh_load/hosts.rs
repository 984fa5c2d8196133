//! Hosts: clients of the mesh's store as an agent has one, without the agent. In a mesh with TLS each has an identity.

use std::sync::Arc;
use std::time::Duration;

use mgmt::cluster::link::{Endpoint, Link, LinkSettings};
use mgmt::cluster::peer::PeerTls;
use mgmt::cluster::world::{Client, ClientSettings};
use mgmt::engine::world::{Deadline, HostName};
use tokio::task::JoinSet;

use crate::Failure;
use crate::founder::{self, Founder, Identity};
use crate::load::tls::Tls;

/// Longer than anything that is measured.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The kind of all exports.
pub const KIND: &str = "file";
/// Connections being opened at the same time.
const OPENING: usize = 64;

/// Where the mesh is, and with whose keys hosts come into it.
pub struct Mesh {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// Who founded it; `None`: it is without TLS.
    pub founder: Option<Founder>,
}

impl Mesh {
    /// Many hosts, each connected.
    pub async fn open(&self, name: &str, count: usize) -> Result<Vec<Arc<Client>>, Failure> {
        let names = (0..count).map(|number| Ok(format!("{name}{number:05}").parse()?));
        let names = names.collect::<Result<Vec<HostName>, Failure>>()?;
        let identities = self.identities(&names).await?;
        let mut opening = JoinSet::new();
        let mut opened = Vec::with_capacity(count);
        for (name, identity) in names.into_iter().zip(identities) {
            if opening.len() >= OPENING {
                opened.push(opening.join_next().await.ok_or("nothing is being opened")???);
            }
            let client = self.client(name, identity)?;
            opening.spawn(async move { connected(client).await });
        }
        while let Some(ended) = opening.join_next().await {
            opened.push(ended??);
        }
        Ok(opened)
    }

    /// Who may write everything.
    pub async fn administrator(&self) -> Result<Arc<Client>, Failure> {
        let identity = self.founder.as_ref().map(Founder::administrator).transpose()?;
        connected(self.client("administrator".parse()?, identity)?).await
    }

    /// What hosts speak that are no more than a connection each.
    pub async fn tls(&self, names: &[HostName]) -> Result<Vec<Tls>, Failure> {
        let speaks = |identity: Option<Identity>| identity.map_or(Tls::None, |it| Tls::Mesh(it.tls));
        Ok(self.identities(names).await?.into_iter().map(speaks).collect())
    }

    /// New ones, which the store knows; none in a mesh without TLS.
    pub async fn identities(&self, names: &[HostName]) -> Result<Vec<Option<Identity>>, Failure> {
        let Some(founder) = &self.founder else { return Ok(names.iter().map(|_| None).collect()) };
        let identities = names.iter().map(|name| founder.host(name)).collect::<Result<Vec<_>, _>>()?;
        founder::enrol(self.administrator().await?.link(), &identities).await?;
        Ok(identities.into_iter().map(Some).collect())
    }

    fn client(&self, host: HostName, identity: Option<Identity>) -> Result<Arc<Client>, Failure> {
        let link = Link::start(LinkSettings::default());
        let at: Endpoint = self.endpoint.parse()?;
        let settings = ClientSettings { host, zone: String::new(), folder: None };
        let Some(Identity { tls, trust, .. }) = identity else {
            link.set_endpoints(vec![at.without_tls()]);
            return Ok(Client::start(settings, link)?);
        };
        link.set_tls(Arc::new(PeerTls::Mesh(tls)));
        link.set_endpoints(vec![at]);
        Ok(Client::start_signed(settings, link, trust)?)
    }
}

async fn connected(client: Arc<Client>) -> Result<Arc<Client>, Failure> {
    client.link().line("connect", Deadline::after(PATIENCE)).await?;
    Ok(client)
}

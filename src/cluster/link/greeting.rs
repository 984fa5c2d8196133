//! Asks who answers at an endpoint.

use std::sync::Arc;
use std::time::Duration;

use super::line::{self, Line, LineId};
use super::{Endpoint, Problem, Trouble};
use crate::cluster::etcd::pb::etcdserverpb::ResponseHeader;
use crate::cluster::etcd::serve::Inside;
use crate::cluster::etcd::surface::VERSION_OF_OURS;
use crate::cluster::peer::{Channel, PeerTls};
use crate::cluster::store::id::{ClusterId, MemberId};
use crate::engine::world::Deadline;

/// How long a member may take to be connected to and say how it stands.
pub(super) const GREETING: Duration = Duration::from_secs(4);

/// Which stores are of use.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// This one; `None`: any.
    pub cluster: Option<ClusterId>,
    /// Where a store keeps the ids of those that it was before.
    pub lineage: Option<&'static str>,
    /// With what `https` is spoken.
    pub tls: Option<Arc<PeerTls>>,
    /// The store of this process, whatever the endpoint.
    pub inside: Option<Inside>,
}

/// Who answers at an endpoint.
pub(super) enum Greeting {
    /// A member that is of use.
    Store(Box<Line>),
    /// A host that carries no store, and knows where it is.
    Signpost(Vec<Endpoint>),
}

/// Connects, and asks whether the member is of use.
pub(super) async fn greet(
    endpoint: Endpoint,
    number: LineId,
    expected: Expected,
) -> Result<Greeting, Problem> {
    let by = Deadline::after(GREETING);
    let channel = match &expected.inside {
        Some(inside) => Channel::over(&endpoint.url, inside.connect()).await?,
        None => Channel::connect(&endpoint.url, expected.tls.as_ref()).await?,
    };
    let (header, has_leader, is_ours) = match line::status(&channel, by).await {
        Ok(answer) => {
            let is_ours = answer.metadata().contains_key(VERSION_OF_OURS);
            let status = answer.into_inner();
            (status.header, status.leader != 0, is_ours)
        }
        Err(Trouble::Busy(retry_after)) => return Err(Problem::Full { retry_after }),
        Err(Trouble::Line(_)) if by.left().is_zero() => return Err(Problem::Silent),
        Err(Trouble::Line(why)) => {
            let refusal = Channel::refusal(&endpoint.url, expected.tls.as_ref()).await;
            return Err(refusal.map_or(Problem::Stranger(why), Problem::of_tls));
        }
        Err(Trouble::Refused(why)) => {
            let told = line::members(&channel, by).await.map_err(|_| Problem::Stranger(why))?;
            if endpoint.etcd {
                // It says how it stands to its administrators only. Whether it has a leader shows in what is asked next.
                return at_an_etcd(channel, endpoint, number, told.header, &expected);
            }
            let urls = told.members.iter().flat_map(|member| &member.client_ur_ls);
            return Ok(Greeting::Signpost(urls.filter_map(|url| url.parse().ok()).collect()));
        }
    };
    // An etcd that happens to be there may belong to somebody else.
    if !is_ours && !endpoint.etcd {
        return Err(Problem::NotOurs);
    }
    // Any host of the mesh may say where the store is; only one that may carry it is believed to.
    if channel.with().is_some_and(|certificate| !certificate.may_serve()) {
        return Err(Problem::MayNotServe);
    }
    let header = header.ok_or_else(without_header)?;
    let found = ClusterId(header.cluster_id);
    if let Some(was) = expected.cluster.filter(|expected| *expected != found) {
        if !has_leader || !has_been(&channel, expected.lineage, was).await {
            return Err(Problem::OtherMesh { found, expected: was });
        }
        tracing::warn!(%endpoint, "the store {was} has begun anew as {found}: what it lost is written again where hosts know it");
    }
    if !has_leader {
        return Err(Problem::NoLeader);
    }
    let member = MemberId(header.member_id);
    Ok(Greeting::Store(Box::new(Line { channel, id: number, endpoint, cluster: found, member })))
}

/// An etcd that tells no more than who its members are.
fn at_an_etcd(
    channel: Channel,
    endpoint: Endpoint,
    id: LineId,
    header: Option<ResponseHeader>,
    expected: &Expected,
) -> Result<Greeting, Problem> {
    let header = header.ok_or_else(without_header)?;
    let (cluster, member) = (ClusterId(header.cluster_id), MemberId(header.member_id));
    match expected.cluster.filter(|expected| *expected != cluster) {
        Some(expected) => Err(Problem::OtherMesh { found: cluster, expected }),
        None => Ok(Greeting::Store(Box::new(Line { channel, id, endpoint, cluster, member }))),
    }
}

fn without_header() -> Problem {
    Problem::Stranger("its answers have no header".to_owned())
}

/// Whether a store was another one before it began anew.
async fn has_been(channel: &Channel, lineage: Option<&str>, was: ClusterId) -> bool {
    let Some(lineage) = lineage else { return false };
    line::has(channel, format!("{lineage}{was}"), Deadline::after(GREETING)).await.unwrap_or(false)
}

//! Questions to a member.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};

use super::channel::Channel;
use super::pb::peering_client::PeeringClient;
use super::pb::{HashKvRequest, LeaseRequest, LeasesRequest, Nothing};
use super::{CallError, LeaseLeft, Membership, PeerIdentity, PeerTls, PeerUrl, Refusal};
use crate::cluster::etcd::node::Member;
use crate::cluster::store::hash::HashKv;
use crate::cluster::store::id::{ClusterId, LeaseId, MemberId, Revision};
use crate::cluster::store::member::LogLevel;

/// A client waits for the answer, and asks again itself.
const LEASE: Duration = Duration::from_secs(5);
/// Whoever wants to join asks others too.
const MEMBERS: Duration = Duration::from_secs(5);
/// All keys are read.
const HASH_KV: Duration = Duration::from_secs(60);

/// A connection for questions to a member, made when there is one and kept. All questions may be asked twice.
pub(super) struct Line {
    pub to: MemberId,
    pub urls: Vec<PeerUrl>,
    pub identity: PeerIdentity,
    pub tls: Option<Arc<PeerTls>>,
    pub kept: tokio::sync::Mutex<Option<Channel>>,
}

impl Line {
    pub(super) async fn renew_leases(&self, leases: &[LeaseId]) -> Result<Vec<Option<i64>>, CallError> {
        let body = LeasesRequest { ids: leases.iter().map(|lease| lease.0).collect() };
        let ask = |mut client: PeeringClient<_>, request| async move { client.renew_leases(request).await };
        let answer = self.ask("renew leases", LEASE, body, ask).await?;
        Ok(answer.ttls_s.into_iter().map(|ttl_s| (ttl_s >= 0).then_some(ttl_s)).collect())
    }

    pub(super) async fn lease_left(&self, lease: LeaseId) -> Result<Option<LeaseLeft>, CallError> {
        let body = LeaseRequest { id: lease.0 };
        let ask = |mut client: PeeringClient<_>, request| async move { client.lease_left(request).await };
        let answer = self.ask("lease left", LEASE, body, ask).await?;
        Ok(answer.found.then_some(LeaseLeft { left_s: answer.left_s, granted_s: answer.granted_s }))
    }

    pub(super) async fn hash_kv(&self, revision: Option<Revision>) -> Result<HashKv, CallError> {
        let body = HashKvRequest { revision: revision.unwrap_or_default().0 };
        let ask = |mut client: PeeringClient<_>, request| async move { client.hash_kv(request).await };
        let answer = self.ask("hash kv", HASH_KV, body, ask).await?;
        Ok(HashKv {
            hash: answer.hash,
            revision: Revision(answer.revision),
            compacted: Revision(answer.compacted),
        })
    }

    async fn ask<Q, A, F>(
        &self,
        call: &'static str,
        after: Duration,
        body: Q,
        ask: impl Fn(PeeringClient<Channel>, Request<Q>) -> F,
    ) -> Result<A, CallError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let answered = tokio::time::timeout(after, async {
            let (channel, kept) = self.channel().await?;
            let first = ask(channel.client(), self.identity.call(self.to, body.clone())).await;
            match first {
                // The member may have started anew since the connection was last used.
                Err(status) if kept && Refusal::of(&status).is_none() => {
                    *self.kept.lock().await = None;
                    let (channel, _) = self.channel().await?;
                    let second = ask(channel.client(), self.identity.call(self.to, body)).await;
                    understood(call, second)
                }
                first => understood(call, first),
            }
        });
        let answered = answered.await.unwrap_or(Err(CallError::Deadline { call, after }));
        if let Err(CallError::Deadline { .. } | CallError::Broken { .. }) = answered {
            *self.kept.lock().await = None;
        }
        answered
    }

    /// A connection, and whether it was there already.
    async fn channel(&self) -> Result<(Channel, bool), CallError> {
        // Who else asks waits for the same connection.
        let mut kept = self.kept.lock().await;
        if let Some(channel) = kept.as_ref().filter(|channel| channel.is_open()) {
            return Ok((channel.clone(), true));
        }
        let connected = Channel::connect_any(&self.urls, self.tls.as_ref()).await;
        let channel = connected.ok_or(CallError::UnknownMember(self.to))??;
        *kept = Some(channel.clone());
        Ok((channel, false))
    }
}

fn understood<A>(call: &'static str, answer: Result<Response<A>, Status>) -> Result<A, CallError> {
    answer.map(Response::into_inner).map_err(|status| match Refusal::of(&status) {
        Some(why) => CallError::Refused { call, why },
        None => CallError::Broken { call, cause: Box::new(status) },
    })
}

/// Asks the members at these URLs, one after the other, who the members of their cluster are: for a member that is to
/// join it, and so has no [`Peers`](super::Peers) yet. What the last one said is the error.
pub async fn members_at(urls: &[PeerUrl], tls: Option<&Arc<PeerTls>>) -> Result<Membership, CallError> {
    let mut last = CallError::NobodyToAsk;
    for url in urls {
        let asked = tokio::time::timeout(MEMBERS, ask_members(url, tls)).await;
        match asked.unwrap_or(Err(CallError::Deadline { call: "members", after: MEMBERS })) {
            Ok(membership) => return Ok(membership),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask_members(url: &PeerUrl, tls: Option<&Arc<PeerTls>>) -> Result<Membership, CallError> {
    let channel = Channel::connect(url, tls).await?;
    let answer = understood("members", channel.client().members(Nothing {}).await)?;
    let members = answer.members.into_iter().map(|member| Member {
        id: MemberId(member.id),
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        learner: member.learner,
        // It is told in the log.
        level: LogLevel::default(),
    });
    Ok(Membership { cluster: ClusterId(answer.cluster), members: members.collect() })
}

//! The services for locks and elections.

use etcd_client::{LockOptions, ProclaimOptions, ResignOptions};
use futures_util::FutureExt as _;
use mgmt::cluster::etcd::pb::v3electionpb as pb;
use tonic::{Code, Request};

use super::raw::{call, refusal};
use super::served::Served;

#[tokio::test]
async fn a_lock_waits_for_who_came_before() {
    let store = Served::start().await;
    let (mut one, mut two) = (store.client().await, store.client().await);
    let lease = one.lease_grant(60, None).await.unwrap().id();
    let held = one.lock("l", Some(LockOptions::new().with_lease(lease))).await.unwrap();
    assert_eq!(held.key(), format!("l/{lease:x}").as_bytes());
    let again = one.lock("l", Some(LockOptions::new().with_lease(lease))).await.unwrap();
    assert_eq!(again.key(), held.key());
    let mut waiting = Box::pin(two.lock("l", None));
    assert!((&mut waiting).now_or_never().is_none());
    one.unlock(held.key()).await.unwrap();
    assert!(waiting.await.unwrap().key().starts_with(b"l/"));
}

#[tokio::test]
async fn a_leader_is_elected_observed_and_followed() {
    let store = Served::start().await;
    let (mut one, mut two) = (store.client().await, store.client().await);
    let leases =
        [one.lease_grant(60, None).await.unwrap().id(), one.lease_grant(60, None).await.unwrap().id()];
    let mut seen = two.observe("e").await.unwrap();
    let first = one.campaign("e", "one", leases[0]).await.unwrap().take_leader().unwrap();
    assert_eq!(seen.message().await.unwrap().unwrap().kv().unwrap().value(), b"one");
    let proclaimed = ProclaimOptions::new().with_leader(first.clone());
    one.proclaim("uno", Some(proclaimed.clone())).await.unwrap();
    assert_eq!(seen.message().await.unwrap().unwrap().kv().unwrap().value(), b"uno");
    let mut campaign = two.clone();
    let second = tokio::spawn(async move { campaign.campaign("e", "two", leases[1]).await });
    one.resign(Some(ResignOptions::new().with_leader(first))).await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(seen.message().await.unwrap().unwrap().kv().unwrap().value(), b"two");
    assert_eq!(two.leader("e").await.unwrap().kv().unwrap().value(), b"two");
    let refused = one.proclaim("uno", Some(proclaimed)).await.unwrap_err().to_string();
    assert!(refused.contains("election: not leader"), "{refused}");
}

#[tokio::test]
async fn their_errors_have_no_code() {
    let store = Served::start().await;
    let path = "/v3electionpb.Election/Leader";
    let request = Request::new(pb::LeaderRequest { name: "e".into() });
    let answer = call::<_, pb::LeaderResponse>(store.at, path, request).await;
    assert_eq!(refusal(answer), (Code::Unknown, "election: no leader".to_owned()));
    let path = "/v3electionpb.Election/Resign";
    let answer =
        call::<_, pb::ResignResponse>(store.at, path, Request::new(pb::ResignRequest::default())).await;
    assert_eq!(refusal(answer), (Code::Unknown, "\"leader\" field must be provided".to_owned()));
    let path = "/v3electionpb.Election/Campaign";
    let request = pb::CampaignRequest { name: "e".into(), lease: 99, value: "x".into() };
    let answer = call::<_, pb::CampaignResponse>(store.at, path, Request::new(request)).await;
    assert_eq!(refusal(answer), (Code::Unknown, "etcdserver: requested lease not found".to_owned()));
}

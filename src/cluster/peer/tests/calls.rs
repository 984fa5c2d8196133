//! Questions and answers.

use super::*;

#[tokio::test]
async fn questions_are_answered_by_the_node() {
    let (one, two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(-8)]).await.unwrap(), [None]);
    let left = one.peers.lease_left(two.id, LeaseId(7)).await.unwrap();
    assert_eq!(left, Some(LeaseLeft { left_s: 59, granted_s: 60 }));
    assert_eq!(one.peers.lease_left(two.id, LeaseId(8)).await.unwrap(), None);
    let hash = one.peers.hash_kv(two.id, None).await.unwrap();
    assert_eq!(hash, HashKv { hash: u32::MAX, revision: Revision(5), compacted: Revision(-1) });
    assert_eq!(one.peers.hash_kv(two.id, Some(Revision(3))).await.unwrap().revision, Revision(3));
}

#[tokio::test]
async fn refusals_keep_their_reasons() {
    let (one, two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    let renewed = one.peers.renew_leases(two.id, &[LeaseId(0)]).await;
    assert!(matches!(renewed, Err(CallError::Refused { why: Refusal::NotLeader, .. })));
    let hashed = one.peers.hash_kv(two.id, Some(Revision(6))).await;
    assert!(matches!(hashed, Err(CallError::Refused { why: Refusal::FutureRevision, .. })));
}

#[tokio::test]
async fn who_wants_to_join_asks_until_somebody_answers() {
    let two = End::new(2).await;
    let membership = members_at(&[nobody(), two.url()], None).await.unwrap();
    assert_eq!(membership.cluster, CLUSTER);
    assert_eq!(membership.members[0].name, "two");
    assert!(matches!(members_at(&[], None).await, Err(CallError::NobodyToAsk)));
    assert!(matches!(members_at(&[nobody()], None).await, Err(CallError::Connect(_))));
}

#[tokio::test]
async fn a_member_that_started_anew_is_asked_over_a_new_connection() {
    let (one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
    two.stop().await;
    assert!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.is_err());
    two.start_again().await;
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
}

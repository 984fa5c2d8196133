//! Who is not let in.

use super::*;

#[tokio::test]
async fn a_member_of_another_cluster_is_refused() {
    let mut stranger = End::of(ClusterId(9), 1, None).await;
    let mut two = End::new(2).await;
    stranger.knows(&[&two]);
    stranger.peers.send(message(MessageType::Vote, &stranger, &two, 1));
    stranger.hears_that(Told::Refused(two.id, Refusal::WrongCluster)).await;
    assert!(stranger.peers.active_since(two.id).is_none());
    let asked = stranger.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap_err();
    assert_eq!(asked.to_string(), "renew leases is refused: it is a member of another cluster");
    assert!(two.told.try_recv().is_err(), "nothing is heard of it");
}

#[tokio::test]
async fn a_member_at_anothers_address_is_not_taken_for_it() {
    let (mut one, two) = (End::new(1).await, End::new(2).await);
    one.peers.set_members(&[(MemberId(3), vec![two.url()])]);
    one.hears_that(Told::Refused(MemberId(3), Refusal::WrongMember)).await;
}

#[tokio::test]
async fn a_member_that_is_removed_is_refused_from_then_on() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    one.peers.send(message(MessageType::Vote, &one, &two, 1));
    assert_eq!(two.message().await.index, 1);
    two.node.removed.lock().unwrap().insert(one.id);
    one.peers.send(message(MessageType::Vote, &one, &two, 2));
    one.hears_that(Told::Refused(two.id, Refusal::Removed)).await;
    assert!(two.told.try_recv().is_err(), "the second vote is not heard");
}

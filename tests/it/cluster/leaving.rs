//! Members that leave, and members that find out that they were removed.

use std::time::{Duration, Instant};

use etcd_client::Client;
use mgmt::cluster::etcd::node::{MemberChange, Node as _};
use mgmt::cluster::node::{Ended, LeaveError, Left};
use mgmt::cluster::store::id::LeaseId;
use mgmt::cluster::store::request::{Change, Put};

use super::exchange::soon;
use super::inside::Inside;
use super::processes::{Cluster, PATIENCE};

/// What a member that leaves a healthy cluster may take: a second on a host that is idle; others of this run's tests keep
/// it busy.
const SOON: Duration = Duration::from_secs(3);

async fn started(cluster: &Cluster) -> Vec<Inside> {
    let members = futures_util::future::join_all(cluster.members.iter().map(Inside::start)).await;
    for member in &members {
        led(member).await;
        member.node.publish().await;
    }
    members
}

async fn led(member: &Inside) {
    soon("a leader", async || member.node.standing().leader).await;
}

/// Takes the member that leads, or one that does not.
fn take(members: &mut Vec<Inside>, leads: bool) -> Inside {
    let is = |member: &Inside| member.node.standing().leader == Some(member.node.identity().member);
    let at = members.iter().position(|member| is(member) == leads).expect("one leads, and others do not");
    members.remove(at)
}

async fn write(member: &Inside, key: &'static str) {
    soon("a write", async || {
        let put = Put { key: key.into(), value: Some("v".into()), lease: Some(LeaseId(0)), previous: false };
        member.node.propose(Change::Put(put), None).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_and_then_a_follower_leave_a_healthy_cluster_within_a_second() {
    let cluster = Cluster::of(3, &[]);
    let mut members = started(&cluster).await;
    for leads in [true, false] {
        let leaver = take(&mut members, leads);
        let own = leaver.node.identity().member;
        let begun = Instant::now();
        let left = leaver.node.leave(PATIENCE).await.unwrap();
        assert_eq!(leaver.ended().await, Ended::Removed);
        let took = begun.elapsed();
        assert_eq!(left, Left::Removed);
        assert!(took < SOON, "leads: {leads}, {took:?}");
        for rest in &members {
            soon("its absence", async || (!rest.node.members().iter().any(|it| it.id == own)).then_some(()))
                .await;
        }
        write(&members[0], "after").await;
    }
    assert_eq!(members[0].node.members().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_member_just_stops_and_its_data_stays() {
    let cluster = Cluster::of(1, &[]);
    let member = started(&cluster).await.remove(0);
    write(&member, "kept").await;
    assert_eq!(member.node.leave(PATIENCE).await.unwrap(), Left::Last);
    assert_eq!(member.ended().await, Ended::Asked);
    let member = Inside::start(&cluster.members[0]).await;
    led(&member).await;
    let mut client =
        Client::connect([format!("127.0.0.1:{}", cluster.members[0].client)], None).await.unwrap();
    assert_eq!(client.get("kept", None).await.unwrap().count(), 1);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_leave_for_want_of_a_quorum_is_told_so_in_time_and_goes_on() {
    let cluster = Cluster::of(3, &[]);
    let mut members = started(&cluster).await;
    write(&members[0], "k").await;
    let stays = members.remove(0);
    for other in members {
        other.stop().await;
    }
    let begun = Instant::now();
    let deadline = Duration::from_millis(1500);
    let refused = stays.node.leave(deadline).await;
    assert!(matches!(refused, Err(LeaveError::NotInTime { .. })), "{refused:?}");
    assert!(begun.elapsed() < deadline + Duration::from_secs(1));
    // It is there when the others come back.
    let other = Inside::start(&cluster.members[1]).await;
    write(&stays, "after").await;
    assert_eq!(other.node.members().len(), 3);
    stays.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_voter_that_leaves_gives_its_vote_to_the_learner() {
    let cluster = Cluster::of(1, &[]);
    let first = started(&cluster).await.remove(0);
    let spare = Cluster::of(1, &[]);
    let mut place = spare.members[0].clone();
    place.name = "m1".to_owned();
    let url = format!("http://127.0.0.1:{}", place.peer);
    place.flags = vec![
        format!("{},m1={url}", cluster.members[0].flags[0]),
        "--initial-cluster-state=existing".to_owned(),
    ];
    let (_, id) =
        first.node.change_members(MemberChange::Add { peer_urls: vec![url], learner: true }).await.unwrap();
    let second = Inside::start(&place).await;
    assert_eq!(second.node.identity().member, id);
    write(&first, "k").await;
    assert_eq!(first.node.leave(PATIENCE).await.unwrap(), Left::Removed);
    assert_eq!(first.ended().await, Ended::Removed);
    write(&second, "after").await;
    assert_eq!(second.node.members().len(), 1);
    assert!(!second.node.standing().learner);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_removed_while_it_was_down_says_so_when_it_starts_again() {
    let cluster = Cluster::of(3, &[]);
    let mut members = started(&cluster).await;
    let gone = members.remove(2);
    let id = gone.node.identity().member;
    gone.stop().await;
    soon("its removal", async || members[0].node.change_members(MemberChange::Remove(id)).await.ok()).await;
    let back = Inside::start(&cluster.members[2]).await;
    assert_eq!(back.ended().await, Ended::Removed);
    // Its own log does not know it: each start asks the others anew.
    let back = Inside::start(&cluster.members[2]).await;
    assert_eq!(back.ended().await, Ended::Removed);
    for member in members {
        member.stop().await;
    }
}

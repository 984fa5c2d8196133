//! A voter that died is exchanged for a learner, among processes that are killed for real.

use std::time::Duration;

use etcd_client::{Client, MemberAddOptions};
use mgmt::cluster::etcd::node::{Member, MemberChange, MemberError, Node as _, NodeError};
use mgmt::cluster::node::MemberStanding;
use mgmt::cluster::store::id::MemberId;

use super::inside::Inside;
use super::processes::{Cluster, PATIENCE, Place, Process};

/// What something is, as soon as it is something.
pub async fn soon<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looked = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("{what} does not come about"))
}

/// A place beside three others for one that is added as a learner.
fn fourth(cluster: &Cluster, spare: &Place) -> Place {
    let listed = cluster.members[0].flags[0].clone();
    let listed = format!("{listed},m3=http://127.0.0.1:{}", spare.peer);
    let flags = vec![listed, "--initial-cluster-state=existing".to_owned()];
    Place {
        name: "m3".to_owned(),
        folder: cluster.members[0].folder.with_file_name("m3"),
        flags,
        ..spare.clone()
    }
}

fn named(census: &[MemberStanding], name: &str) -> MemberStanding {
    census.iter().find(|member| member.name == name).unwrap_or_else(|| panic!("{name}: {census:?}")).clone()
}

fn learners(members: &[Member]) -> Vec<String> {
    members.iter().filter(|member| member.learner).map(|member| member.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_was_killed_is_exchanged_for_the_learner_and_comes_back_as_one() {
    let (cluster, spare_ports) = (Cluster::of(3, &[]), Cluster::of(1, &[]));
    let first = Inside::start(&cluster.members[0]);
    let (second, third) = (cluster.members[1].start(&[]), cluster.members[2].start(&[]));
    let first = first.await;
    second.ready().await;
    third.ready().await;
    // Who asks for an exchange leads.
    lead(&first, &[&second, &third]).await;
    let place = fourth(&cluster, &spare_ports.members[0]);
    let learner = joined(&first, &second, &place).await;
    let spare = learner.node.identity().member;
    let census = soon("a census of four that are all heard", async || {
        let census = first.node.census();
        let heard = census.iter().filter(|known| known.silence < Duration::from_secs(1)).count();
        (heard == 4).then_some(census)
    })
    .await;
    assert!(learner.node.census().is_empty(), "only a leader knows");
    let gone = named(&census, "m2").id;
    let exchange = MemberChange::Exchange { promote: spare, demote: gone };
    let elsewhere = learner.node.change_members(exchange.clone()).await;
    assert!(matches!(elsewhere, Err(NodeError::NotLeader)), "{elsewhere:?}");

    // A voter dies, its silence grows, and it is exchanged.
    third.kill().await;
    soon("the dead voter's silence", async || {
        (named(&first.node.census(), "m2").silence >= Duration::from_secs(2)).then_some(())
    })
    .await;
    let demotion = first.node.change_members(MemberChange::Demote(gone)).await;
    assert!(matches!(demotion, Err(NodeError::Member(MemberError::TooManyLearners))), "{demotion:?}");
    let exchanged = first.node.change_members(exchange.clone()).await;
    let (members, promoted) = exchanged.unwrap_or_else(|error| panic!("{error}: {:?}", first.node.census()));
    assert_eq!((learners(&members), promoted), (vec!["m2".to_owned()], spare));
    let again = first.node.change_members(exchange).await;
    assert!(matches!(again, Err(NodeError::Member(MemberError::NotLearner))), "{again:?}");
    soon("that all know it", async || (learners(&learner.node.members()) == ["m2"]).then_some(())).await;

    // With one more gone, the learner's vote makes the quorum.
    second.kill().await;
    let mut client = Client::connect([format!("127.0.0.1:{}", place.client)], None).await.unwrap();
    soon("a write without the two that died", async || client.put("after", "1", None).await.ok()).await;
    comes_back_as_a_learner(&cluster.members[2], &first, gone).await;

    // The entries are in the logs: each that starts anew reads them.
    first.stop().await;
    learner.stop().await;
    let first = Inside::start(&cluster.members[0]).await;
    let learner = Inside::start(&place).await;
    soon("the restarted members' agreement", async || first.node.barrier().await.ok()).await;
    assert_eq!(learners(&first.node.members()), ["m2"]);
    assert!(!learner.node.standing().learner);
    first.stop().await;
    learner.stop().await;
}

/// Waits until one of these leads, and gives leadership to the first.
async fn lead(first: &Inside, others: &[&Process]) {
    let own = first.node.identity().member;
    soon("the first member's leadership", async || {
        let leader = first.node.standing().leader?;
        for other in others {
            let mut client = other.client().await;
            let status = client.status().await.ok()?;
            if leader != own && status.header()?.member_id() == leader.0 {
                client.move_leader(own.0).await.ok()?;
            }
        }
        (leader == own).then_some(())
    })
    .await;
}

/// A learner that is added, and has caught up with a leader.
async fn joined(leader: &Inside, through: &Process, place: &Place) -> Inside {
    let url = format!("http://127.0.0.1:{}", place.peer);
    let mut client = through.client().await;
    for number in 0..50 {
        client.put(format!("k{number}"), "v", None).await.unwrap();
    }
    soon("the learner's addition", async || {
        let options = Some(MemberAddOptions::new().with_is_learner());
        client.member_add([url.clone()], options).await.ok()
    })
    .await;
    let learner = Inside::start(place).await;
    let own = learner.node.identity().member;
    soon("the learner's catching up", async || {
        let census = leader.node.census();
        let known = census.iter().find(|known| known.id == own)?;
        (known.caught_up && known.name == place.name).then_some(())
    })
    .await;
    learner
}

/// Starts one that died as a voter, and was demoted since.
async fn comes_back_as_a_learner(place: &Place, leader: &Inside, id: MemberId) {
    let process = place.start(&[]);
    process.ready().await;
    let mut client = process.client().await;
    soon("its own knowledge", async || client.status().await.unwrap().is_learner().then_some(())).await;
    let census = soon("its catching up", async || {
        let census = leader.node.census();
        let known = census.iter().find(|known| known.id == id)?;
        let fine = known.learner && known.caught_up && known.silence < Duration::from_secs(1);
        fine.then_some(census)
    })
    .await;
    assert!(named(&census, "m1").silence >= named(&census, "m2").silence);
    process.stop().await;
}

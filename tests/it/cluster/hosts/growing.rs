//! Members come and go while clients write.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, MemberAddOptions};

use super::history::{assert_kept, keys_of};
use super::member::{Member, PATIENCE, State, client, client_url, leader_of, peer_url};
use super::net::{Net, Place};
use super::writers::Writers;

#[test]
fn one_becomes_three_and_the_first_may_go() {
    let Some(net) = Net::with_hosts(3).map(Arc::new) else { return };
    let mut members: Vec<Member> = (0..3).map(|host| Member::new(&net, host, &[])).collect();
    net.at(Place::Outside, || async {
        members[0].start(&[0], State::New);
        leader_of(&[0]).await;
        let urls: Vec<String> = (0..3).map(client_url).collect();
        let writers = Writers::start(2, &urls[..1], "w/");
        writers.advance(20).await;
        let mut first = client(&urls[0]).await;
        for member in &mut members[1..] {
            let id = added(&mut first, member.host).await;
            let hosts: Vec<usize> = (0..=member.host).collect();
            member.start(&hosts, State::Existing);
            // It is refused until the learner has what the leader has.
            while first.member_promote(id).await.is_err() {
                assert!(member.is_running());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(first.member_list().await.unwrap().members().iter().all(|member| !member.is_learner()));
            writers.advance(20).await;
        }
        published(&mut first, 3).await;
        let acks = writers.stop().await;
        let leader = leader_of(&[0, 1, 2]).await;
        let mut second = client(&urls[1]).await;
        let listed = second.member_list().await.unwrap();
        let gone = listed.members().iter().find(|member| member.peer_urls() == [peer_url(leader)]).unwrap();
        // Also the leader may go, which hands over before it does.
        once_healthy(async || second.member_remove(gone.id()).await).await;
        let rest: Vec<usize> = (0..3).filter(|host| *host != leader).collect();
        leader_of(&rest).await;
        let mut last = client(&urls[rest[0]]).await;
        last.put("after", "1", None).await.unwrap();
        assert_kept(&acks, &keys_of(&mut last, "w/", false).await);
        assert_eq!(last.member_list().await.unwrap().members().len(), 2);
        // Who was removed ends by itself.
        members[leader].ended();
    });
}

/// Adds a learner.
async fn added(client: &mut Client, host: usize) -> u64 {
    let added = once_healthy(async || {
        let learner = Some(MemberAddOptions::new().with_is_learner());
        client.member_add([peer_url(host)], learner).await
    });
    added.await.member().unwrap().id()
}

/// Changes the members as soon as all have been connected for the five seconds that etcd asks for.
async fn once_healthy<T>(mut change: impl AsyncFnMut() -> Result<T, etcd_client::Error>) -> T {
    let changed = async {
        loop {
            match change().await {
                Ok(changed) => return changed,
                Err(error) => assert!(error.to_string().contains("etcdserver: unhealthy cluster"), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.expect("the cluster does not become healthy")
}

/// Waits until all members have told their names: until then they count as not started.
async fn published(client: &mut Client, count: usize) {
    let published = async {
        loop {
            let listed = client.member_list().await.unwrap();
            if listed.members().iter().filter(|member| !member.name().is_empty()).count() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, published).await.expect("a member does not publish its name");
}

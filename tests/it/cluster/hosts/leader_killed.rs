//! The leader dies again and again, while clients write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::history::{assert_kept, keys_of, pauses};
use super::member::{State, client, client_url, founded, leader_of};
use super::net::{Net, Place};
use super::watcher::Watcher;
use super::writers::Writers;

/// From one death to the next.
const LIFE: Duration = Duration::from_secs(5);
/// How long a member stays dead.
const DEAD: Duration = Duration::from_secs(2);
const KILLS: u32 = 12;
const WRITERS: usize = 4;

#[test]
fn of_three_members_nothing_acknowledged_is_lost() {
    leaders_die(3);
}

#[test]
fn of_five_members_nothing_acknowledged_is_lost() {
    leaders_die(5);
}

/// The new leader is there at once, and the old one has written all that it took.
#[test]
fn a_leader_that_is_asked_to_end_hands_over_first() {
    let Some(net) = Net::with_hosts(3).map(Arc::new) else { return };
    let mut members = founded(&net, 3, &[]);
    net.at(Place::Outside, || async {
        let old = leader_of(&[0, 1, 2]).await;
        let rest: Vec<usize> = (0..3).filter(|host| *host != old).collect();
        client(&client_url(old)).await.put("before", "1", None).await.unwrap();
        assert!(members[old].terminate().success());
        let log = members[old].log();
        assert!(log.contains("leadership was handed over"), "{log}");
        leader_of(&rest).await;
        let mut other = client(&client_url(rest[0])).await;
        assert_eq!(other.get("before", None).await.unwrap().count(), 1);
        members[old].start(&[0, 1, 2], State::New);
        leader_of(&[0, 1, 2]).await;
    });
}

fn leaders_die(count: usize) {
    let Some(net) = Net::with_hosts(count).map(Arc::new) else { return };
    let mut members = founded(&net, count, &[]);
    let hosts: Vec<usize> = (0..count).collect();
    let urls: Vec<String> = hosts.iter().map(|host| client_url(*host)).collect();
    let mut pauses = net.at(Place::Outside, || async {
        leader_of(&hosts).await;
        let writers = Writers::start(WRITERS, &urls, "w/");
        let watchers = hosts.iter().map(|host| Watcher::start(&urls, *host, "w/", 2)).collect::<Vec<_>>();
        writers.advance(100).await;
        let mut deaths = Vec::new();
        let mut next = tokio::time::Instant::now();
        for _ in 0..KILLS {
            tokio::time::sleep_until(next).await;
            next += LIFE;
            let leader = leader_of(&hosts).await;
            deaths.push(Instant::now());
            members[leader].kill();
            tokio::time::sleep(DEAD).await;
            members[leader].start(&hosts, State::New);
        }
        writers.advance(100).await;
        leader_of(&hosts).await;
        let acks = writers.stop().await;
        let keys = keys_of(&mut client(&urls[0]).await, "w/", false).await;
        assert_kept(&acks, &keys);
        for url in &urls[1..] {
            assert_eq!(keys_of(&mut client(url).await, "w/", false).await, keys);
        }
        for watcher in watchers {
            watcher.assert_saw(&keys).await;
        }
        println!("{} writes acknowledged, {} made", acks.len(), keys.len());
        pauses(&acks, &deaths)
    });
    pauses.sort_unstable();
    // What is promised of them is measured by `make bench-failover`, where nothing else runs.
    println!(
        "{count} members: writes resume after a median of {:?}, at worst {:?}",
        pauses[pauses.len() / 2],
        pauses.last()
    );
}

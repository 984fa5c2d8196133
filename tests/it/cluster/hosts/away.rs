//! A member that was away for longer than the log reaches back.

use std::sync::Arc;

use super::history::keys_of;
use super::member::{State, client, client_url, founded, leader_of};
use super::net::{Net, Place};
use super::watcher::Watcher;
use super::writers::Writers;

/// More than the 5,000 entries that are kept for those who come late, and two snapshots.
const MISSED: usize = 7_000;

#[test]
fn a_member_that_was_away_past_the_logs_end_catches_up_by_snapshot() {
    let Some(net) = Net::with_hosts(3).map(Arc::new) else { return };
    let mut members = founded(&net, 3, &["--snapshot-count", "1000"]);
    let hosts = [0, 1, 2];
    net.at(Place::Outside, || async {
        let leader = leader_of(&hosts).await;
        let away = (leader + 1) % 3;
        let rest: Vec<usize> = hosts.into_iter().filter(|host| *host != away).collect();
        let urls: Vec<String> = rest.iter().map(|host| client_url(*host)).collect();
        members[away].kill();
        let writers = Writers::start(64, &urls, "w/");
        writers.advance(MISSED).await;
        members[away].start(&hosts, State::New);
        // Its client, who asks for the whole past there, is told all of it.
        let own = [client_url(away)];
        let mut caught_up = client(&own[0]).await;
        leader_of(&hosts).await;
        writers.advance(500).await;
        writers.stop().await;
        let keys = keys_of(&mut client(&urls[0]).await, "w/", false).await;
        assert_eq!(keys_of(&mut caught_up, "w/", false).await, keys);
        Watcher::start(&own, 0, "w/", 2).assert_saw(&keys).await;
        let log = members[away].log();
        assert!(log.contains("became what the leader's snapshot says"), "{log}");
    });
}

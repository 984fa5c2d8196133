//! A network in two parts.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::GetOptions;

use super::history::{assert_kept, keys_of};
use super::member::{client, client_url, founded, leader_of};
use super::net::{Net, Place};
use super::watcher::Watcher;
use super::writers::Writers;

#[test]
fn the_lesser_part_refuses_what_it_cannot_promise_and_heals() {
    let Some(net) = Net::with_hosts(5).map(Arc::new) else { return };
    let _members = founded(&net, 5, &[]);
    let hosts = [0, 1, 2, 3, 4];
    let old = net.at(Place::Outside, || leader_of(&hosts));
    let other = (old + 1) % 5;
    let most: Vec<usize> = hosts.into_iter().filter(|host| ![old, other].contains(host)).collect();
    let urls: Vec<String> = most.iter().map(|host| client_url(*host)).collect();
    let (acks, watcher_keys) = net.at(Place::Outside, || async {
        client(&urls[0]).await.put("before", "1", None).await.unwrap();
        let writers = Writers::start(2, &urls, "w/");
        let watcher = Watcher::start(&urls, 0, "w/", 2);
        writers.advance(50).await;
        net.cut(&[old, other]);
        // A new leader is found without the old one.
        writers.advance(50).await;
        assert!(most.contains(&leader_of(&most).await));
        writers.advance(50).await;
        let acks = writers.stop().await;
        let keys = keys_of(&mut client(&urls[0]).await, "w/", false).await;
        watcher.assert_saw(&keys).await;
        (acks, keys)
    });
    assert_kept(&acks, &watcher_keys);
    for host in [old, other] {
        net.at(Place::Host(host), || async {
            let mut client = client("http://127.0.0.1:2379").await;
            let refused = client.put("lost", "1", None).await.unwrap_err();
            assert_eq!(code(&refused), tonic::Code::Unavailable, "{refused}");
            let refused = client.get("before", None).await.unwrap_err();
            assert_eq!(code(&refused), tonic::Code::Unavailable, "{refused}");
            let serializable = GetOptions::new().with_serializable();
            assert_eq!(client.get("before", Some(serializable)).await.unwrap().count(), 1);
        });
    }
    net.heal();
    net.at(Place::Outside, || async {
        leader_of(&hosts).await;
        for host in hosts {
            let mut client = client(&client_url(host)).await;
            assert_eq!(keys_of(&mut client, "w/", false).await, watcher_keys, "m{host}");
            assert_eq!(client.get("lost", None).await.unwrap().count(), 0);
            let put = client.put(format!("after/{host}"), "1", None);
            tokio::time::timeout(Duration::from_secs(10), put).await.unwrap().unwrap();
        }
    });
}

fn code(error: &etcd_client::Error) -> tonic::Code {
    match error {
        etcd_client::Error::GRpcStatus(status) => status.code(),
        other => panic!("{other}"),
    }
}

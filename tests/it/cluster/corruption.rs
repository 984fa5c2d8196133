//! Members that do not hold the same.

use std::fs;

use etcd_client::{AlarmAction, AlarmType, Client, Error};
use mgmt::cluster::disk::wal::{SnapshotMark, Wal};
use mgmt::cluster::etcd::log_entry;
use mgmt::cluster::store::request::Change;
use tonic::Code;

use super::processes::{Cluster, Place};

const FLAGS: [&str; 1] = ["--experimental-corrupt-check-time=200ms"];

fn code(error: &Error) -> (Code, &str) {
    match error {
        Error::GRpcStatus(status) => (status.code(), status.message()),
        other => panic!("{other}"),
    }
}

/// Writes a member's log anew, with another value in one of its puts: as a disk, a memory or a program may do it, past
/// every checksum.
fn corrupt(member: &Place) {
    let dir = member.folder.join("member/wal");
    let (wal, mut found) = Wal::open(&dir, &SnapshotMark::default()).unwrap();
    let put = found.entries.iter_mut().rev().find_map(|entry| {
        let mut command = log_entry::decode(&entry.data).ok().filter(|_| !entry.data.is_empty())?;
        let Change::Put(put) = &mut command.change else { return None };
        put.value = Some("something else".into());
        Some((entry, command))
    });
    let (entry, command) = put.expect("something was put");
    entry.data = log_entry::encode(&command);
    drop(wal);
    fs::remove_dir_all(&dir).unwrap();
    let mut wal = Wal::create(&dir, found.metadata).unwrap();
    wal.append(Some(&found.state), &found.entries).unwrap();
    wal.sync().unwrap();
}

/// Three members, of which the last that is no leader holds something else; it is stopped.
async fn corrupted(flags: &[&str]) -> (Cluster, usize, Vec<super::processes::Process>) {
    let cluster = Cluster::of(3, flags);
    let mut processes = cluster.start().await;
    let mut client = processes[0].client().await;
    client.put("k", "what was meant", None).await.unwrap();
    let mut follower = None;
    for (number, process) in processes.iter().enumerate() {
        let mut client = process.client().await;
        // It has applied the put.
        assert_eq!(client.get("k", None).await.unwrap().kvs().len(), 1);
        let status = client.status().await.unwrap();
        if status.leader() != status.header().unwrap().member_id() {
            follower = Some(number);
        }
    }
    let follower = follower.expect("two of three follow");
    processes.remove(follower).stop().await;
    corrupt(&cluster.members[follower]);
    (cluster, follower, processes)
}

async fn alarm(client: &mut Client) -> Option<(AlarmType, u64)> {
    let answer = client.alarm(AlarmAction::Get, AlarmType::None, None).await.unwrap();
    answer.alarms().first().map(|alarm| (alarm.alarm(), alarm.member_id()))
}

#[tokio::test]
async fn a_member_that_holds_something_else_is_found_out_and_writes_are_refused() {
    let (cluster, follower, processes) = corrupted(&FLAGS).await;
    let liar = cluster.members[follower].start(&[]);
    liar.ready().await;
    let own = liar.client().await.status().await.unwrap().header().unwrap().member_id();
    let mut client = processes[0].client().await;
    let raised = loop {
        if let Some(raised) = alarm(&mut client).await {
            break raised;
        }
    };
    assert_eq!(raised, (AlarmType::Corrupt, own));
    let corrupt = (Code::DataLoss, "etcdserver: corrupt cluster");
    assert_eq!(code(&client.put("k", "v", None).await.unwrap_err()), corrupt);
    assert_eq!(code(&client.delete("k", None).await.unwrap_err()), corrupt);
    assert_eq!(code(&client.lease_grant(9, None).await.unwrap_err()), corrupt);
    assert_eq!(code(&client.compact(1, None).await.unwrap_err()), corrupt);
    // What is there can still be saved.
    assert_eq!(client.get("k", None).await.unwrap().kvs()[0].value(), b"what was meant");
}

#[tokio::test]
async fn a_member_that_compares_at_its_start_does_not_serve_something_else() {
    let (cluster, follower, _processes) = corrupted(&[]).await;
    let mut member = cluster.members[follower].clone();
    member.flags.push("--experimental-initial-corrupt-check=true".to_owned());
    let mut liar = member.start(&[]);
    assert_eq!(liar.ended().await.code(), Some(75));
    let said = liar.said();
    assert!(said.contains("this member holds other data than member") && said.contains("hint"), "{said}");
}

#[tokio::test]
async fn members_that_hold_the_same_are_left_in_peace() {
    let cluster = Cluster::of(3, &["--experimental-corrupt-check-time=20ms", "--log-level=debug"]);
    let processes = cluster.start().await;
    let mut client = processes[0].client().await;
    for number in 0..200 {
        client.put(format!("k{}", number % 7), format!("{number}"), None).await.unwrap();
        if number % 50 == 49 {
            let revision = client.get("k", None).await.unwrap().header().unwrap().revision();
            client.compact(revision - 20, None).await.unwrap();
        }
    }
    // One of them leads and compares.
    let says = processes.iter().map(|process| Box::pin(process.says("comparison=Same")));
    futures_util::future::select_all(says).await;
    assert_eq!(alarm(&mut client).await, None);
}

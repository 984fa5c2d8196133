//! Folders that are not what they should be.

use std::fs;
use std::path::{Path, PathBuf};

use mgmt::cluster::disk::wal::{Metadata, Wal};
use mgmt::cluster::etcd::log_entry;
use mgmt::cluster::raft::wire::{Entry, HardState};
use mgmt::cluster::store::request::{Change, Command};

use super::super::processes::{Cluster, Place};

fn log(member: &Place) -> PathBuf {
    member.folder.join("member/wal")
}

fn segment(member: &Place) -> PathBuf {
    let mut segments: Vec<PathBuf> =
        fs::read_dir(log(member)).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
    segments.sort();
    segments.pop().unwrap()
}

/// How it ends, and what it says.
async fn refused(member: &Place) -> String {
    let mut process = member.start(&[]);
    let status = process.ended().await;
    let said = process.said();
    assert_eq!(status.code(), Some(75), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// What a disk writes whole, or not at all.
const SECTOR: usize = 512;

/// Makes a member, and leaves its folder with a few writes, each over more than a sector.
async fn left_with_writes() -> Cluster {
    let cluster = Cluster::of(1, &[]);
    let process = cluster.start().await.pop().unwrap();
    let mut client = process.client().await;
    for number in 0..20 {
        client.put(format!("k{number}"), format!("here it is{:SECTOR$}", "."), None).await.unwrap();
    }
    process.stop().await;
    cluster
}

fn find(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    bytes.windows(what.len()).enumerate().filter(|(_, window)| *window == what).map(|(at, _)| at).collect()
}

#[tokio::test]
async fn a_folder_of_something_else_is_left_alone() {
    let cluster = Cluster::of(1, &[]);
    let member = &cluster.members[0];
    fs::create_dir_all(log(member)).unwrap();
    fs::write(log(member).join("notes.txt"), "mine").unwrap();
    let said = refused(member).await;
    assert!(said.contains("there is no log in") && said.contains("hint"), "{said}");
    assert_eq!(fs::read_to_string(log(member).join("notes.txt")).unwrap(), "mine");
    let blocked = Place { folder: member.folder.join("member/wal/notes.txt"), ..member.clone() };
    let said = refused(&blocked).await;
    assert!(said.contains("cannot make"), "{said}");
}

#[tokio::test]
async fn a_folder_that_another_process_has_is_refused() {
    let cluster = Cluster::of(1, &[]);
    let running = cluster.start().await.pop().unwrap();
    let second = Cluster::of(1, &[]);
    let member = Place { folder: cluster.members[0].folder.clone(), ..second.members[0].clone() };
    let said = refused(&member).await;
    assert!(said.contains("another process uses") && said.contains("hint"), "{said}");
    running.client().await.put("k", "v", None).await.unwrap();
}

#[tokio::test]
async fn an_address_that_somebody_has_is_told_with_what_to_do() {
    let (first, second) = (Cluster::of(1, &[]), Cluster::of(1, &[]));
    let _running = first.start().await;
    let member = Place { client: first.members[0].client, ..second.members[0].clone() };
    let said = refused(&member).await;
    let taken = format!("cannot listen at http://127.0.0.1:{}: Address already in use", member.client);
    assert!(said.contains(&taken) && said.contains("hint: another program listens there"), "{said}");
}

#[tokio::test]
async fn a_torn_end_is_cut_and_damage_before_it_is_an_error() {
    let cluster = left_with_writes().await;
    let member = &cluster.members[0];
    let path = segment(member);
    let whole = fs::read(&path).unwrap();
    let places = find(&whole, b"here it is");
    assert_eq!(places.len(), 20);

    let mut torn = whole.clone();
    torn[places[19].next_multiple_of(SECTOR)..].fill(0);
    fs::write(&path, &torn).unwrap();
    let process = member.start(&[]);
    process.says("was torn, as a crash leaves it").await;
    process.ready().await;
    let all = etcd_client::GetOptions::new().with_prefix();
    assert_eq!(process.client().await.get("k", Some(all)).await.unwrap().kvs().len(), 19);
    process.stop().await;

    let mut damaged = whole;
    damaged[places[7]] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let said = refused(member).await;
    assert!(said.contains("the log is damaged") && said.contains("restore a snapshot"), "{said}");
}

/// A log of a lone member with one more command in it.
fn write_log(dir: &Path, change: Change) {
    let command = Command { id: 77, caller: None, change };
    let entry = Entry { term: 1, index: 1, data: log_entry::encode(&command), ..Default::default() };
    let mut wal = Wal::create(dir, Metadata { node_id: 5, cluster_id: 6 }).unwrap();
    wal.append(Some(&HardState { term: 1, vote: 5, commit: 1 }), [&entry]).unwrap();
    wal.sync().unwrap();
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_refused() {
    let cluster = Cluster::of(1, &[]);
    let member = &cluster.members[0];
    fs::create_dir_all(member.folder.join("member")).unwrap();
    write_log(&log(member), Change::ClusterVersion { version: "3.9.0".to_owned() });
    let mut process = member.start(&[]);
    let status = process.ended().await;
    assert_eq!(status.code(), Some(75));
    let said = process.said();
    assert!(said.contains("newer version") && said.contains("3.9.0"), "{said}");
}

#[tokio::test]
async fn a_member_of_another_cluster_is_refused_by_the_others() {
    let mine = left_with_writes().await;
    let cluster = Cluster::of(2, &[]);
    // It comes at the address of the second one, with a folder of another cluster.
    let stranger = Place { folder: mine.members[0].folder.clone(), ..cluster.members[1].clone() };
    let (first, second) = (cluster.members[0].start(&[]), stranger.start(&[]));
    first.says("member of another cluster").await;
    drop(second);
}

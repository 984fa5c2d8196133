//! No room: on the disk, or by the quota.

use std::path::{Path, PathBuf};

use etcd_client::{AlarmAction, AlarmType, Client, Error};
use tokio::process::Command;
use tonic::Code;

use super::super::processes::{Cluster, Place, Process};

const VALUE: usize = 256 << 10;
const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";

fn code(error: &Error) -> (Code, String) {
    match error {
        Error::GRpcStatus(status) => (status.code(), status.message().to_owned()),
        other => panic!("{other}"),
    }
}

/// Starts a member whose folder is a file system of that many megabytes, which goes with the process; where that is
/// for us.
fn start_on_small_disk(member: &Place, megabytes: u32) -> (Process, PathBuf) {
    std::fs::create_dir_all(&member.folder).unwrap();
    let folder = member.folder.display();
    let words = member.command_line().join(" ");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs -o size={megabytes}m tmpfs {folder} && exec {words}"));
    let process = Process::of(command, member.client);
    let seen = PathBuf::from(format!("/proc/{}/root{folder}", process.id()));
    (process, seen)
}

/// Writes until it is refused for want of room; how many writes were acknowledged.
async fn fill(client: &mut Client, prefix: &str) -> usize {
    let mut acknowledged = 0;
    for number in 0.. {
        match client.put(format!("{prefix}{number}"), vec![1; VALUE], None).await {
            Ok(_) => acknowledged += 1,
            Err(error) => match code(&error) {
                (Code::ResourceExhausted, text) if text == NO_SPACE => break,
                // It was under way when the disk was found full.
                (Code::Unavailable, text) if text.starts_with("etcdserver: request timed out") => {}
                (Code::Unavailable, text) if text.contains("leader") => {}
                other => panic!("{other:?}"),
            },
        }
    }
    acknowledged
}

async fn count(client: &mut Client, prefix: &str) -> usize {
    let all = etcd_client::GetOptions::new().with_prefix().with_count_only();
    usize::try_from(client.get(prefix, Some(all)).await.unwrap().count()).unwrap()
}

/// Takes room, so that there is some to give back.
fn hold_room(disk: &Path, bytes: u64) -> PathBuf {
    let path = disk.join("held");
    let file = std::fs::File::create(&path).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).unwrap();
    path
}

#[tokio::test]
async fn a_member_whose_disk_is_full_refuses_writes_until_there_is_room() {
    let cluster = Cluster::of(1, &[]);
    let (process, disk) = start_on_small_disk(&cluster.members[0], 180);
    process.ready().await;
    let held = hold_room(&disk, 100 << 20);
    let mut client = process.client().await;
    let written = fill(&mut client, "a").await;
    process.says("no space is left for the log").await;
    assert!(count(&mut client, "a").await >= written, "what was acknowledged is there, and reads go on");
    std::fs::remove_file(held).unwrap();
    process.says("there is space for the log again").await;
    client.put("after", "1", None).await.unwrap();
    assert_eq!(client.get("after", None).await.unwrap().kvs().len(), 1);
}

#[tokio::test]
async fn a_leader_whose_disk_is_full_gives_leadership_away() {
    let cluster = Cluster::of(3, &[]);
    let (full, disk) = start_on_small_disk(&cluster.members[0], 180);
    let others = [cluster.members[1].start(&[]), cluster.members[2].start(&[])];
    for process in others.iter().chain([&full]) {
        process.ready().await;
    }
    let mut client = full.client().await;
    let own = client.status().await.unwrap().header().unwrap().member_id();
    let mut other = others[0].client().await;
    while other.status().await.unwrap().leader() != own {
        for process in &others {
            // Only the one that leads does it.
            let _ = process.client().await.move_leader(own).await;
        }
    }
    let held = hold_room(&disk, 100 << 20);
    fill(&mut client, "a").await;
    full.says("no space is left for the log").await;
    // The others go on without it.
    while other.put("on", "1", None).await.is_err() {}
    assert_ne!(other.status().await.unwrap().leader(), own);
    std::fs::remove_file(held).unwrap();
    full.says("there is space for the log again").await;
    client.put("after", "1", None).await.unwrap();
    assert_eq!(client.get("on", None).await.unwrap().kvs().len(), 1);
}

#[tokio::test]
async fn a_quota_that_is_too_small_stops_writes_until_it_is_made_room_and_the_alarm_is_ended() {
    let cluster = Cluster::of(1, &["--quota-backend-bytes=4000000"]);
    let process = cluster.start().await.pop().unwrap();
    let mut client = process.client().await;
    let written = fill(&mut client, "a").await;
    assert!((4..=16).contains(&written), "{written}");
    let alarms = client.alarm(AlarmAction::Get, AlarmType::None, None).await.unwrap();
    assert_eq!(alarms.alarms()[0].alarm(), AlarmType::Nospace);
    // Also what would fit.
    assert_eq!(code(&client.put("b", "1", None).await.unwrap_err()).1, NO_SPACE);
    let all = etcd_client::DeleteOptions::new().with_prefix();
    let deleted = client.delete("a", Some(all)).await.unwrap();
    let revision = deleted.header().unwrap().revision();
    let physical = etcd_client::CompactionOptions::new().with_physical();
    client.compact(revision, Some(physical)).await.unwrap();
    assert_eq!(code(&client.put("b", "1", None).await.unwrap_err()).1, NO_SPACE);
    let member = alarms.alarms()[0].member_id();
    let mut options = etcd_client::AlarmOptions::new();
    options.with_member(member);
    client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(options)).await.unwrap();
    client.put("b", "1", None).await.unwrap();
}

//! `etcdctl` reads our database files (Debian's etcd-client, which `make test` installs).

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use mgmt::cluster::disk::bbolt::{Reader, Writer};
use mgmt::cluster::disk::wal::{SnapshotMark, Wal};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// etcd's buckets before `key`, and behind it.
const BEFORE: [&str; 5] = ["alarm", "auth", "authRoles", "authUsers", "cluster"];
const BEHIND: [&str; 3] = ["lease", "members", "members_removed"];

/// A key of the bucket `key`: a revision, main and sub.
fn revision(main: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&main.to_be_bytes());
    key[8] = b'_';
    key
}

/// What etcd keeps of a key (`mvccpb.KeyValue`).
#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    create_revision: i64,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(int64, tag = "4")]
    version: i64,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
}

fn row(number: u64, size: usize) -> ([u8; 17], Vec<u8>) {
    let at = number as i64 + 2;
    let key = format!("key {number}").into_bytes();
    let row = KeyValue { key, create_revision: at, mod_revision: at, version: 1, value: vec![b'v'; size] };
    (revision(number + 2), row.encode_to_vec())
}

/// A snapshot of `count` values as `etcdctl snapshot save` leaves it: with its checksum behind it.
fn snapshot(path: &Path, count: u64, value: usize) {
    let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let mut writer = Writer::new(file).unwrap();
    let none = || std::iter::empty::<(&[u8], &[u8])>();
    for name in BEFORE {
        writer.bucket(name.as_bytes(), none()).unwrap();
    }
    writer.bucket(b"key", (0..count).map(|number| row(number, value))).unwrap();
    for name in BEHIND {
        writer.bucket(name.as_bytes(), none()).unwrap();
    }
    writer.bucket(b"meta", [("consistent_index", count.to_be_bytes())]).unwrap();
    drop(writer.finish().unwrap());
    let content = std::fs::read(path).unwrap();
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(&Sha256::digest(&content)).unwrap();
}

/// `etcdctl snapshot status`, which looks at every page and goes through every bucket: keys and revision.
fn status(path: &Path) -> (u64, u64) {
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "status", "--write-out=json"])
        .arg(path)
        .output()
        .expect("etcdctl is there: make test installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    (status["totalKey"].as_u64().unwrap(), status["revision"].as_u64().unwrap())
}

#[test]
fn etcdctl_reads_our_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    for (number, (count, value)) in [(0, 0), (1, 10), (100_000, 100), (3, 1 << 20)].into_iter().enumerate() {
        let path = dir.path().join(format!("{number}.db"));
        snapshot(&path, count, value);
        // `meta` has one key too.
        let last = if count == 0 { 0 } else { count + 1 };
        assert_eq!(status(&path), (count + 1, last), "{count} values of {value} bytes");
        let reader = Reader::open(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.entries(b"key").unwrap().count() as u64, count);
    }
}

#[test]
fn etcdctl_restores_our_snapshots_into_a_data_directory_whose_files_we_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ours.db");
    snapshot(&path, 1000, 100);
    let data = dir.path().join("data");
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "restore", "--name=one", "--initial-cluster=one=http://127.0.0.1:2380"])
        .args(["--initial-advertise-peer-urls=http://127.0.0.1:2380", "--data-dir"])
        .args([&data, &path])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let reader = Reader::open(File::open(data.join("member/snap/db")).unwrap()).unwrap();
    assert_eq!(reader.entries(b"key").unwrap().filter(Result::is_ok).count(), 1000);
    // The log that etcd made has the one member as its first entry.
    let (wal, recovered) = Wal::open(&data.join("member/wal"), &SnapshotMark::default()).unwrap();
    assert_eq!((recovered.entries.len(), recovered.cut), (1, None));
    assert_eq!(recovered.state.commit, 1);
    drop(wal);
}

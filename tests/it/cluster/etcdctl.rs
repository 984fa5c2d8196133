//! Debian's `etcdctl` against the store.

use super::served::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_writes_reads_and_deletes() {
    let store = Served::start().await;
    assert_eq!(store.etcdctl("put foo bar").await.unwrap(), "OK\n");
    assert_eq!(store.etcdctl("get foo").await.unwrap(), "foo\nbar\n");
    assert_eq!(store.etcdctl("get f --prefix --keys-only").await.unwrap(), "foo\n\n");
    assert_eq!(store.etcdctl("del foo").await.unwrap(), "1\n");
    assert_eq!(store.etcdctl("get foo").await.unwrap(), "");
    assert_eq!(store.etcdctl("compaction 3").await.unwrap(), "compacted revision 3\n");
    let refused = store.etcdctl("get foo --rev=2").await.unwrap_err();
    assert!(refused.contains("etcdserver: mvcc: required revision has been compacted"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_shows_members_status_alarms_and_hashes() {
    let store = Served::start().await;
    assert_eq!(
        store.etcdctl("member list").await.unwrap(),
        "8e9e05c52164694d, started, default, http://localhost:2380, http://localhost:2379, false\n"
    );
    let status = store.etcdctl("endpoint status").await.unwrap();
    assert!(status.contains(", 8e9e05c52164694d, 3.5.30, "), "{status}");
    assert!(status.contains(", true, false, 2, 4, 4, "), "{status}");
    assert!(store.etcdctl("endpoint health").await.is_ok());
    assert!(store.etcdctl("endpoint hashkv").await.is_ok());
    assert_eq!(store.etcdctl("alarm list").await.unwrap(), "");
    assert!(store.etcdctl("defrag").await.unwrap().starts_with("Finished defragmenting"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_grants_keeps_and_revokes_leases() {
    let store = Served::start().await;
    let granted = store.etcdctl("lease grant 100").await.unwrap();
    let id = granted.split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(granted, format!("lease {id} granted with TTL(100s)\n"));
    assert_eq!(store.etcdctl(&format!("put foo bar --lease={id}")).await.unwrap(), "OK\n");
    let alive = store.etcdctl(&format!("lease keep-alive --once {id}")).await.unwrap();
    assert_eq!(alive, format!("lease {id} keepalived with TTL(100)\n"));
    let left = store.etcdctl(&format!("lease timetolive {id} --keys")).await.unwrap();
    assert!(
        left.contains("granted with TTL(100s), remaining(") && left.ends_with("attached keys([foo])\n"),
        "{left}"
    );
    assert_eq!(store.etcdctl("lease list").await.unwrap(), format!("found 1 leases\n{id}\n"));
    assert_eq!(store.etcdctl(&format!("lease revoke {id}")).await.unwrap(), format!("lease {id} revoked\n"));
    assert_eq!(store.etcdctl("get foo").await.unwrap(), "");
    let refused = store.etcdctl(&format!("lease revoke {id}")).await.unwrap_err();
    assert!(refused.contains("etcdserver: requested lease not found"), "{refused}");
}

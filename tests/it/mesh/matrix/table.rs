//! Who may do what, as docs/SECURITY.md has it: what the tests of this folder expect.

use super::operation::Operation;

/// Keys of every row of the rules, and what may be done with each: `r`ead, `w`rite, `d`elete; `a`: added, once. The last
/// column is the host `web-1` at a real etcd, as its roles say it.
pub struct Row {
    pub key: &'static str,
    pub web: &'static str,
    pub db: &'static str,
    pub root: &'static str,
    pub web_at_etcd: &'static str,
}

const fn row(
    key: &'static str,
    web: &'static str,
    db: &'static str,
    root: &'static str,
    web_at_etcd: &'static str,
) -> Row {
    Row { key, web, db, root, web_at_etcd }
}

/// The host `web-1` was invited without `serve`, `db-1` with it; `root` administers.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    //   key                                     web-1  db-1   root   web-1 at an etcd
    row("/_mgmt/export/*/file/web-1/x",          "rwd", "r",   "rwd", "rwd"),
    row("/_mgmt/export/*/file/db-1/x",           "r",   "rwd", "rwd", "rwd"),
    row("/_mgmt/export/web-1/file/db-1/x",       "r",   "rwd", "rwd", "rwd"),
    row("/_mgmt/export/db-1/file/web-1/x",       "rwd", "r",   "rwd", "wd"),
    row("/_mgmt/export/db-1/file/db-2/x",        "",    "r",   "rwd", "wd"),
    row("/_mgmt/export/web-10/file/db-2/x",      "",    "",    "rwd", "wd"),
    row("/_mgmt/host/web-1/note",                "rwd", "r",   "rwd", "rwd"),
    row("/_mgmt/host/db-1/note",                 "r",   "rwd", "rwd", "r"),
    row("/_mgmt/host/web-10/note",               "r",   "r",   "rwd", "r"),
    row("/_mgmt/strings/host/k/web-1",           "rwd", "r",   "rwd", "rwd"),
    row("/_mgmt/strings/host/k/db-1",            "r",   "rwd", "rwd", "rwd"),
    row("/_mgmt/strings/shared/x",               "r",   "r",   "rwd", "r"),
    // `mgmt mesh allow kv web/ --host 'web-*'`
    row("/_mgmt/strings/shared/web/x",           "rwd", "r",   "rwd", "r"),
    row("/_mgmt/schedule/ns/candidate/web-1",    "rwd", "r",   "rwd", "rwd"),
    row("/_mgmt/schedule/ns/candidate/db-1",     "r",   "rwd", "rwd", "rwd"),
    row("/_mgmt/schedule/ns/choice",             "r",   "r",   "rwd", "rwd"),
    row("/_mgmt/deploy/00000000000000000001",    "r",   "r",   "rwd", "r"),
    row("/_mgmt/rollout",                        "r",   "r",   "rwd", "r"),
    row("/_mgmt/blob/aa",                        "r",   "r",   "rwd", "r"),
    row("/_mgmt/policy",                         "r",   "r",   "rwd", "r"),
    row("/_mgmt/policy/kv/x/web-1",              "r",   "r",   "rwd", "r"),
    row("/_mgmt/secret/tls/web-1",               "r",   "",    "rwd", "r"),
    row("/_mgmt/secret/tls/db-1",                "",    "r",   "rwd", "r"),
    row("/_mgmt/secret-to/tls",                  "",    "",    "rwd", ""),
    row("/_mgmt/audit/web-1/matrix",             "a",   "",    "r",   "wd"),
    row("/_mgmt/audit/db-1/matrix",              "",    "a",   "r",   ""),
    row("/_mgmt/audit/admin:root/matrix",        "",    "",    "ra",  ""),
    row("/_mgmt/pki/administrators",             "r",   "r",   "rwd", "r"),
    row("/_mgmt/pki/denied",                     "r",   "r",   "rwd", "r"),
    row("/_mgmt/pki/roots",                      "r",   "r",   "rwd", "r"),
    row("/_mgmt/pki/host/db-1",                  "r",   "r",   "rwd", "r"),
    row("/_mgmt/pki/invite/1f",                  "",    "",    "rwd", ""),
    row("/_mgmt/pki/used/1f",                    "",    "",    "rwd", ""),
    row("/_mgmt/store/ff",                       "r",   "r",   "rwd", "r"),
    row("/_mgmt/steward/members",                "r",   "r",   "rwd", "r"),
    row("/_mgmt/steward/exchange",               "",    "",    "rwd", ""),
    row("/_mgmt/upload/web-1/0",                 "",    "",    "rwd", ""),
    row("/_mgmt/anything-else",                  "",    "",    "rwd", ""),
    row("/registry/pods",                        "",    "",    "rwd", ""),
];

/// What an operation on a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// All of these rights.
    Rights(&'static str),
    /// To write a key of which one says that it is not there: reading and writing, or adding.
    Adding,
    /// To write, and somebody else's lease.
    LeaseOfAnother,
    /// All keys from this one on, and not only this one.
    ReadBeyond,
    /// The same for removing.
    RemoveBeyond,
}

/// Every operation on a key, and what it asks for.
#[rustfmt::skip]
pub const OPERATIONS: &[(Operation, Asks)] = &[
    (Operation::Range,                  Asks::Rights("r")),
    (Operation::Count,                  Asks::Rights("r")),
    (Operation::RangeBeyond,            Asks::ReadBeyond),
    (Operation::Comparison,             Asks::Rights("r")),
    (Operation::RangeInTheOtherBranch,  Asks::Rights("r")),
    (Operation::Watch,                  Asks::Rights("r")),
    (Operation::WatchBeyond,            Asks::ReadBeyond),
    (Operation::Put,                    Asks::Rights("w")),
    (Operation::PutThatReads,           Asks::Rights("rw")),
    (Operation::PutUnderOwnLease,       Asks::Rights("w")),
    (Operation::PutUnderAnothersLease,  Asks::LeaseOfAnother),
    (Operation::PutBeside,              Asks::Rights("w")),
    (Operation::PutInTheOtherBranch,    Asks::Rights("w")),
    (Operation::PutNested,              Asks::Rights("w")),
    (Operation::PutWhereNothingIs,      Asks::Adding),
    (Operation::Delete,                 Asks::Rights("d")),
    (Operation::DeleteThatReads,        Asks::Rights("rd")),
    (Operation::DeleteInTheOtherBranch, Asks::Rights("d")),
    (Operation::DeleteBeyond,           Asks::RemoveBeyond),
];

/// Who may do what is not about keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Whoever is of the mesh.
    Everybodys,
    /// The administrators'.
    Administrators,
    /// The host's `web-1`, and the administrators'.
    Webs,
    /// Nobody's: the rules are built in, and nobody has a password.
    Nobodys,
}

use Whose::{Administrators, Everybodys, Nobodys, Webs};

/// A call that is not about keys: its gRPC method, its path at the gateway, what is asked, and whose it is.
///
/// `OWN` is the lease of who asks, and `MINE` a name under which they may write; `WEBS` is the lease of `web-1`, and `LOCK` a name
/// under which it may write; `PEER` is the URL of the member. Members that have a number are not there.
#[rustfmt::skip]
pub const CALLS: &[(&str, &str, &str, Whose)] = &[
    ("etcdserverpb.Cluster/MemberList",    "cluster/member/list",    "{}",                          Everybodys),
    ("etcdserverpb.Cluster/MemberAdd",     "cluster/member/add",     r#"{"peerURLs":["PEER"]}"#,    Administrators),
    ("etcdserverpb.Cluster/MemberRemove",  "cluster/member/remove",  r#"{"ID":"4711"}"#,            Administrators),
    ("etcdserverpb.Cluster/MemberUpdate",  "cluster/member/update",  r#"{"ID":"4711","peerURLs":["PEER"]}"#, Administrators),
    ("etcdserverpb.Cluster/MemberPromote", "cluster/member/promote", r#"{"ID":"4711"}"#,            Administrators),
    ("etcdserverpb.KV/Compact",            "kv/compaction",          r#"{"revision":"2"}"#,         Administrators),
    ("etcdserverpb.Maintenance/Status",    "maintenance/status",     "{}",                          Everybodys),
    ("etcdserverpb.Maintenance/Alarm",     "maintenance/alarm",      "{}",                          Everybodys),
    ("etcdserverpb.Maintenance/Alarm",     "maintenance/alarm",      r#"{"action":"ACTIVATE","alarm":"NONE"}"#, Administrators),
    ("etcdserverpb.Maintenance/Alarm",     "maintenance/alarm",      r#"{"action":"DEACTIVATE","alarm":"NONE"}"#, Administrators),
    ("etcdserverpb.Maintenance/Defragment","maintenance/defragment", "{}",                          Administrators),
    ("etcdserverpb.Maintenance/Hash",      "maintenance/hash",       "{}",                          Administrators),
    ("etcdserverpb.Maintenance/HashKV",    "maintenance/hashkv",     "{}",                          Administrators),
    ("etcdserverpb.Maintenance/Snapshot",  "maintenance/snapshot",   "{}",                          Administrators),
    ("etcdserverpb.Maintenance/MoveLeader","maintenance/transfer-leadership", r#"{"targetID":"4711"}"#, Administrators),
    ("etcdserverpb.Maintenance/Downgrade", "maintenance/downgrade",  r#"{"version":"3.4.0"}"#,      Administrators),
    ("etcdserverpb.Lease/LeaseGrant",      "lease/grant",            r#"{"TTL":"60"}"#,             Everybodys),
    ("etcdserverpb.Lease/LeaseGrant",      "lease/grant",            r#"{"TTL":"60","ID":"4711"}"#, Administrators),
    ("etcdserverpb.Lease/LeaseTimeToLive", "lease/timetolive",       r#"{"ID":"OWN","keys":true}"#, Everybodys),
    ("etcdserverpb.Lease/LeaseTimeToLive", "lease/timetolive",       r#"{"ID":"WEBS","keys":true}"#, Webs),
    ("etcdserverpb.Lease/LeaseKeepAlive",  "lease/keepalive",        r#"{"ID":"WEBS"}"#,            Webs),
    ("etcdserverpb.Lease/LeaseLeases",     "lease/leases",           "{}",                          Administrators),
    ("v3lockpb.Lock/Lock",                 "lock/lock",              r#"{"name":"MINE","lease":"OWN"}"#, Everybodys),
    ("v3lockpb.Lock/Lock",                 "lock/lock",              r#"{"name":"LOCK","lease":"OWN"}"#, Webs),
    ("v3lockpb.Lock/Lock",                 "lock/lock",              r#"{"name":"YQ==","lease":"OWN"}"#, Administrators),
    ("v3lockpb.Lock/Unlock",               "lock/unlock",            r#"{"key":"LOCK"}"#,           Webs),
    ("v3lockpb.Lock/Unlock",               "lock/unlock",            r#"{"key":"YQ=="}"#,           Administrators),
    ("v3electionpb.Election/Campaign",     "election/campaign",      r#"{"name":"Yg==","lease":"OWN"}"#, Administrators),
    ("v3electionpb.Election/Leader",       "election/leader",        r#"{"name":"Yg=="}"#,          Administrators),
    ("v3electionpb.Election/Observe",      "election/observe",       r#"{"name":"Yg=="}"#,          Administrators),
    ("v3electionpb.Election/Proclaim",     "election/proclaim",      r#"{"leader":{"key":"LOCK","rev":"1"}}"#, Webs),
    ("v3electionpb.Election/Proclaim",     "election/proclaim",      r#"{"leader":{"key":"YQ==","rev":"1"}}"#, Administrators),
    ("v3electionpb.Election/Resign",       "election/resign",        r#"{"leader":{"key":"LOCK","rev":"1"}}"#, Webs),
    ("v3electionpb.Election/Resign",       "election/resign",        r#"{"leader":{"key":"YQ==","rev":"1"}}"#, Administrators),
    ("etcdserverpb.Lease/LeaseRevoke",     "lease/revoke",           r#"{"ID":"WEBS"}"#,            Webs),
    ("etcdserverpb.Auth/AuthStatus",       "auth/status",            "{}",                          Administrators),
    ("etcdserverpb.Auth/UserList",         "auth/user/list",         "{}",                          Administrators),
    ("etcdserverpb.Auth/UserGet",          "auth/user/get",          r#"{"name":"root"}"#,          Administrators),
    ("etcdserverpb.Auth/RoleList",         "auth/role/list",         "{}",                          Administrators),
    ("etcdserverpb.Auth/RoleGet",          "auth/role/get",          r#"{"role":"root"}"#,          Administrators),
    ("etcdserverpb.Auth/AuthEnable",       "auth/enable",            "{}",                          Nobodys),
    ("etcdserverpb.Auth/AuthDisable",      "auth/disable",           "{}",                          Nobodys),
    ("etcdserverpb.Auth/Authenticate",     "auth/authenticate",      r#"{"name":"root","password":"x"}"#, Nobodys),
    ("etcdserverpb.Auth/UserAdd",          "auth/user/add",          r#"{"name":"eve","password":"x"}"#, Nobodys),
    ("etcdserverpb.Auth/UserDelete",       "auth/user/delete",       r#"{"name":"eve"}"#,           Nobodys),
    ("etcdserverpb.Auth/UserChangePassword","auth/user/changepw",    r#"{"name":"eve","password":"x"}"#, Nobodys),
    ("etcdserverpb.Auth/UserGrantRole",    "auth/user/grant",        r#"{"user":"eve","role":"root"}"#, Nobodys),
    ("etcdserverpb.Auth/UserRevokeRole",   "auth/user/revoke",       r#"{"name":"eve","role":"root"}"#, Nobodys),
    ("etcdserverpb.Auth/RoleAdd",          "auth/role/add",          r#"{"name":"eve"}"#,           Nobodys),
    ("etcdserverpb.Auth/RoleDelete",       "auth/role/delete",       r#"{"role":"eve"}"#,           Nobodys),
    ("etcdserverpb.Auth/RoleGrantPermission","auth/role/grant",      r#"{"name":"eve","perm":{"key":"YQ=="}}"#, Nobodys),
    ("etcdserverpb.Auth/RoleRevokePermission","auth/role/revoke",    r#"{"role":"eve","key":"YQ=="}"#, Nobodys),
];

/// What members say to one another: nobody's who is not a configured member, whatever their certificate says.
pub const PEERS: &[&str] = &["Messages", "Snapshot", "RenewLeases", "LeaseLeft", "HashKv"];

/// Pages beside gRPC and the gateway: for whoever is of the mesh.
pub const PAGES: &[&str] = &["/metrics", "/health", "/version", "/livez", "/readyz"];

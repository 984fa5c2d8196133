//! The same at a real etcd, with the users and roles of `mgmt mesh etcd-setup`: it keeps the rules as far as roles can say them,
//! and what they cannot say is stopped by signatures.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use mgmt::cluster::identity::{Grant, KeyFolder, Roots, key_files};
use mgmt::cluster::mesh::grounds;
use mgmt::cluster::tls::now;
use mgmt::cluster::world::{export_seal, keys};
use serde_json::json;
use tokio::runtime::Runtime;

use super::caller::{Caller, Outcome, Way, first};
use super::operation::{Call, With};
use super::scene::{Heard, Pair, authority, heard, issued, joined, of_administrator};
use super::table::{Asks, OPERATIONS, ROWS};
use super::{NOTHING, outcome, read};
use crate::cluster::process::{Make, Process, etcd35};
use crate::control::host::Agent;
use crate::mesh::village::Village;

/// What is not about keys, and whether a host may do it there.
#[rustfmt::skip]
const CALLS: &[(&str, &str, bool)] = &[
    ("etcdserverpb.Cluster/MemberList",     "{}",                                        true),
    ("etcdserverpb.Cluster/MemberAdd",      r#"{"peerURLs":["http://127.0.0.1:1"]}"#,    false),
    ("etcdserverpb.Cluster/MemberRemove",   r#"{"ID":"4711"}"#,                          false),
    ("etcdserverpb.Cluster/MemberPromote",  r#"{"ID":"4711"}"#,                          false),
    ("etcdserverpb.KV/Compact",             r#"{"revision":"2"}"#,                       false),
    ("etcdserverpb.Lease/LeaseGrant",       r#"{"TTL":"60","ID":"4711"}"#,               true),
    ("etcdserverpb.Maintenance/Status",     "{}",                                        false),
    ("etcdserverpb.Maintenance/Defragment", "{}",                                        false),
    ("etcdserverpb.Maintenance/Hash",       "{}",                                        false),
    ("etcdserverpb.Maintenance/HashKV",     "{}",                                        false),
    ("etcdserverpb.Maintenance/Snapshot",   "{}",                                        false),
    ("v3lockpb.Lock/Lock",                  r#"{"name":"YQ=="}"#,                        false),
    ("etcdserverpb.Auth/AuthDisable",       "{}",                                        false),
    ("etcdserverpb.Auth/UserList",          "{}",                                        false),
    ("etcdserverpb.Auth/UserAdd",           r#"{"name":"eve","password":"x"}"#,          false),
    ("etcdserverpb.Auth/UserGrantRole",     r#"{"user":"host:web-1","role":"root"}"#,    false),
    ("etcdserverpb.Auth/RoleAdd",           r#"{"name":"eve"}"#,                         false),
];

/// Whether a host with these rights may do there what asks for this.
fn is_allowed(asks: Asks, rights: &str) -> bool {
    let has = |wanted: &str| wanted.chars().all(|right| rights.contains(right));
    match asks {
        Asks::Rights(wanted) => has(wanted),
        Asks::Adding => has("rw"),
        // An etcd does not know whose a lease is.
        Asks::LeaseOfAnother => has("w"),
        Asks::ReadBeyond | Asks::RemoveBeyond => false,
    }
}

/// A key, and what it holds.
type Stored = (Vec<u8>, Vec<u8>);

/// A mesh's hosts, and an etcd in place of its store.
struct Scene {
    village: Village,
    etcd: Process,
    roots: Roots,
    folder: PathBuf,
    web: Pair,
    root: Pair,
}

impl Scene {
    /// The mesh is made as always; then an etcd takes the place of its store, and hosts keep their identities.
    fn new() -> (Self, Vec<Stored>) {
        let village = Village::new();
        let mut agent = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
        let at = super::scene::listens(&mut agent);
        village.wait_for("a", "f4a");
        let web = joined(&village, "web-1");
        for host in ["db-1", "evil"] {
            joined(&village, host);
        }
        let (authority, roots) = authority(&village);
        let folder = village.path("state/a/pki");
        let root = of_administrator(&KeyFolder::open(&village.path("state/a")).unwrap());
        let papers = Runtime::new().unwrap().block_on(async {
            let root = Caller::new("root", (at, "a"), &roots, Some((&root.0, &root.1)));
            let range = pb::RangeRequest {
                key: "/_mgmt/pki/".into(),
                range_end: keys::past("/_mgmt/pki/"),
                ..pb::RangeRequest::default()
            };
            let found: pb::RangeResponse =
                first(&root.channel(), "etcdserverpb.KV/Range", range).await.unwrap();
            found.kvs.into_iter().map(|kv| (kv.key.to_vec(), kv.value.to_vec())).collect()
        });
        assert!(agent.stop().success());
        let grant = Grant {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            ..Grant::host("etcd".parse().unwrap(), true)
        };
        let (certificate, key) = issued(&authority, &grant, now());
        fs::write(village.path("etcd.pem"), certificate.to_pem()).unwrap();
        fs::write(village.path("etcd.key"), key.to_pem().as_bytes()).unwrap();
        let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        let flags = [
            file("cert-file", &village.path("etcd.pem")),
            file("key-file", &village.path("etcd.key")),
            file("trusted-ca-file", &folder.join(key_files::ROOTS)),
            "--client-cert-auth".to_owned(),
        ];
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let etcd = Process::start(Make::Etcd, &village.path("etcd-data"), &flags);
        (Self { village, etcd, roots, folder, web, root }, papers)
    }

    /// A command with what `etcdctl` needs.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let tools = etcd35("etcdctl").parent().unwrap().display().to_string();
        command.env("PATH", format!("{tools}:/usr/bin:/bin")).env("ETCDCTL_API", "3");
        command.env("ETCDCTL_ENDPOINTS", format!("https://{}", self.etcd.client()));
        command.env("ETCDCTL_CACERT", self.folder.join(key_files::ROOTS));
        command.env("ETCDCTL_CERT", self.folder.join(key_files::ADMIN_CERTIFICATE));
        command.env("ETCDCTL_KEY", self.folder.join(key_files::ADMIN_TLS_KEY));
        command
    }

    fn etcdctl(&self, words: &str) {
        let output = self.command(etcd35("etcdctl")).args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Users and roles, by the script that is printed; twice, since it may be run again.
    fn set_up(&self) {
        for words in ["user add root:password", "role add root", "user grant-role root root"] {
            self.etcdctl(words);
        }
        let hosts = ["web-1", "db-1", "evil", "--administrator=root"];
        let words: Vec<&str> = ["mesh", "etcd-setup"].into_iter().chain(hosts).collect();
        let script = self.village.path("setup.sh");
        fs::write(&script, self.village.say(&words)).unwrap();
        for _ in 0..2 {
            let output = self.command("sh").arg("-e").arg(&script).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        self.etcdctl("auth enable");
    }

    fn at(&self) -> (SocketAddr, &'static str) {
        (self.etcd.client().parse().unwrap(), "etcd")
    }

    fn caller(&self, name: &'static str, (certificate, key): &Pair) -> Caller {
        Caller::new(name, self.at(), &self.roots, Some((certificate, key)))
    }

    /// A host's agent, which keeps its keys and has the etcd as its store.
    fn agent(&self, host: &str) -> Agent {
        let state = self.village.path(&format!("state/{host}"));
        // Where its mesh was before.
        fs::remove_dir_all(state.join("mesh")).unwrap();
        let file = |flag: &str, name| format!("--{flag}={}", state.join("pki").join(name).display());
        let seeds = format!("--seeds=etcds://{}", self.etcd.client());
        let files = [
            file("cacert", key_files::ROOTS),
            file("cert", key_files::HOST_CERTIFICATE),
            file("key", key_files::HOST_TLS_KEY),
        ];
        self.village.run(host, &[&seeds, &files[0], &files[1], &files[2]])
    }
}

/// Every operation on every row, by a host and by the administrator.
async fn rows(web: &Heard, root: &Heard) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in ROWS {
        let was = read(root, row.key).await;
        let value = was.as_deref().unwrap_or(NOTHING);
        for (operation, asks) in OPERATIONS {
            for (who, another) in [(web, root), (root, web)] {
                let with = With {
                    key: row.key,
                    value,
                    harmless: who.own,
                    own_lease: who.lease,
                    anothers_lease: another.lease,
                };
                let is_root = std::ptr::eq(who, root);
                let expected = outcome(is_root || is_allowed(*asks, row.web_at_etcd));
                let call = operation.call(&with);
                let found = who.caller.ask(Way::Grpc, &who.channel, &call).await;
                if found != expected {
                    let name = who.caller.name;
                    wrong.push(format!("{name} {operation:?} {}: {found:?}, not {expected:?}", row.key));
                }
                // Its gateway forgets the certificate: it is nobody's way. A watch that is refused there says nothing at all.
                if call.path == "watch" {
                    continue;
                }
                let found = who.caller.ask(Way::Gateway, &who.channel, &call).await;
                if found != Outcome::Denied {
                    wrong.push(format!("{operation:?} {} by the gateway: {found:?}", row.key));
                }
            }
        }
        super::put_back(root, row.key, was).await;
    }
    wrong
}

#[test]
fn an_etcd_keeps_the_rules_that_roles_can_say_and_a_forged_export_is_stopped_by_its_signature() {
    let (scene, papers) = Scene::new();
    scene.set_up();
    let runtime = Runtime::new().unwrap();
    let (mut wrong, root) = runtime.block_on(async {
        let root = heard(scene.caller("root", &scene.root), "/own").await;
        for (key, value) in papers {
            let put = pb::PutRequest { key: key.into(), value: value.into(), ..pb::PutRequest::default() };
            let _: pb::PutResponse = first(&root.channel, "etcdserverpb.KV/Put", put).await.unwrap();
        }
        let web = heard(scene.caller("web-1", &scene.web), "/_mgmt/host/web-1/own").await;
        let mut wrong = rows(&web, &root).await;
        for (method, body, is_allowed) in CALLS {
            let call = Call::new(method, "", serde_json::from_str(body).unwrap());
            let found = web.caller.ask(Way::Grpc, &web.channel, &call).await;
            if found != outcome(*is_allowed) {
                wrong.push(format!("{method} {body}: {found:?}"));
            }
        }
        let nobody = Caller::new("nobody", scene.at(), &scene.roots, None);
        for (operation, _) in OPERATIONS {
            let with = With {
                key: "/_mgmt/host/web-1/x",
                value: b"x",
                harmless: "x",
                own_lease: 1,
                anothers_lease: 2,
            };
            let found = nobody.ask(Way::Grpc, &nobody.channel(), &operation.call(&with)).await;
            if found != Outcome::Unheard {
                wrong.push(format!("nobody {operation:?}: {found:?}"));
            }
        }
        (wrong, root)
    });
    println!("root: {:?}", root.caller.counts());
    let count = wrong.len();
    wrong.truncate(40);
    assert_eq!(count, 0, "{}", wrong.join("\n"));
    signatures_do_the_rest(&scene, &runtime, &root);
}

/// Roles let every host write every export: what a host collects is what was signed all the same.
fn signatures_do_the_rest(scene: &Scene, runtime: &Runtime, root: &Heard) {
    let mut web = scene.agent("web-1");
    let mut db = scene.agent("db-1");
    scene.village.wait_for("web-1", "f4db-1");
    scene.village.wait_for("db-1", "f4web-1");
    // Commands come with the keys that they are given.
    let seeds = format!("--seeds=etcds://{}", scene.etcd.client());
    scene.village.say(&["kv", "put", "colour", "red", &seeds]);
    assert_eq!(scene.village.say(&["kv", "get", "colour", &seeds]), "red\n");
    let folder = KeyFolder::open(&scene.village.path("state/evil")).unwrap();
    let mesh = folder.load_mesh().unwrap().unwrap();
    let evil = super::scene::of_host(&scene.village, "evil");
    // It says that it was db-1 who signed: with its own key, as it has no other.
    let as_db = grounds::of_host(&folder, mesh, "db-1".parse().unwrap()).unwrap();
    let key = "/_mgmt/export/*/file/db-1/forged";
    let value = json!({ "v": 1, "params": { "content": { "str": "evil" } } }).to_string();
    let sealed = export_seal::seal(&as_db, key.as_bytes(), &value.clone().into()).unwrap();
    let evil = scene.caller("evil", &evil);
    for (key, value) in [(key, sealed.to_vec()), ("/_mgmt/export/*/file/db-1/unsigned", value.into_bytes())] {
        let call = Call::new("etcdserverpb.KV/Put", "kv/put", super::operation::put(key, &value));
        let done = runtime.block_on(async { evil.ask(Way::Grpc, &evil.channel(), &call).await });
        assert_eq!(done, Outcome::Allowed, "roles cannot say that it may not");
        assert!(runtime.block_on(read(root, key)).is_some());
    }
    for (agent, host) in [(&mut web, "web-1"), (&mut db, "db-1")] {
        for (name, why) in [("forged", "its signature does not hold"), ("unsigned", "it is not signed")] {
            let line = agent.says(&format!("name={name}"));
            assert!(line.contains("an export is dropped") && line.contains("host=db-1"), "{line}");
            assert!(line.contains(why), "{line}");
        }
        let files = scene.village.files(host);
        assert!(!files.iter().any(|name| ["forged", "unsigned"].contains(&&**name)), "{files:?}");
    }
}

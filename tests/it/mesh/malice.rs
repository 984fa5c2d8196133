//! A host of the mesh that means ill: it signs with its own key whatever it likes. What it exports stays where it belongs, takes
//! no more room than it may, and is named by whoever does not take it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use mgmt::cluster::etcd::pb::etcdserverpb as pb;
use mgmt::cluster::identity::KeyFolder;
use mgmt::cluster::mesh::grounds;
use mgmt::cluster::world::{Grounds, export_seal, keys};
use mgmt::engine::Label;
use mgmt::engine::world::{Audience, ExportId};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::Channel;

use super::matrix::scene::{authority, listens, of_host};
use super::matrix::{Caller, first};
use super::village::Village;
use crate::control::host::Agent;

const HOST: &str = "evil";

/// A mesh of the host `a`, which collects files, and of one that has joined and is now in somebody's hands.
struct Scene {
    runtime: Runtime,
    village: Village,
    agent: Agent,
    channel: Channel,
    grounds: Grounds,
}

impl Scene {
    fn new() -> Self {
        let village = Village::new();
        let mut agent = village.run("a", &["--no-join", "--listen", "127.0.0.1:0"]);
        let at = listens(&mut agent);
        village.wait_for("a", "f4a");
        let token = village.say(&["mesh", "invite", "--hostname", "a", "--host", HOST]);
        let mut evil = village.run(HOST, &["--no-join", "--no-server", &format!("--join={}", token.trim())]);
        evil.says("has joined the mesh");
        village.wait_for("a", "f4evil");
        evil.kill();
        let (_, roots) = authority(&village);
        let (certificate, key) = of_host(&village, HOST);
        let folder = KeyFolder::open(&village.path(&format!("state/{HOST}"))).unwrap();
        let mesh = folder.load_mesh().unwrap().unwrap();
        let grounds = grounds::of_host(&folder, mesh, HOST.parse().unwrap()).unwrap();
        let runtime = Runtime::new().unwrap();
        let channel = runtime
            .block_on(async { Caller::new(HOST, (at, "a"), &roots, Some((&certificate, &key))).channel() });
        Self { runtime, village, agent, channel, grounds }
    }

    fn put(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<(), Status> {
        let put = pb::PutRequest {
            key: key.to_owned().into(),
            value: value.into().into(),
            ..pb::PutRequest::default()
        };
        let done = first(&self.channel, "etcdserverpb.KV/Put", put);
        self.runtime.block_on(done).map(|_: pb::PutResponse| ())
    }

    fn key(&self, kind: &str, name: &str) -> String {
        keys::export(&self.grounds.host, &ExportId { to: Audience::All, label: Label::new(kind, name) })
    }

    /// A value, signed for a key.
    fn signed(&self, key: &str, value: &Value) -> Vec<u8> {
        export_seal::seal(&self.grounds, key.as_bytes(), &value.to_string().into()).unwrap().to_vec()
    }

    /// Exports to all, signed as it should be.
    fn export(&self, kind: &str, name: &str, params: Value) {
        let key = self.key(kind, name);
        let signed = self.signed(&key, &json!({ "v": 1, "params": params }));
        self.put(&key, signed).unwrap();
    }

    /// Where the agent lays what it collects.
    fn inside(&self, name: &str) -> PathBuf {
        self.village.path("files-a").join(name)
    }

    /// Something that comes last: whatever was to become of what came before has become of it.
    fn is_still_served(&mut self, name: &str) {
        self.export("file", name, json!({ "content": { "str": name } }));
        self.village.wait_for("a", name);
    }

    /// The agent has said why it does not take an export.
    fn is_refused(&mut self, name: &str, why: &str) {
        self.agent.says(&format!("file[{name:?}] of host {HOST} cannot be collected"));
        self.agent.says(why);
    }
}

fn text(text: impl AsRef<str>) -> Value {
    json!({ "str": text.as_ref() })
}

fn truth() -> Value {
    json!({ "bool": true })
}

#[test]
fn whatever_a_host_calls_its_files_they_stay_in_the_directory_for_them() {
    let mut scene = Scene::new();
    let outside = scene.village.path("outside");
    fs::create_dir(&outside).unwrap();
    let out = outside.to_str().unwrap().to_owned();
    let content = || text("evil");
    for (name, params) in [
        ("../../outside/up", json!({ "content": content() })),
        ("/etc/../absolute", json!({ "content": content() })),
        ("by-path", json!({ "content": content(), "path": text(format!("{out}/path")) })),
        ("by-dirname", json!({ "content": content(), "dirname": text(format!("{out}/")) })),
        ("by-basename", json!({ "content": content(), "basename": text("../../outside/base") })),
    ] {
        scene.export("file", name, params);
    }
    for name in ["up", "absolute", "path", "by-dirname", "base"] {
        scene.village.wait_for("a", name);
    }
    for (name, params, why) in [
        ("..", json!({ "content": content() }), "does not end with a name"),
        ("/etc/..", json!({ "content": content() }), "does not end with a name"),
        ("line\nerror forged \u{1b}[2J", json!({ "content": content() }), "characters that no file"),
        ("leads-out", json!({ "symlink": truth(), "source": text("/etc") }), "leads out of"),
        ("leads-up", json!({ "symlink": truth(), "source": text("../outside") }), "leads out of"),
        ("shows", json!({ "source": text("/etc/passwd") }), "leads out of"),
        ("gathers", json!({ "fragments": { "list": [text("/etc/passwd")] } }), "leads out of"),
        ("runs-as-root", json!({ "content": content(), "mode": text("4755") }), "run as its owner"),
        ("strange", json!({ "content": content(), "colour": text("red") }), "no parameter `colour`"),
    ] {
        scene.export("file", name, params);
        scene.is_refused(name, why);
    }
    scene.is_still_served("last");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something has got out");
    for name in ["leads-out", "leads-up", "shows", "gathers", "runs-as-root", "strange"] {
        assert!(fs::symlink_metadata(scene.inside(name)).is_err(), "{name}");
    }
    let said = scene.agent.said();
    assert!(!said.contains('\u{1b}') && !said.lines().any(|line| line.starts_with("error forged")), "{said}");
}

#[test]
fn links_that_lie_in_the_directory_lead_nothing_out_of_it() {
    let mut scene = Scene::new();
    let outside = scene.village.path("outside");
    fs::create_dir(&outside).unwrap();
    for precious in ["precious", "kept"] {
        fs::write(outside.join(precious), "precious").unwrap();
    }
    fs::set_permissions(outside.join("precious"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink(outside.join("precious"), scene.inside("link")).unwrap();
    symlink(outside.join("new"), scene.inside("dangles")).unwrap();
    symlink(&outside, scene.inside("folder")).unwrap();
    symlink(&outside, scene.inside("forced")).unwrap();
    symlink(outside.join("precious"), scene.inside("opened")).unwrap();
    let content = || text("evil");
    scene.export("file", "link", json!({ "content": content(), "mode": text("0666") }));
    scene.export("file", "dangles", json!({ "content": content() }));
    // A directory that is to be emptied, and one that is to be removed with all in it.
    scene.export("file", "folder/", json!({ "purge": truth(), "recurse": truth() }));
    scene.export(
        "file",
        "forced/",
        json!({ "purge": truth(), "recurse": truth(), "force": truth(), "state": text("exists") }),
    );
    // Only what is open to all from now on.
    scene.export("file", "opened", json!({ "mode": text("0666") }));
    for name in ["link", "dangles"] {
        let path = scene.inside(name);
        super::files::wait_for(&path, "what was exported", |found| found == "evil");
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{name} has replaced the link");
    }
    // Named, with why: they are links.
    for failed in
        ["folder/\"] failed", "opened\"] failed", "folder is a symbolic link", "opened is a symbolic link"]
    {
        scene.agent.says(failed);
    }
    scene.is_still_served("last");
    let mode = fs::metadata(outside.join("precious")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for precious in ["precious", "kept"] {
        assert_eq!(fs::read_to_string(outside.join(precious)).unwrap(), "precious");
    }
    assert_eq!(super::files::names(&outside), ["kept", "precious"]);
}

#[test]
fn what_nobody_collects_runs_nowhere_and_what_was_not_signed_for_its_place_is_dropped_and_named() {
    let mut scene = Scene::new();
    let ran = scene.village.path("ran");
    let command = json!({ "cmd": text(format!("touch {}", ran.display())), "shell": text("/bin/sh") });
    scene.export("exec", "run", command);
    scene.export("no-such-kind", "x", json!({}));
    // Signed for one name, and laid under another; for one kind, and under another.
    let good = scene.key("file", "good");
    let signed = scene.signed(&good, &json!({ "v": 1, "params": { "content": text("x") } }));
    scene.put(&scene.key("file", "moved"), signed.clone()).unwrap();
    // Nobody has signed these.
    let forged = [
        ("plain", json!({ "v": 1, "params": { "content": text("x") } }).to_string()),
        ("garbage", "\u{0}\u{1}{".to_owned()),
        ("newer", json!({ "v": 99, "signature": "", "export": {} }).to_string()),
        ("two\nerror lines \u{1b}[2J", "x".to_owned()),
    ];
    for (name, value) in &forged {
        scene.put(&scene.key("file", name), value.clone()).unwrap();
    }
    for name in ["moved", "plain", "garbage", "newer", "two"] {
        let agent = &mut scene.agent;
        let line = agent.says(&format!("name={name}"));
        assert!(line.contains("an export is dropped") && line.contains("host=evil"), "{line}");
    }
    // Well signed, and nothing that could be read: as deep as a value may be long; and a value of no type.
    let deep = scene.key("file", "deep");
    let nested =
        format!(r#"{{"v":1,"params":{{"content":{}{}}}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    let sealed = export_seal::seal(&scene.grounds, deep.as_bytes(), &nested.into()).unwrap();
    scene.put(&deep, sealed).unwrap();
    scene.is_refused("deep", "cannot be collected");
    let odd = scene.key("file", "odd");
    let signed_odd = scene.signed(&odd, &json!({ "v": 1, "params": { "content": 7 } }));
    scene.put(&odd, signed_odd).unwrap();
    scene.is_refused("odd", "cannot be collected");
    // Another's name, over its own connection: the store does not even take it.
    let others = "/_mgmt/export/*/file/a/evil";
    assert!(scene.put(others, signed).unwrap_err().message().contains("permission denied"));
    scene.is_still_served("last");
    assert!(!ran.exists());
    let said = scene.agent.said();
    assert!(!said.contains('\u{1b}') && !said.lines().any(|line| line.starts_with("error lines")), "{said}");
}

#[test]
fn what_is_too_long_is_refused_where_it_is_written_and_named() {
    let scene = Scene::new();
    // What the store takes at the most is 1.5 MiB.
    let key = scene.key("file", "long");
    let refused = scene.put(&key, vec![b'x'; 1_600_000]).unwrap_err();
    assert!(refused.message().contains("request is too large"), "{refused:?}");
    // Whoever declares such a thing is told, and nothing of it leaves the host.
    let folder = scene.village.path("files-b");
    fs::create_dir_all(&folder).unwrap();
    let graph = scene.village.path("long.yaml");
    let text = format!(
        "graph: long\nresources:\n  file:\n  - name: \"@@{0}/long\"\n    content: {1}\n  - name: \"@@{0}/short\"\n    \
         content: x\n",
        folder.display(),
        "x".repeat(1_500_000)
    );
    fs::write(&graph, text).unwrap();
    let token = scene.village.say(&["mesh", "invite", "--hostname", "a", "--host", "b"]);
    let mut command = scene.village.command();
    command.arg("run").arg(&graph).args(["--hostname", "b", "--no-join", "--no-server"]);
    command.arg(format!("--join={}", token.trim()));
    let mut b = Agent::start(command);
    b.says("long\"] failed");
    b.says("1400000");
    scene.village.wait_for("a", "short");
    assert!(!scene.village.files("a").contains(&"long".to_owned()));
}

/// Of files of 1.3 MB each; `MGMT_FLOOD=250` makes more than one message of gRPC may hold, and takes half a gigabyte.
fn flood() -> usize {
    std::env::var("MGMT_FLOOD").map_or(10, |text| text.parse().expect("a number"))
}

#[test]
fn a_host_that_exports_very_much_keeps_nobody_from_what_else_they_collect() {
    let mut scene = Scene::new();
    let token = scene.village.say(&["mesh", "invite", "--hostname", "a", "--host", "b"]);
    let b = scene.village.run("b", &["--no-join", "--no-server", &format!("--join={}", token.trim())]);
    scene.village.wait_for("b", "f4a");
    // While it does not look, very much is written; then it goes on where it was.
    b.signal(rustix::process::Signal::STOP);
    let long = "x".repeat(1_300_000);
    for number in 0..flood() {
        scene.export("file", &format!("long-{number}"), json!({ "content": text(&long) }));
    }
    b.signal(rustix::process::Signal::CONT);
    scene.is_still_served("first");
    scene.village.wait_for("b", "first");
    // And it reads all of it when it begins anew, with nothing kept.
    assert!(b.stop().success());
    fs::remove_dir_all(scene.village.path("state/b/mesh/seen")).unwrap();
    let _b = scene.village.run("b", &["--no-join", "--no-server"]);
    scene.is_still_served("second");
    scene.village.wait_for("b", "second");
    let last = format!("long-{}", flood() - 1);
    assert!(scene.village.files("b").contains(&last));
}

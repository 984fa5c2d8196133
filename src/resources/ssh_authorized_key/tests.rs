use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use super::KeyKind;
use super::key_line::tests::blob;
use super::sshd::Sshd;
use crate::engine::Value;
use crate::engine::kind::Uid;
use crate::resources::host::account_files::AccountFiles;
use crate::resources::host::account_files::fake_shadow::FakeShadow;
use crate::resources::host::account_files::name_service::NoNames;
use crate::resources::host::process::FakeProcesses;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused, texts};

const KIND: &str = "ssh-ed25519";

type Param = (&'static str, Value);

struct Bed {
    bench: Bench,
    kind: KeyKind,
    watch: FakeWatch,
    processes: Arc<FakeProcesses>,
    host: Arc<Host>,
}

fn s(name: &'static str, text: &str) -> Param {
    (name, Value::str(text))
}

/// The key of a number.
fn key(seed: u8) -> Vec<Param> {
    vec![s("user", "me"), s("type", KIND), s("key", &blob(KIND, seed))]
}

fn line(seed: u8) -> String {
    format!("{KIND} {}", blob(KIND, seed))
}

fn with(mut params: Vec<Param>, more: &[Param]) -> Vec<Param> {
    params.extend(more.iter().cloned());
    params
}

impl Bed {
    /// A host with a user `me`, which is us, and its home.
    fn new() -> Self {
        let bench = Bench::new();
        let etc = bench.path("etc");
        fs::create_dir(&etc).unwrap();
        fs::create_dir(bench.path("home")).unwrap();
        fs::set_permissions(bench.path("home"), PermissionsExt::from_mode(0o755)).unwrap();
        FakeShadow::new(&etc).edit("passwd", |text| {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            let home = bench.path("home");
            format!("{text}me:x:{uid}:{gid}::{}:\nhomeless:x:4242:4242::/no/home:\n", home.display())
        });
        let (watch, processes) = (FakeWatch::new(), Arc::new(FakeProcesses::default()));
        let host = Arc::new(Host {
            processes: processes.clone(),
            account_files: AccountFiles::at(&etc, Arc::new(NoNames)),
            ..Host::over(Arc::new(watch.clone()))
        });
        let kind = KeyKind::with_sshd(host.clone(), Sshd::at(bench.path("ssh")));
        Self { bench, kind, watch, processes, host }
    }

    fn build(&self, params: &[Param]) -> Subject {
        self.bench.build(&self.kind, "k", params)
    }

    async fn repair(&self, params: &[Param]) -> Vec<String> {
        self.build(params).repair().await.shown()
    }

    fn keys(&self) -> String {
        self.bench.read("home/.ssh/authorized_keys")
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.bench.path(name)).unwrap().mode() & 0o7777
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.bench.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
}

#[tokio::test]
async fn a_key_is_added_with_its_directory_and_removed_again() {
    let bed = Bed::new();
    let params = with(key(1), &[s("comment", "a b"), ("options", texts(["no-pty", r#"from="a b""#]))]);
    let before = listing(&bed.bench.path(""));
    let subject = bed.build(&params);
    assert_eq!(subject.noop().await.drift.iter().count(), 1);
    assert_eq!(listing(&bed.bench.path("")), before);
    let drift = subject.repair().await.shown();
    assert!(drift[0].starts_with("key: absent -> ssh-ed25519 …"), "{drift:?}");
    assert_eq!(bed.keys(), format!("no-pty,from=\"a b\" {} a b\n", line(1)));
    assert_eq!((bed.mode("home/.ssh"), bed.mode("home/.ssh/authorized_keys")), (0o700, 0o600));
    assert_eq!(bed.repair(&with(key(1), &[("options", Value::List([].into()))])).await.len(), 1);
    assert_eq!(bed.keys(), format!("{} a b\n", line(1)));
    bed.repair(&with(key(1), &[s("state", "absent")])).await;
    assert_eq!(bed.keys(), "");
}

#[tokio::test]
async fn a_whole_line_is_as_good_and_other_lines_stay() {
    let bed = Bed::new();
    fs::create_dir(bed.bench.path("home/.ssh")).unwrap();
    bed.chmod("home/.ssh", 0o700);
    let file = "home/.ssh/authorized_keys";
    bed.bench.write(file, format!("# note\r\nno-pty {} x", line(2)));
    bed.chmod(file, 0o644);
    let content = format!("command=\"x, y\" {} me", line(1));
    let params = [s("user", "me"), s("content", &content)];
    let subject = bed.build(&params);
    let drift = subject.noop().await.drift;
    let diff = subject.resource.diff(&subject.cx(), &drift).await.unwrap().unwrap();
    assert!(diff.contains("+command=\"x, y\""), "{diff}");
    bed.repair(&params).await;
    assert_eq!(bed.keys(), format!("# note\r\nno-pty {} x\r\n{content}\r\n", line(2)));
    assert_eq!(bed.mode(file), 0o644, "as it was");
}

#[tokio::test]
async fn exclusive_spares_what_others_declare() {
    let bed = Bed::new();
    for seed in [1, 2, 3] {
        bed.repair(&key(seed)).await;
    }
    let other = bed.build(&key(2));
    let drift = bed.repair(&with(key(1), &[("exclusive", Value::Bool(true))])).await;
    assert!(drift.len() == 1 && drift[0].starts_with("exclusive: ssh-ed25519 …"), "{drift:?}");
    assert_eq!(bed.keys(), format!("{}\n{}\n", line(1), line(2)));
    drop(other);
    bed.repair(&with(key(1), &[("exclusive", Value::Bool(true))])).await;
    assert_eq!(bed.keys(), format!("{}\n", line(1)));
}

#[tokio::test]
async fn exclusive_spares_keys_of_the_same_account_by_whatever_word() {
    let bed = Bed::new();
    let number = rustix::process::geteuid().to_string();
    let of = |user: &str, seed| bed.build(&[s("user", user), s("type", KIND), s("key", &blob(KIND, seed))]);
    // No other account has our number.
    let passwd: String = bed
        .bench
        .read("etc/passwd")
        .lines()
        .filter(|it| !it.starts_with("root:"))
        .map(|it| format!("{it}\n"))
        .collect();
    bed.bench.write("etc/passwd", passwd);
    bed.host.account_files.look_anew().await.unwrap();
    let others = [of(&number, 2), of("", 3), of("homeless", 4), of("nobody-here", 5)];
    bed.repair(&key(1)).await;
    for other in &others[..2] {
        other.repair().await;
    }
    let exclusive = bed.build(&with(key(1), &[("exclusive", Value::Bool(true))]));
    assert!(exclusive.run().await.drift.is_empty(), "all of them are declared for it");
    bed.repair(&key(4)).await;
    assert_eq!(exclusive.repair().await.drift.iter().count(), 1, "that of another account is a stranger");
    assert_eq!(bed.keys(), format!("{}\n{}\n{}\n", line(1), line(2), line(3)));
}

#[tokio::test]
async fn what_sshd_objects_to_is_a_difference_and_put_right() {
    let bed = Bed::new();
    bed.repair(&key(1)).await;
    for (place, what) in [("home", "home"), ("home/.ssh", "directory"), ("home/.ssh/authorized_keys", "file")]
    {
        let old = bed.mode(place);
        bed.chmod(place, old | 0o020);
        let said = format!("{what}: writable by others ({:04o}) -> acceptable to sshd", old | 0o020);
        let refused = bed.build(&with(key(1), &[("manage_dir", Value::Bool(false))]));
        if what != "file" {
            assert!(refused.failure().await.contains("sshd ignores the keys of me"));
        }
        assert_eq!(bed.repair(&key(1)).await, [said]);
        assert_eq!(bed.mode(place), old);
    }
}

#[tokio::test]
async fn links_and_files_with_several_names_are_not_touched() {
    let bed = Bed::new();
    bed.bench.write("secret", "root:hash\n");
    fs::create_dir(bed.bench.path("home/.ssh")).unwrap();
    bed.chmod("home/.ssh", 0o700);
    let file = bed.bench.path("home/.ssh/authorized_keys");
    symlink(bed.bench.path("secret"), &file).unwrap();
    let subject = bed.build(&key(1));
    assert!(subject.failure().await.contains("is a symbolic link"));
    fs::remove_file(&file).unwrap();
    fs::hard_link(bed.bench.path("secret"), &file).unwrap();
    assert!(subject.failure().await.contains("several names"));
    assert_eq!(bed.bench.read("secret"), "root:hash\n");
}

#[tokio::test]
async fn a_user_or_home_that_is_missing_fails_unless_nothing_is_wanted_or_done() {
    let bed = Bed::new();
    let of = |user: &str, state: &str| {
        bed.build(&[s("user", user), s("type", KIND), s("key", &blob(KIND, 1)), s("state", state)])
    };
    assert_eq!(of("nobody-here", "exists").failure().await, "there is no user \"nobody-here\"");
    assert_eq!(of("nobody-here", "exists").noop().await.drift.iter().count(), 1, "it may yet be made");
    assert!(of("nobody-here", "absent").run().await.drift.is_empty());
    assert_eq!(
        of("homeless", "exists").failure().await,
        "the home directory /no/home of homeless does not exist"
    );
    assert!(of("homeless", "absent").run().await.drift.is_empty());
    let no_dir = with(key(1), &[("mkdir", Value::Bool(false))]);
    assert!(bed.build(&no_dir).failure().await.contains("open the directory of"));
}

#[tokio::test]
async fn the_file_is_where_sshd_looks_or_where_it_is_said() {
    let bed = Bed::new();
    fs::create_dir(bed.bench.path("ssh")).unwrap();
    bed.bench.write("ssh/sshd_config", "");
    let ask = "sshd -T -C user=me,host=localhost,addr=127.0.0.1";
    bed.processes.answer(ask, 0, "port 22\nauthorizedkeysfile .keys/%u .ssh/authorized_keys\n");
    bed.repair(&key(1)).await;
    assert_eq!(bed.bench.read("home/.keys/me"), line(1) + "\n");
    assert_eq!(bed.processes.take_ran(), [ask], "asked once for as long as the settings stay");
    bed.processes.answer(ask, 0, "authorizedkeysfile none\n");
    bed.bench.write("ssh/sshd_config", "#");
    let failure = bed.build(&key(1)).failure().await;
    assert_eq!(failure, "sshd reads no authorized keys of me: AuthorizedKeysFile is `none`");
    let place = bed.bench.path("keys.%u");
    bed.repair(&with(key(2), &[s("path", place.to_str().unwrap())])).await;
    assert_eq!(bed.bench.read("keys.me"), line(2) + "\n");
    bed.repair(&with(key(3), &[s("file", "~/mine")])).await;
    assert_eq!(bed.bench.read("home/mine"), line(3) + "\n");
}

#[tokio::test]
async fn while_sshd_does_not_answer_its_settings_are_read_and_it_is_asked_again() {
    let bed = Bed::new();
    fs::create_dir_all(bed.bench.path("ssh/sshd_config.d")).unwrap();
    bed.bench.write("ssh/sshd_config", "Include sshd_config.d/*.conf\nAuthorizedKeysFile late\n");
    bed.bench.write("ssh/sshd_config.d/a.off", "AuthorizedKeysFile off\n");
    bed.bench.write("ssh/sshd_config.d/b.conf", "AuthorizedKeysFile .keys/first\n");
    let ask = "sshd -T -C user=me,host=localhost,addr=127.0.0.1";
    bed.processes.answer(ask, 255, "");
    bed.repair(&key(1)).await;
    assert_eq!(bed.bench.read("home/.keys/first"), line(1) + "\n");
    bed.processes.answer(ask, 0, "authorizedkeysfile .keys/second\n");
    bed.repair(&key(1)).await;
    assert_eq!(bed.bench.read("home/.keys/second"), line(1) + "\n");
    // The folder itself stays as it was.
    bed.processes.answer(ask, 0, "authorizedkeysfile .keys/third\n");
    bed.bench.write("ssh/sshd_config.d/b.conf", "AuthorizedKeysFile .keys/third\n");
    bed.repair(&key(1)).await;
    assert_eq!(bed.bench.read("home/.keys/third"), line(1) + "\n");
}

#[tokio::test]
async fn settings_are_watched_even_while_sshd_reads_no_file_at_all() {
    let bed = Bed::new();
    fs::create_dir(bed.bench.path("ssh")).unwrap();
    bed.bench.write("ssh/sshd_config", "AuthorizedKeysFile none\n");
    let ask = "sshd -T -C user=me,host=localhost,addr=127.0.0.1";
    bed.processes.answer(ask, 0, "authorizedkeysfile none\n");
    let subject = bed.build(&key(1));
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    assert!(subject.failure().await.contains("AuthorizedKeysFile is `none`"));
    assert_eq!(bed.watch.change(bed.bench.path("ssh/sshd_config")), 1);
}

#[tokio::test]
async fn file_and_home_are_watched_and_a_moved_home_is_followed() {
    let bed = Bed::new();
    let subject = bed.build(&key(1));
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    let is_watched = |path: &Path| bed.watch.watched().iter().any(|(watched, _)| watched == path);
    assert!(is_watched(&bed.bench.path("home/.ssh/authorized_keys")) && is_watched(&bed.bench.path("home")));
    bed.watch.change(bed.bench.path("home/.ssh"));
    assert_eq!(bed.bench.wakes(), 1);
    fs::create_dir(bed.bench.path("new")).unwrap();
    let passwd = bed.bench.read("etc/passwd").replace("/home:", "/new:");
    bed.bench.write("etc/passwd", passwd);
    bed.watch.change(bed.bench.path("etc/passwd"));
    assert_eq!(bed.bench.wakes(), 2);
    subject.repair().await;
    assert_eq!(bed.bench.read("new/.ssh/authorized_keys"), line(1) + "\n");
    assert!(is_watched(&bed.bench.path("new")) && !is_watched(&bed.bench.path("home")));
    assert!(bed.host.account_files.look().await.is_ok());
}

#[tokio::test]
async fn an_undo_gives_back_the_line_or_removes_it() {
    let bed = Bed::new();
    let undo_of = async |subject: &Subject| -> Vec<Param> {
        let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
        undo.iter().map(|(name, value)| (name, value.clone())).collect()
    };
    let new = bed.build(&key(1));
    let undo = undo_of(&new).await;
    new.repair().await;
    bed.repair(&with(key(1), &[s("comment", "old")])).await;
    let change = bed.build(&with(key(1), &[s("comment", "new"), ("options", texts(["no-pty"]))]));
    let back = undo_of(&change).await;
    change.repair().await;
    bed.repair(&back).await;
    assert_eq!(bed.keys(), format!("{} old\n", line(1)));
    bed.repair(&undo).await;
    assert_eq!(bed.keys(), "");
}

#[test]
fn what_is_taken_for_a_key_is_told() {
    let bed = Bed::new();
    for (key, hint) in [
        (format!("{} anna@desk", line(1)), "give it as `content`"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), "ends in .pub"),
        ("AAAA".to_owned(), "give `type` and `key`"),
    ] {
        let errors = refused(&bed.kind, "k", &[s("user", "anna"), s("key", &key)]);
        assert!(errors[0].hint.as_ref().unwrap().contains(hint), "{errors:?}");
        assert!(!errors[0].message.contains("AAAA"), "{errors:?}");
    }
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let bed = Bed::new();
    let wrong = [
        s("state", "on"),
        s("user", "a b"),
        s("file", "keys"),
        ("options", texts(["a b"])),
        s("comment", "a\nb"),
        s("type", "ssh-rsa"),
        s("key", &blob(KIND, 1)),
    ];
    let params: Vec<_> = refused(&bed.kind, "k", &wrong).iter().map(|error| error.param.unwrap()).collect();
    assert_eq!(params, ["state", "user", "file", "options", "comment", "key"]);
    for (params, at) in [
        (vec![s("user", "me")], "type"),
        (vec![s("type", KIND)], "key"),
        (vec![s("content", "hello")], "content"),
        (vec![s("content", &format!("{}\n{}", line(1), line(2)))], "content"),
        (vec![s("content", &line(1)), s("comment", "x")], "comment"),
        (with(key(1), &[s("file", "/a"), s("path", "/b")]), "path"),
    ] {
        assert_eq!(refused(&bed.kind, "k", &params)[0].param, Some(at));
    }
}

#[test]
fn it_comes_after_its_user_and_the_file_system_of_the_home() {
    let bed = Bed::new();
    let told = capabilities(&bed.kind, "k", &key(1));
    assert_eq!(told.asks[0].first_of, [Uid::new("user", "me")]);
    assert!(told.asks.iter().any(|ask| ask.first_of.contains(&Uid::new("mount", "/home"))));
    assert!(told.asks.iter().any(|ask| ask.first_of.contains(&Uid::path("/home/me/.ssh"))));
}

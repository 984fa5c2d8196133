use std::fs;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::MountKind;
use crate::engine::id::Label;
use crate::engine::kind::{AskOrder, Uid};
use crate::engine::{Cancel, Declaration, Kind as _, Value};
use crate::resources::host::fs::{Faults, Fs};
use crate::resources::host::mounts::Mounts;
use crate::resources::host::mounts::escape::escape;
use crate::resources::host::process::{
    Ending, Following, Invocation, Kept, Outcome, ProcessError, Processes,
};
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, refused, texts};

type Param = (&'static str, Value);

fn s(name: &'static str, text: &str) -> Param {
    (name, Value::str(text))
}

fn no(name: &'static str) -> Param {
    (name, Value::Bool(false))
}

fn yes(name: &'static str) -> Param {
    (name, Value::Bool(true))
}

fn map(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(key, value)| (Value::str(*key), Value::str(*value))).collect())
}

/// mount(8), umount(8) and systemctl(1) that write a table of their own.
#[derive(Debug)]
struct FakeMount {
    table: std::path::PathBuf,
    ran: Mutex<Vec<String>>,
    /// What umount and mount say in place of their work.
    refusal: Mutex<Option<&'static str>>,
    /// The source and type that the table has of what is mounted, where a helper tells others.
    shows: Mutex<Option<(&'static str, &'static str)>>,
}

impl FakeMount {
    fn work(&self, words: &[&str]) -> i32 {
        let mut table = fs::read_to_string(&self.table).unwrap();
        let point = words.last().copied().unwrap_or_default();
        let value = |flag: &str| words.iter().position(|it| *it == flag).map(|at| words[at + 1]);
        let of_point = |line: &&str| line.split(' ').nth(4) == Some(&escape(point));
        match words[0] {
            "mount" => {
                let options = value("-o").unwrap_or_default();
                let options: Vec<&str> =
                    options.split(',').filter(|it| !matches!(*it, "" | "remount" | "bind")).collect();
                if words.iter().any(|it| it.contains("remount")) {
                    let old = table.lines().rfind(of_point).unwrap().to_owned();
                    let (head, tail) = old.split_once(" - ").unwrap();
                    let (fixed, _) = head.rsplit_once(' ').unwrap();
                    let fstype: Vec<&str> = tail.split(' ').take(2).collect();
                    table = table.replace(&old, &line_end(fixed, &fstype.join(" "), &options));
                } else {
                    let fstype = value("-t").unwrap_or("ext4");
                    let source = escape(words[words.len() - 2]);
                    let (source, fstype) = match *self.shows.lock().unwrap() {
                        Some((source, fstype)) => (source.to_owned(), fstype),
                        None => (source, fstype),
                    };
                    let fixed = format!("9 1 0:9 / {}", escape(point));
                    table += &line_end(&fixed, &format!("{fstype} {source}"), &options);
                    table.push('\n');
                }
            }
            "umount" => {
                let Some(last) = table.lines().rfind(of_point).map(str::to_owned) else { return 32 };
                let at = table.rfind(&last).unwrap();
                table.replace_range(at..=at + last.len(), "");
            }
            _ => {}
        }
        fs::write(&self.table, table).unwrap();
        0
    }
}

fn line_end(fixed: &str, source: &str, options: &[&str]) -> String {
    let rw = if options.contains(&"ro") { "ro" } else { "rw" };
    let others: Vec<&str> = options.iter().copied().filter(|it| !matches!(*it, "ro" | "rw")).collect();
    format!("{fixed} {rw} - {source} {}", [&["rw"], &*others].concat().join(","))
}

#[async_trait]
impl Processes for FakeMount {
    async fn run(&self, invocation: &Invocation, _: &Cancel) -> Result<Outcome, ProcessError> {
        let words: Vec<&str> = invocation.words.iter().map(|word| &**word).collect();
        self.ran.lock().unwrap().push(words.join(" "));
        let mut stderr = Kept::default();
        let refusal = *self.refusal.lock().unwrap();
        let code = match refusal.filter(|_| words[0].ends_with("mount")) {
            Some("never") => return std::future::pending().await,
            Some("nothing") => 0,
            Some(said) => {
                stderr.push(said.as_bytes());
                32
            }
            None => self.work(&words),
        };
        let (stdout, output) = (Kept::default(), Kept::default());
        Ok(Outcome { ending: Ending::Exit(code), cancelled: false, stdout, stderr, output })
    }

    async fn run_fed(&self, _: &Invocation, _: &[u8], _: &Cancel) -> Result<Outcome, ProcessError> {
        Err(ProcessError::Cancelled)
    }

    async fn follow(&self, _: &Invocation) -> Result<Following, ProcessError> {
        Err(ProcessError::Cancelled)
    }
}

struct Bed {
    bench: Bench,
    kind: MountKind,
    watch: FakeWatch,
    tools: Arc<FakeMount>,
}

const FSTAB: &str = "# mine\nUUID=1 / ext4 errors=remount-ro 0 1\n";

impl Bed {
    fn new() -> Self {
        Self::on(Fs::new())
    }

    fn on(fs: Fs) -> Self {
        let bench = Bench::new();
        bench.write("fstab", FSTAB);
        bench.write("table", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        fs::create_dir(bench.path("m")).unwrap();
        let table = bench.path("table");
        let (ran, refusal, shows) = Default::default();
        let tools = Arc::new(FakeMount { table: table.clone(), ran, refusal, shows });
        let watch = FakeWatch::new();
        let host = Host {
            fs,
            processes: tools.clone(),
            mounts: Mounts::at(table, bench.path("fstab"), bench.path("booted")),
            ..Host::over(Arc::new(watch.clone()))
        };
        Self { kind: MountKind::new(Arc::new(host)), bench, watch, tools }
    }

    fn point(&self) -> String {
        self.bench.path("m").to_str().unwrap().to_owned()
    }

    fn build(&self, params: &[Param]) -> Subject {
        self.bench.build(&self.kind, &self.point(), params)
    }

    fn take_ran(&self) -> Vec<String> {
        let ran = std::mem::take(&mut *self.tools.ran.lock().unwrap());
        ran.iter().map(|words| words.replace(&self.point(), "M")).collect()
    }

    fn fstab(&self) -> String {
        self.bench.read("fstab").replace(&self.point(), "M")
    }
}

fn tmpfs() -> Vec<Param> {
    vec![s("device", "tmpfs"), s("type", "tmpfs")]
}

fn tmpfs_with(more: &[Param]) -> Vec<Param> {
    [tmpfs(), more.to_vec()].concat()
}

#[tokio::test]
async fn a_file_system_is_mounted_before_its_line_is_written_and_unmounted_before_it_goes() {
    let bed = Bed::new();
    let params = tmpfs_with(&[
        ("options", map(&[("size", "1m"), ("noexec", "")])),
        ("passno", Value::Int(2)),
        yes("nofail"),
    ]);
    let subject = bed.build(&params);
    assert_eq!(subject.noop().await.drift.iter().count(), 2);
    assert_eq!((bed.fstab(), bed.take_ran()), (FSTAB.to_owned(), Vec::new()), "a check only reads");
    let drift = subject.repair().await.shown();
    assert_eq!(drift[1], "mounted: absent -> tmpfs (tmpfs)");
    assert_eq!(bed.fstab(), format!("{FSTAB}tmpfs M tmpfs nofail,noexec,size=1m 0 2\n"));
    assert_eq!(bed.take_ran(), ["mount -t tmpfs -o noexec,size=1m -- tmpfs M"]);
    let drift = bed.build(&[s("state", "absent")]).repair().await.shown();
    assert_eq!(drift.len(), 2);
    assert_eq!((bed.fstab(), bed.take_ran()), (FSTAB.to_owned(), vec!["umount -- M".to_owned()]));
}

#[tokio::test]
async fn a_mount_point_that_is_to_be_made_is_shown_and_what_cannot_be_mounted_is_foreseen() {
    let bed = Bed::new();
    fs::remove_dir(bed.point()).unwrap();
    let made = bed.build(&tmpfs_with(&[yes("mkdir")]));
    let shown = made.noop().await.shown();
    assert_eq!(shown[2].replace(&bed.point(), "M"), "mkdir: absent -> M", "{shown:?}");
    assert_eq!(made.foreseen().await, []);
    let said = |foreseen: Vec<(u32, String)>| {
        foreseen.into_iter().map(|(_, text)| text.replace(&bed.point(), "M")).collect::<Vec<_>>()
    };
    assert_eq!(said(bed.build(&tmpfs()).foreseen().await), ["mount M: there is no such directory"]);
    let strange = [s("device", "none"), s("type", "zzfs"), yes("mkdir")];
    assert_eq!(
        said(bed.build(&strange).foreseen().await),
        ["mount M: neither the kernel nor a program mount.zzfs knows the type zzfs"]
    );
    let only_a_line = [s("device", "none"), s("type", "zzfs"), ("mounted", Value::Bool(false))];
    assert_eq!(bed.build(&only_a_line).foreseen().await, []);
}

#[tokio::test]
async fn differing_options_are_a_remount_and_another_device_is_a_new_mount() {
    let bed = Bed::new();
    bed.build(&tmpfs()).repair().await;
    bed.take_ran();
    let more = tmpfs_with(&[("fs", texts(["ro", "size=2m"]))]);
    assert_eq!(bed.build(&more).repair().await.shown()[1], "options: rw -> ro");
    assert_eq!(bed.take_ran(), ["mount -o remount,ro,size=2m -- tmpfs M"]);
    let table = bed.bench.read("table").replace("size=2m", "size=4096k");
    bed.bench.write("table", table);
    bed.build(&tmpfs()).resource.undo(&bed.build(&tmpfs()).cx()).await.unwrap();
    assert_eq!(bed.build(&more).repair().await.shown(), ["options: size=4096k -> size=2m"]);
    bed.take_ran();
    let left = tmpfs_with(&[("fs", texts(["ro", "size=3m"])), no("remount")]);
    assert_eq!(bed.build(&left).repair().await.shown().len(), 1, "fstab alone");
    assert!(bed.take_ran().is_empty());
    let other = [s("device", "/dev/none"), s("type", "xfs")];
    let drift = bed.build(&other).repair().await.shown();
    assert!(drift[1].starts_with("mounted: tmpfs (tmpfs) -> /dev/none (xfs)"), "{drift:?}");
    assert_eq!(bed.take_ran(), ["umount -- M", "mount -t xfs -- /dev/none M"]);
}

#[tokio::test]
async fn what_was_mounted_as_declared_is_it_however_the_table_shows_it() {
    let bed = Bed::new();
    for (device, fstype, shown) in [
        ("/dev/none", "ntfs-3g", ("/dev/none", "fuseblk")),
        ("https://dav/", "davfs", ("https://dav/", "fuse")),
        ("bucket", "fuse.s3fs", ("s3fs", "fuse.s3fs")),
        ("UUID=1-2", "auto", ("/dev/none2", "btrfs")),
    ] {
        *bed.tools.shows.lock().unwrap() = Some(shown);
        let params = [s("device", device), s("type", fstype)];
        bed.build(&params).repair().await;
        let ran = bed.take_ran();
        assert_eq!(ran.last().unwrap(), &format!("mount -t {fstype} -- {device} M"));
        assert!(ran.iter().filter(|words| words.starts_with("umount")).count() <= 1, "{ran:?}");
        assert!(bed.build(&params).run().await.drift.is_empty(), "an agent that starts anew knows it");
    }
    let file = bed.bench.path("table");
    let by_hand = fs::read_to_string(&file).unwrap().replace("btrfs /dev/none2", "xfs /dev/none2");
    fs::write(&file, by_hand).unwrap();
    let other = bed.build(&[s("device", "UUID=1-2"), s("type", "btrfs")]);
    // Looks anew: nobody watches.
    other.resource.undo(&other.cx()).await.unwrap();
    let drift = other.noop().await.shown();
    assert!(drift.iter().any(|it| it.starts_with("mounted: /dev/none2 (xfs)")), "{drift:?}");
}

#[tokio::test]
async fn what_else_is_mounted_is_taken_away_once_in_a_repair() {
    let bed = Bed::new();
    let point = bed.point();
    let table = bed.bench.read("table");
    let lines = ["8 1 0:8 / P rw - xfs first rw\n", "9 1 0:9 / P rw - xfs second rw\n"].concat();
    bed.bench.write("table", format!("{table}{}", lines.replace('P', &escape(&point))));
    let subject = bed.build(&tmpfs());
    assert!(subject.failure().await.contains("still differs: fstab: absent"));
    assert_eq!(bed.take_ran(), ["umount -- M"]);
    bed.bench.woken_after(0).await;
    subject.repair().await;
    assert_eq!(bed.take_ran(), ["umount -- M", "mount -t tmpfs -- tmpfs M"]);
}

#[tokio::test]
async fn options_that_are_a_secret_are_shown_nowhere() {
    let bed = Bed::new();
    let build = |options: &[(&str, &str)]| {
        let params = [s("device", "//h/x"), s("type", "cifs"), ("options", map(options))];
        let label = Label::new("mount", bed.point());
        let mut declaration = Declaration::new(label, params.into_iter().collect());
        Arc::make_mut(&mut declaration.meta).sensitive.push("options".into());
        let built = bed.kind.build(&declaration);
        built.map(|resource| bed.bench.subject(declaration.label.clone(), resource))
    };
    let subject = build(&[("password", "hunter2")]).unwrap();
    let drift = subject.noop().await;
    assert!(drift.shown()[0].ends_with("cifs (sensitive) 0 0"), "{:?}", drift.shown());
    assert_eq!(subject.resource.diff(&subject.cx(), &drift.drift).await.unwrap(), None);
    *bed.tools.refusal.lock().unwrap() = Some("mount: bad option password=hunter2");
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert!(!format!("{error} {:?}", error.hint()).contains("hunter2"), "{error}");
    *bed.tools.refusal.lock().unwrap() = None;
    subject.repair().await;
    let changed = build(&[("password", "hunter3")]).unwrap();
    let shown = changed.noop().await.shown().join(" ");
    assert!(shown.contains("(sensitive)") && !shown.contains("hunter"), "{shown}");
    *bed.tools.refusal.lock().unwrap() = Some("nothing");
    let failure = changed.failure().await;
    assert!(failure.contains("still differs") && !failure.contains("hunter"), "{failure}");
    let errors = build(&[("password", "hunter2,x")]).unwrap_err();
    assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
}

#[tokio::test]
async fn fstab_and_mount_are_apart_if_asked() {
    let bed = Bed::new();
    bed.build(&tmpfs_with(&[no("mounted")])).repair().await;
    assert!(bed.take_ran().is_empty() && bed.fstab().contains("tmpfs M"));
    bed.build(&tmpfs_with(&[no("fstab")])).repair().await;
    assert_eq!((bed.fstab(), bed.take_ran().len()), (FSTAB.to_owned(), 1));
}

#[tokio::test]
async fn a_missing_mount_point_is_made_if_asked() {
    let bed = Bed::new();
    fs::remove_dir(bed.bench.path("m")).unwrap();
    let subject = bed.build(&tmpfs());
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert!(error.to_string().ends_with("/m: there is no such directory"), "{error}");
    assert_eq!(error.hint(), Some("add `mkdir: true`, or have a `file` resource make it"));
    assert_eq!((bed.fstab(), bed.take_ran()), (FSTAB.to_owned(), Vec::new()), "nothing is done by half");
    bed.build(&tmpfs_with(&[yes("mkdir")])).repair().await;
    assert_eq!(bed.take_ran(), ["mkdir -p -- M", "mount -t tmpfs -- tmpfs M"]);
}

#[tokio::test]
async fn systemd_is_told_of_a_changed_fstab_and_of_nothing_else() {
    let bed = Bed::new();
    fs::create_dir(bed.bench.path("booted")).unwrap();
    bed.build(&tmpfs()).repair().await;
    assert_eq!(bed.take_ran(), ["mount -t tmpfs -- tmpfs M", "systemctl daemon-reload"]);
    bed.build(&tmpfs_with(&[no("mounted")])).repair().await;
    assert_eq!(bed.take_ran(), ["umount -- M"]);
}

#[tokio::test]
async fn what_is_in_use_or_slow_or_without_effect_is_told() {
    let bed = Bed::new();
    bed.build(&tmpfs()).repair().await;
    let absent = bed.build(&[s("state", "absent"), ("timeout_ms", Value::Int(30))]);
    let refuse = |said| *bed.tools.refusal.lock().unwrap() = Some(said);
    refuse("umount: /m: target is busy.");
    assert_eq!(absent.failure().await.replace(&bed.point(), "M"), "unmount M: it is in use");
    assert!(bed.fstab().contains("tmpfs M"), "its line goes last");
    refuse("umount: /m: not permitted");
    assert!(absent.failure().await.ends_with("/m: /m: not permitted"));
    refuse("never");
    assert!(absent.failure().await.ends_with("not done within 30 ms"));
    refuse("nothing");
    assert!(absent.failure().await.contains("the tools ended well, but it still differs"));
    bed.take_ran();
    assert!(absent.failure().await.contains("still differs"));
    assert!(bed.take_ran().is_empty(), "not again at once");
    bed.bench.woken_after(0).await;
    assert!(absent.failure().await.contains("still differs"));
    assert!(!bed.take_ran().is_empty(), "but a little later");
    let ro = bed.build(&tmpfs_with(&[("fs", texts(["ro"]))]));
    assert!(ro.failure().await.contains("options: rw -> ro"));
}

#[tokio::test]
async fn what_is_refused_leaves_fstab_as_it_was() {
    let bed = Bed::new();
    let refuse = |said| *bed.tools.refusal.lock().unwrap() = said;
    refuse(Some("mount: /m: permission denied"));
    let wrong = bed.build(&tmpfs_with(&[("fs", texts(["nonsense"]))]));
    assert!(wrong.failure().await.contains("permission denied"));
    assert_eq!(bed.fstab(), FSTAB);
    refuse(None);
    bed.build(&tmpfs()).repair().await;
    let before = bed.fstab();
    refuse(Some("mount: /m: mount point not mounted"));
    assert!(bed.build(&tmpfs_with(&[("fs", texts(["ro"]))])).failure().await.contains("not mounted"));
    assert_eq!(bed.fstab(), before, "nor by a remount");
}

#[derive(Debug)]
struct FullDisk;

impl Faults for FullDisk {
    fn before(&self, op: &'static str, _: &std::path::Path) -> Result<(), rustix::io::Errno> {
        if matches!(op, "write" | "sync") { Err(rustix::io::Errno::NOSPC) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_old_fstab() {
    let bed = Bed::on(Fs::with_faults(Arc::new(FullDisk)));
    let failure = bed.build(&tmpfs()).failure().await;
    assert!(failure.contains("No space left"), "{failure}");
    assert_eq!((bed.fstab(), bed.take_ran().len()), (FSTAB.to_owned(), 1));
    let left = fs::read_dir(bed.bench.path("")).unwrap().map(|it| it.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["fstab", "m", "prefix", "table"], "no temporary file is left");
}

#[tokio::test]
async fn both_tables_wake() {
    let bed = Bed::new();
    let subject = bed.build(&tmpfs());
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    for (at, file) in ["table", "fstab"].iter().enumerate() {
        bed.watch.change(bed.bench.path(file));
        assert_eq!(bed.bench.wakes(), at + 1);
    }
}

#[tokio::test]
async fn an_undo_gives_back_the_line_and_the_mount() {
    let bed = Bed::new();
    let undo_of = async |subject: &Subject| -> Vec<Param> {
        let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
        undo.iter().map(|(name, value)| (name, value.clone())).collect()
    };
    let first =
        bed.build(&tmpfs_with(&[("fs", texts(["size=1m"])), no("mounted"), ("passno", Value::Int(2))]));
    let none = undo_of(&first).await;
    first.repair().await;
    let before = bed.fstab();
    let second = bed.build(&tmpfs());
    let back = undo_of(&second).await;
    second.repair().await;
    bed.build(&back).repair().await;
    assert_eq!(bed.fstab(), before);
    assert_eq!(bed.take_ran().last().unwrap(), "umount -- M");
    bed.build(&none).repair().await;
    assert_eq!(bed.fstab(), FSTAB);
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let bed = Bed::new();
    let wrong = [
        s("state", "mounted"),
        s("type", "swap"),
        yes("bind"),
        ("fs", texts(["a,b", ""])),
        ("options", map(&[("x", "1,2")])),
        ("timeout_ms", Value::Int(0)),
    ];
    let errors = refused(&bed.kind, "srv", &wrong);
    let params: Vec<_> = errors.iter().map(|error| error.param.unwrap_or("name")).collect();
    assert_eq!(params, ["state", "name", "device", "type", "device", "timeout_ms", "options", "fs", "fs"]);
    let nothing = tmpfs_with(&[no("fstab"), no("mounted")]);
    assert_eq!(refused(&bed.kind, "/m", &nothing)[0].param, Some("mounted"));
    let both = refused(&bed.kind, "/m", &[s("state", "absent"), yes("mounted"), yes("fstab")]);
    assert_eq!(both.iter().map(|error| error.param).collect::<Vec<_>>(), [Some("fstab"), Some("mounted")]);
    let bare = refused(&bed.kind, "/m", &[s("device", "tmpfs")]);
    assert_eq!(bare[0].hint.as_deref(), Some("for a file system without a device add `type: tmpfs`"));
    let twice = tmpfs_with(&[("fs", texts(["size=1m"])), ("options", map(&[("size", "2m")]))]);
    assert_eq!(refused(&bed.kind, "/m", &twice)[0].param, Some("fs"));
    assert_eq!(refused(&bed.kind, "/", &[s("state", "absent")])[0].param, None);
}

#[test]
fn it_comes_between_what_it_is_on_and_what_is_on_it() {
    let bed = Bed::new();
    let told = capabilities(&bed.kind, "/srv/a/b", &[s("device", "/img/x"), yes("bind")]);
    assert_eq!(told.offers, [Uid::new("mount", "/srv/a/b")]);
    let asks_for = |uid: Uid| told.asks.iter().any(|ask| ask.first_of.contains(&uid));
    for uid in
        [Uid::path("/srv/a/b"), Uid::path("/img/x"), Uid::new("mount", "/srv/a"), Uid::new("mount", "/img")]
    {
        assert!(asks_for(uid.clone()), "{uid:?}");
    }
    let told = capabilities(&bed.kind, "/n", &[s("device", "h:/x"), s("type", "nfs")]);
    assert!(told.asks.iter().any(|ask| ask.first_of.contains(&Uid::new("package", "nfs-common"))));
    let told = capabilities(&bed.kind, "/srv/a/b", &[s("state", "absent")]);
    assert_eq!((told.asks.len(), told.asks[0].order), (1, AskOrder::Before));
}

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use rustix::fs::{CWD, RenameFlags};
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

use super::ArchiveKind;
use crate::engine::kind::Uid;
use crate::engine::{Class, Value};
use crate::resources::host::download::FakeDownloader;
use crate::resources::host::mounts::Mounts;
use crate::resources::host::temp_name::beside;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused};

/// An archive in the making. Names are written as they are given, as an evil hand would.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn add(mut self, name: &str, sort: EntryType, mode: u32, link: &str, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(sort);
        header.set_mode(mode);
        header.set_mtime(1_000_000_000);
        header.set_uid(4711);
        header.set_gid(4711);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.add(name, EntryType::Regular, 0o644, "", content.as_bytes())
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.add(name, EntryType::Symlink, 0o777, target, b"")
    }

    fn done(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

/// A tool, in two versions.
fn tool(version: &str) -> Vec<u8> {
    Tar::default()
        .add("tool-1/", EntryType::Directory, 0o755, "", b"")
        .add("tool-1/bin/run", EntryType::Regular, 0o4755, "", version.as_bytes())
        .file("tool-1/README", "read me")
        .link("tool-1/run", "bin/run")
        .add("tool-1/bin/again", EntryType::Link, 0o755, "tool-1/bin/run", b"")
        .done()
}

fn kind() -> ArchiveKind {
    ArchiveKind::new(Host::new(Arc::new(FakeWatch::new())))
}

fn unpacked(bench: &Bench, more: &[(&'static str, Value)]) -> Subject {
    let mut params = vec![("path", bench.place("t")), ("source", bench.place("a.tar"))];
    params.extend_from_slice(more);
    bench.build(&kind(), "t", &params)
}

const STRIP: (&str, Value) = ("strip", Value::Int(1));

fn left_over(bench: &Bench) -> usize {
    let names = fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".mgmt-")).count()
}

#[tokio::test]
async fn files_are_unpacked_whole_with_their_modes_and_without_setuid() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let subject = unpacked(&bench, &[STRIP]);
    let before = listing(&bench.path(""));
    let shown = format!("path: absent -> the files of {}", bench.path("a.tar").display());
    assert_eq!(subject.noop().await.shown(), [shown]);
    assert_eq!(listing(&bench.path("")), before, "a check writes nothing");
    subject.repair().await;
    assert_eq!(bench.read("t/bin/run"), "one");
    assert_eq!(bench.read("t/run"), "one");
    let run = fs::metadata(bench.path("t/bin/run")).unwrap();
    assert_eq!((run.mode() & 0o7777, run.mtime(), run.nlink()), (0o755, 1_000_000_000, 2));
    assert_eq!(run.uid(), rustix::process::geteuid().as_raw());
    let dir = fs::metadata(bench.path("t")).unwrap().permissions().mode();
    assert_eq!(dir & 0o7777, 0o755);
    assert_eq!(left_over(&bench), 0);
    let setuid = unpacked(&bench, &[STRIP, ("setuid", Value::Bool(true))]);
    assert!(setuid.repair().await.drift.has("settings"));
    assert_eq!(fs::metadata(bench.path("t/bin/run")).unwrap().mode() & 0o7777, 0o4755);
}

#[tokio::test]
async fn what_somebody_changes_is_unpacked_again_and_what_is_his_stays() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let subject = unpacked(&bench, &[STRIP]);
    subject.repair().await;
    bench.write("t/mine", "mine");
    fs::create_dir_all(bench.path("t/data/deep")).unwrap();
    bench.write("t/data/deep/x", "x");
    bench.write("t/bin/log", "log");
    assert!(subject.run().await.drift.is_empty());
    bench.write("t/README", "edited");
    fs::remove_file(bench.path("t/run")).unwrap();
    fs::set_permissions(bench.path("t/bin"), fs::Permissions::from_mode(0o700)).unwrap();
    let ran = subject.repair().await;
    assert!(ran.shown()[0].starts_with("content: 3 of 5 are changed, such as README"), "{:?}", ran.shown());
    assert_eq!(bench.read("t/README"), "read me");
    for (path, content) in [("t/mine", "mine"), ("t/data/deep/x", "x"), ("t/bin/log", "log")] {
        assert_eq!(bench.read(path), content);
    }
    let cleaned = unpacked(&bench, &[STRIP, ("clean", Value::Bool(true))]);
    assert!(cleaned.noop().await.shown()[0].starts_with("clean: 3 others, such as bin/log"));
    cleaned.repair().await;
    assert!(!bench.path("t/mine").exists() && !bench.path("t/data").exists() && bench.path("t/run").exists());
    assert_eq!(left_over(&bench), 0);
}

#[tokio::test]
async fn a_new_archive_takes_the_place_of_the_old_one() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let subject = unpacked(&bench, &[STRIP]);
    subject.repair().await;
    bench.write("t/mine", "mine");
    bench.write("a.tar", Tar::default().file("x/new", "new").done());
    assert!(subject.repair().await.drift.has("source"));
    assert!(!bench.path("t/README").exists(), "what was of the old archive goes");
    assert_eq!((bench.read("t/new"), bench.read("t/mine")), ("new".to_owned(), "mine".to_owned()));
}

#[tokio::test]
async fn what_a_killed_agent_left_is_carried_over() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let subject = unpacked(&bench, &[STRIP]);
    subject.repair().await;
    let [fresh, full] = [0, 1].map(|number| beside(&bench.path("t"), number));
    fs::create_dir_all(fresh.join("half")).unwrap();
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "mine").unwrap();
    fs::write(full.join("README"), "old").unwrap();
    bench.write("t/README", "edited");
    subject.repair().await;
    assert_eq!((bench.read("t/README"), bench.read("t/mine")), ("read me".to_owned(), "mine".to_owned()));
    assert_eq!(left_over(&bench), 0);
}

#[tokio::test]
async fn whoever_owns_the_directory_around_gets_nothing_that_lies_elsewhere() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    // So long that whoever waits for its directory mostly has time to put something else in its place.
    let long = vec![b'a'; 48 << 20];
    let archive = Tar::default().add("bin/", EntryType::Directory, 0o755, "", b"");
    let archive = archive.add("bin/long", EntryType::Regular, 0o644, "", &long).done();
    for _ in 0..20 {
        let bench = Bench::new();
        bench.write("a.tar", &archive);
        fs::create_dir_all(bench.path("usr/bin")).unwrap();
        let before = fs::metadata(bench.path("usr/bin")).unwrap();
        let [fresh, _] = [0, 1].map(|number| beside(&bench.path("t"), number));
        let stolen = bench.path("stolen");
        std::os::unix::fs::symlink(bench.path("usr"), &stolen).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let thief = std::thread::spawn(move || {
            while !fresh.join("bin/long").exists() && !is_over.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            rustix::fs::renameat_with(CWD, &fresh, CWD, &stolen, RenameFlags::EXCHANGE).is_ok()
        });
        let subject = unpacked(&bench, &[("owner", Value::str("nobody"))]);
        let done = subject.try_run(subject.cx()).await;
        over.store(true, Ordering::SeqCst);
        if !thief.join().unwrap() {
            assert!(done.is_ok(), "{:?}", done.err());
            continue;
        }
        let error = done.unwrap_err().to_string();
        assert!(error.contains("changed at the same time"), "{error}");
        let after = fs::metadata(bench.path("usr/bin")).unwrap();
        assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
        assert_eq!(fs::metadata(bench.path("usr")).unwrap().uid(), 0);
        assert_eq!(fs::read_dir(bench.path("usr/bin")).unwrap().count(), 0, "nothing is written there");
        assert!(bench.path("stolen/bin/long").exists());
        return;
    }
    panic!("the thief was late twenty times");
}

#[tokio::test]
async fn what_other_resources_look_after_stays_theirs() {
    let bench = Bench::new();
    let host = Host::new(Arc::new(FakeWatch::new()));
    let kind = ArchiveKind::new(host.clone());
    let params = [("path", bench.place("t")), ("source", bench.place("a.tar")), STRIP];
    bench.write("a.tar", tool("one"));
    let subject = bench.build(&kind, "t", &params);
    subject.repair().await;
    let path = |name: &str| Arc::<str>::from(bench.path(name).to_str().unwrap());
    let own = host.managed.claim(path("t/README"));
    let whole = host.managed.claim_whole(path("t/bin"));
    bench.write("t/README", "managed");
    bench.write("t/bin/run", "managed");
    assert!(subject.run().await.drift.is_empty(), "it does not fight");
    let next = tool("two");
    bench.write("a.tar", &next);
    subject.repair().await;
    assert_eq!((bench.read("t/README"), bench.read("t/bin/run")), ("managed".to_owned(), "two".to_owned()));
    fs::remove_file(bench.path("t/run")).unwrap();
    let shown = subject.repair().await.shown();
    assert!(shown[0].starts_with("content: 1 of 5 are changed, such as run"), "{shown:?}");
    assert_eq!(bench.read("t/README"), "managed");
    // Once nobody does any more, it is the archive's again.
    drop((own, whole));
    subject.repair().await;
    assert_eq!(bench.read("t/README"), "read me");
    assert_eq!(left_over(&bench), 0);
}

#[tokio::test]
async fn with_a_mount_in_the_directory_nothing_is_begun_and_the_mount_is_named() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let real = bench.path("").canonicalize().unwrap().join("t/data");
    let line = format!("31 22 0:41 / {} rw - tmpfs data rw\n", real.display());
    bench.write("mounts", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    let mounts = Mounts::at(bench.path("mounts"), bench.path("fstab"), bench.path("none"));
    let host = Host { mounts, ..Host::over(Arc::new(FakeWatch::new())) };
    let params = [("path", bench.place("t")), ("source", bench.place("a.tar")), STRIP];
    let subject = bench.build(&ArchiveKind::new(Arc::new(host)), "t", &params);
    subject.repair().await;
    bench.write("mounts", line);
    assert!(subject.run().await.drift.is_empty(), "it is no harm while all is right");
    bench.write("a.tar", tool("two"));
    let error = subject.try_run(subject.cx()).await.unwrap_err();
    assert!(error.to_string().ends_with(&format!("something is mounted at {}", real.display())), "{error}");
    assert!(error.hint().unwrap().contains("unmount it"));
    assert_eq!(subject.foreseen().await.len(), 1);
    assert_eq!((bench.read("t/run"), left_over(&bench)), ("one".to_owned(), 0));
}

#[tokio::test]
async fn evil_archives_are_refused_and_leave_nothing() {
    let device = Tar::default().add("d", EntryType::Char, 0o666, "", b"").done();
    let pipe = Tar::default().add("p", EntryType::Fifo, 0o666, "", b"").done();
    let hard = Tar::default().add("h", EntryType::Link, 0o644, "/etc/passwd", b"").done();
    let bomb = vec![b'a'; 3 << 20];
    let bomb = Tar::default().add("bomb", EntryType::Regular, 0o644, "", &bomb).done();
    for (archive, why) in [
        (Tar::default().file("../evil", "x").done(), "the name \"../evil\" leads out"),
        (Tar::default().file("/evil", "x").done(), "the name \"/evil\" leads out"),
        (Tar::default().file("a/../../evil", "x").done(), "leads out"),
        (Tar::default().link("l", "/etc").done(), "the link \"l\" leads out of the archive, to \"/etc\""),
        (Tar::default().link("l", "../x").done(), "leads out"),
        (Tar::default().link("l", ".").file("l/f", "x").done(), "would be written through a link"),
        (Tar::default().link("l", "f").file("l", "x").done(), "would be written through a link"),
        // Each by itself stays within, and the two together do not.
        (Tar::default().file("d/f", "").link("d/up", "..").link("out", "d/up/..").done(), "leads out"),
        (device, "\"d\" is a device"),
        (pipe, "\"p\" is a named pipe"),
        (hard, "leads out"),
        (Tar::default().file("a", "x").file("a/b", "y").done(), "twice"),
        (bomb, "it unpacks to more than 2097152 bytes"),
    ] {
        let bench = Bench::new();
        bench.write("a.tar", archive);
        fs::create_dir(bench.path("t")).unwrap();
        bench.write("t/kept", "kept");
        let subject = unpacked(&bench, &[("max_mib", Value::Int(2))]);
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error} is not {why}");
        assert_eq!(error.class(), Class::User);
        assert_eq!((left_over(&bench), bench.read("t/kept")), (0, "kept".to_owned()));
        assert!(!bench.path("evil").exists());
    }
}

#[tokio::test]
async fn every_packing_is_known_by_its_content() {
    let packed = [
        "H4sIAAAAAAACA+3KMQ6CQBQE0F97ir2BS/jgeWiMViSI93dDSYGVJiTvNZPMzHS9x6/VZszcstln00e99TkOOWx9V7usUWr8wfu1TkspsczzevT7tp/U43kJAAAAAAAAAAAAzucDPtJ0JQAoAAA=",
        "QlpoOTFBWSZTWew9f8wAAHN7hMkQAEDAAO+AAAJhYJ4AAACACCAAVCUgR6gBo9Ro9QSUyRoDQDTQV+5xd0IJWAJEZyGnCJlBJAyow9Wo91oisAa4OYSN2voy6TksVidVZ7cHpVbPMd6IiB+LuSKcKEh2Hr/mAA==",
        "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AGZdADCLyMAOUCcI/OcFvm95VdZZzKSdUE3xTwOrOZtbABnKd2KMueybFSYg2DL9INDdotWPqwZ2FdfILDBHjMbDGftQDZx5EXMiDLy5ZOtYZNOdmcgdZasTOwOrZufujnv0+98abxB9AAAAAFMZ5Jtd26RKAAGCAYBQAAA10KgsscRn+wIAAAAABFla",
        "KLUv/WQAJzUCAHIDCxCgqwO0ey2o6k7+5alGjRdlBSrVrcWKyI5rrx17isX9SZKSw9xxM8t/UTgBCSCQmwf5hafnKIwBaP9+zgdzguH0dIi9RIwj",
        "UEsDBAoAAAAAADEfdl16em/tAwAAAAMAAAADAAAAYS9maGkKUEsBAh4DCgAAAAAAMR92XXp6b+0DAAAAAwAAAAMAAAAAAAAAAQAAAKSBAAAAAGEvZlBLBQYAAAAAAQABADEAAAAkAAAAAAA=",
    ];
    for packed in packed {
        let bench = Bench::new();
        bench.write("a.tar", base64::engine::general_purpose::STANDARD.decode(packed).unwrap());
        unpacked(&bench, &[]).repair().await;
        assert_eq!(bench.read("t/a/f"), "hi\n");
        let whole = fs::read(bench.path("a.tar")).unwrap();
        bench.write("a.tar", &whole[..whole.len() / 2]);
        let error = unpacked(&bench, &[]).failure().await;
        assert!(error.starts_with("unpack "), "{error}");
        assert_eq!(bench.read("t/a/f"), "hi\n");
    }
}

#[tokio::test]
async fn what_is_no_archive_or_not_whole_is_told_without_a_line_of_it() {
    let gzip = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packer, bytes).unwrap();
        packer.finish().unwrap()
    };
    let whole = tool("one");
    let mut scribbled = whole.clone();
    scribbled[512..812].fill(b'x');
    let packed = gzip(&whole);
    for (archive, why) in [
        (b"root:x:0".repeat(200), "it is no archive that is known"),
        (b"root:x:0".to_vec(), "it is no archive that is known"),
        (gzip(&b"root:x:0".repeat(200)), "what is packed in it, with gzip, is no tar archive"),
        (Vec::new(), "it is empty"),
        (b"Rar!\x1a\x07\x01\0".to_vec(), "it is a RAR file, and no archive that is unpacked"),
        (whole[..700].to_vec(), "it ends in the middle of entry 1"),
        (scribbled, "it is damaged behind entry 1"),
        (
            packed[..packed.len() / 2].to_vec(),
            "its gzip data is cut off or damaged: incomplete deflate stream",
        ),
        (b"PK\x03\x04root:x:0".to_vec(), "its zip data is cut off or damaged: invalid Zip archive"),
    ] {
        let bench = Bench::new();
        bench.write("a.tar", archive);
        let error = unpacked(&bench, &[]).failure().await;
        assert!(error.contains(&format!("a.tar: {why}")), "{error} is not {why}");
        assert!(!error.contains("root") && !error.contains('\n'), "{error}");
        assert_eq!((left_over(&bench), bench.path("t").exists()), (0, false));
    }
}

#[tokio::test]
async fn what_cannot_be_put_in_its_place_leaves_nothing_and_names_what_was_declared() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    let all = unpacked(&bench, &[("strip", Value::Int(9))]).failure().await;
    assert!(all.ends_with("`strip: 9` leaves nothing of it: its longest name has 3 parts"), "{all}");
    let nobody = unpacked(&bench, &[("owner", Value::str("nobody-of-this-name"))]).failure().await;
    assert!(nobody.contains("nobody-of-this-name"), "{nobody}");
    assert_eq!((left_over(&bench), bench.path("t").exists()), (0, false));
    let deep = unpacked(&bench, &[("path", bench.place("no/such"))]).failure().await;
    assert!(deep.contains("/no/such:") && !deep.contains(".mgmt-"), "{deep}");
    let dir = unpacked(&bench, &[("source", bench.place(""))]).failure().await;
    assert!(dir.ends_with("is a directory, not an archive"), "{dir}");
}

#[tokio::test]
async fn an_address_is_fetched_only_when_needed_and_must_have_its_checksum() {
    let bench = Bench::new();
    let downloader = Arc::new(FakeDownloader::default());
    let host = Host { downloader: downloader.clone(), ..Host::over(Arc::new(FakeWatch::new())) };
    let kind = ArchiveKind::new(Arc::new(host));
    let archive = tool("one");
    let digest: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let url = "https://anna:secret@example.org/t.tar?key=secret";
    let build = |checksum: &str| {
        let checksum = Value::str(checksum);
        bench.build(
            &kind,
            "t",
            &[("path", bench.place("t")), ("source", Value::str(url)), ("checksum", checksum)],
        )
    };
    let subject = build(&digest);
    let error = subject.failure().await;
    assert_eq!(error, "fetch https://example.org/t.tar: it answered with status 404");
    downloader.serve(url, archive.clone());
    subject.repair().await;
    assert_eq!(bench.read("t/tool-1/README"), "read me");
    downloader.serve(url, "other");
    assert!(subject.run().await.drift.is_empty());
    let other = format!("sha256:{}", "0".repeat(64));
    let error = build(&other);
    let error = error.try_run(error.cx()).await.unwrap_err();
    assert_eq!(error.class(), Class::User);
    assert!(error.to_string().contains("has the SHA-256"), "{error}");
    assert_eq!(bench.read("t/tool-1/README"), "read me");
}

#[tokio::test]
async fn once_what_it_creates_is_there_it_is_done() {
    let bench = Bench::new();
    bench.write("a.tar", tool("one"));
    fs::create_dir(bench.path("t")).unwrap();
    let subject = unpacked(&bench, &[STRIP, ("creates", Value::str("bin/run"))]);
    subject.repair().await;
    bench.write("t/README", "edited");
    fs::remove_file(bench.path("a.tar")).unwrap();
    assert!(subject.run().await.drift.is_empty());
}

#[test]
fn all_that_is_wrong_is_refused_and_what_goes_before_is_known() {
    let wrong = refused(
        &kind(),
        "relative",
        &[
            ("source", Value::str("ftp://x/y")),
            ("checksum", Value::str("md5:1")),
            ("owner", Value::str("a:b:c")),
            ("max_mib", Value::Int(0)),
        ],
    );
    let at: Vec<_> = wrong.iter().map(|error| error.param).collect();
    assert_eq!(at, [None, Some("source"), Some("checksum"), Some("owner"), Some("max_mib")]);
    let bare = refused(&kind(), "/t", &[("source", Value::str("http://x/y"))]);
    assert_eq!(bare[0].param, Some("checksum"));
    let params = [("source", Value::str("/srv/a.tar")), ("owner", Value::str("anna:staff"))];
    let found = capabilities(&kind(), "/t", &params);
    let asked: Vec<_> = found.asks.iter().flat_map(|ask| &ask.first_of).collect();
    for wanted in [Uid::path("/srv/a.tar"), Uid::new("user", "anna"), Uid::new("group", "staff")] {
        assert!(asked.contains(&&wanted), "{wanted:?}");
    }
    assert_eq!(found.offers, [Uid::path("/t")]);
}

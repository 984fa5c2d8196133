use std::sync::Arc;

use super::HostnameKind;
use crate::engine::Value;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, listing, refused};

type Param = (&'static str, Value);

fn s(name: &'static str, text: &str) -> Param {
    (name, Value::str(text))
}

struct Bed {
    bench: Bench,
    kind: HostnameKind,
    watch: FakeWatch,
}

impl Bed {
    fn new() -> Self {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("etc")).unwrap();
        bench.write("kernel", "old\n");
        bench.write("etc/hostname", "# note\nold\n");
        let watch = FakeWatch::new();
        let kind =
            HostnameKind::at(Host::new(Arc::new(watch.clone())), bench.path("kernel"), &bench.path("etc"));
        Self { bench, kind, watch }
    }

    fn build(&self, params: &[Param]) -> Subject {
        self.bench.build(&self.kind, "new.example.org", params)
    }
}

#[tokio::test]
async fn all_three_names_are_kept() {
    let bed = Bed::new();
    let before = listing(&bed.bench.path(""));
    let subject = bed.build(&[]);
    assert_eq!(
        subject.noop().await.shown(),
        [
            "transient_hostname: old -> new.example.org",
            "static_hostname: old -> new.example.org",
            "pretty_hostname: absent -> new.example.org",
        ]
    );
    assert_eq!(listing(&bed.bench.path("")), before);
    subject.repair().await;
    assert_eq!(
        (bed.bench.read("kernel").as_str(), bed.bench.read("etc/hostname").as_str()),
        ("new.example.org", "new.example.org\n")
    );
    assert_eq!(bed.bench.read("etc/machine-info"), "PRETTY_HOSTNAME=\"new.example.org\"\n");
}

#[tokio::test]
async fn each_can_be_another_or_none() {
    let bed = Bed::new();
    bed.bench.write("etc/machine-info", "CHASSIS=vm\n");
    let params = [
        s("hostname", "a"),
        s("pretty_hostname", "The A"),
        s("static_hostname", "b"),
        s("transient_hostname", "c"),
    ];
    bed.build(&params).repair().await;
    assert_eq!((bed.bench.read("kernel").as_str(), bed.bench.read("etc/hostname").as_str()), ("c", "b\n"));
    assert_eq!(bed.bench.read("etc/machine-info"), "CHASSIS=vm\nPRETTY_HOSTNAME=\"The A\"\n");
    bed.build(&[s("static_hostname", ""), s("pretty_hostname", "")]).repair().await;
    assert!(!bed.bench.path("etc/hostname").exists());
    assert_eq!(bed.bench.read("etc/machine-info"), "CHASSIS=vm\n");
}

#[tokio::test]
async fn links_stay_and_the_files_behind_them_keep_their_mode() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let bed = Bed::new();
    for (name, text) in [("hostname", "old\n"), ("machine-info", "CHASSIS=vm\n")] {
        let (file, link) = (bed.bench.path(name), bed.bench.path("etc").join(name));
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let _ = std::fs::remove_file(&link);
        symlink(&file, &link).unwrap();
    }
    bed.build(&[]).repair().await;
    for name in ["hostname", "machine-info"] {
        let (file, link) = (bed.bench.path(name), bed.bench.path("etc").join(name));
        assert!(std::fs::symlink_metadata(link).unwrap().is_symlink(), "{name}");
        assert!(std::fs::read_to_string(&file).unwrap().contains("new.example.org"), "{name}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644, "{name}");
    }
    bed.build(&[s("static_hostname", "")]).repair().await;
    assert_eq!(bed.bench.read("hostname"), "");
}

#[tokio::test]
async fn a_change_of_each_wakes_and_an_undo_gives_the_old_names_back() {
    let bed = Bed::new();
    let subject = bed.build(&[]);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    for (at, file) in ["kernel", "etc/hostname", "etc/machine-info"].iter().enumerate() {
        bed.watch.change(bed.bench.path(file));
        assert_eq!(bed.bench.wakes(), at + 1);
    }
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    subject.repair().await;
    let back: Vec<Param> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.build(&back).repair().await;
    assert_eq!(
        (bed.bench.read("kernel").as_str(), bed.bench.read("etc/hostname").as_str()),
        ("old", "old\n")
    );
    assert!(!bed.bench.path("etc/machine-info").exists());
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let bed = Bed::new();
    let wrong = [
        s("hostname", "a b"),
        s("static_hostname", "-"),
        s("transient_hostname", ""),
        s("pretty_hostname", "a\nb"),
    ];
    let params = |name: &str, given: &[Param]| -> Vec<Option<&str>> {
        refused(&bed.kind, name, given).iter().map(|error| error.param).collect()
    };
    assert_eq!(
        params("x", &wrong[..3]),
        [Some("hostname"), Some("static_hostname"), Some("transient_hostname")]
    );
    assert_eq!(params("x", &wrong[3..]), [Some("pretty_hostname")]);
    assert_eq!(params("the web server", &[]), [None]);
}

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use super::SysctlKind;
use crate::engine::Value;
use crate::engine::kind::Uid;
use crate::resources::host::entry_watch::EntryWatch;
use crate::resources::host::{FakeWatch, Host};
use crate::resources::testing::{Bench, Subject, capabilities, listing, refused};

type Param = (&'static str, Value);

fn s(name: &'static str, text: &str) -> Param {
    (name, Value::str(text))
}

fn flag(name: &'static str, is: bool) -> Param {
    (name, Value::Bool(is))
}

fn map(pairs: &[(&str, &str)]) -> Param {
    ("values", Value::Map(pairs.iter().map(|(key, value)| (Value::str(*key), Value::str(*value))).collect()))
}

struct Bed {
    bench: Bench,
    kind: SysctlKind,
    watch: FakeWatch,
}

const FILE: &str = "root/etc/sysctl.d/99-vm.swappiness.conf";

impl Bed {
    fn new() -> Self {
        Self::with(EntryWatch::default())
    }

    fn with(entries: EntryWatch) -> Self {
        let bench = Bench::new();
        fs::create_dir_all(bench.path("kernel/vm")).unwrap();
        fs::create_dir_all(bench.path("root/etc/sysctl.d")).unwrap();
        bench.write("kernel/vm/swappiness", "60\n");
        bench.write("kernel/vm/pair", "1\t2\n");
        let watch = FakeWatch::new();
        let host = Arc::new(Host { entries, ..Host::over(Arc::new(watch.clone())) });
        let kind = SysctlKind::at(host, bench.path("kernel"), &bench.path("root"));
        Self { bench, kind, watch }
    }

    fn build(&self, params: &[Param]) -> Subject {
        self.bench.build(&self.kind, "vm.swappiness", params)
    }
}

#[tokio::test]
async fn a_value_is_set_and_kept_for_the_next_boot() {
    let bed = Bed::new();
    let before = listing(&bed.bench.path(""));
    let subject = bed.build(&[s("value", "10")]);
    assert_eq!(subject.noop().await.shown(), ["persist: absent -> vm.swappiness = 10", "value: 60 -> 10"]);
    assert_eq!(listing(&bed.bench.path("")), before);
    subject.repair().await;
    assert_eq!(bed.bench.read("kernel/vm/swappiness"), "10\n");
    assert_eq!(bed.bench.read(FILE), "vm.swappiness = 10\n");
    bed.build(&[s("value", "20"), flag("persist", false)]).repair().await;
    assert!(!bed.bench.path(FILE).exists(), "nothing is left in it");
    bed.build(&[s("value", "30"), flag("file_only", true)]).repair().await;
    assert_eq!(
        (bed.bench.read("kernel/vm/swappiness"), bed.bench.read(FILE)),
        ("20\n".into(), "vm.swappiness = 30\n".into())
    );
    fs::remove_dir_all(bed.bench.path("root/etc/sysctl.d")).unwrap();
    bed.build(&[s("value", "20")]).repair().await;
}

#[tokio::test]
async fn several_are_set_in_one_file_whose_other_lines_stay() {
    let bed = Bed::new();
    let path = bed.bench.path("shared.conf");
    bed.bench.write("shared.conf", "# mine\nnet.x = 1\nvm/pair=5 6\nvm.pair = 7");
    let values = map(&[("vm.swappiness", "10"), ("vm.pair", "3 4")]);
    let drift = bed.build(&[values, s("path", path.to_str().unwrap())]).repair().await.shown();
    assert_eq!(drift.len(), 4);
    assert_eq!(bed.bench.read("shared.conf"), "# mine\nnet.x = 1\nvm.pair = 3 4\nvm.swappiness = 10\n");
    assert_eq!(bed.bench.read("kernel/vm/pair"), "3 4\n");
    assert!(bed.build(&[map(&[("vm.pair", "3\t4")]), flag("persist", false)]).run().await.drift.is_empty());
}

#[tokio::test]
async fn a_link_stays_and_the_file_behind_it_keeps_its_mode() {
    let bed = Bed::new();
    let (link, file) = (bed.bench.path(FILE), bed.bench.path("root/etc/sysctl.conf"));
    fs::write(&file, "# mine\n").unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    symlink("../sysctl.conf", &link).unwrap();
    let is_as_it_was = || {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
        fs::symlink_metadata(&link).unwrap().is_symlink() && mode == 0o640
    };
    bed.build(&[s("value", "10")]).repair().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\nvm.swappiness = 10\n");
    assert!(is_as_it_was());
    fs::write(&file, "vm.swappiness = 10\n").unwrap();
    bed.build(&[s("value", "10"), flag("persist", false)]).repair().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "", "the link does not lead nowhere");
    assert!(is_as_it_was());
}

#[tokio::test]
async fn a_missing_parameter_is_an_error_unless_it_may_be_missing() {
    let bed = Bed::new();
    let missing = |ignore| {
        let params = [s("value", "1"), flag("ignore_missing", ignore)];
        bed.bench.build(&bed.kind, "net.netfilter.x", &params)
    };
    assert_eq!(missing(false).failure().await, "there is no kernel parameter net.netfilter.x");
    assert!(
        bed.bench.path("root/etc/sysctl.d/99-net.netfilter.x.conf").exists(),
        "it holds once it is there"
    );
    assert!(missing(true).run().await.drift.is_empty());
}

#[tokio::test]
async fn a_refused_value_leaves_the_file_as_it_was() {
    let bed = Bed::new();
    // A directory takes no value.
    fs::create_dir(bed.bench.path("kernel/vm/zoo")).unwrap();
    let values = map(&[("vm.swappiness", "10"), ("vm.zoo", "1")]);
    let failure = bed.build(&[values]).failure().await;
    assert!(failure.contains("the kernel parameter vm.zoo"), "{failure}");
    assert!(!bed.bench.path(FILE).exists());
    bed.bench.write(FILE, "vm.zoo = 5\n");
    bed.bench
        .build(&bed.kind, "vm.zoo", &[s("value", "1"), s("path", bed.bench.path(FILE).to_str().unwrap())])
        .failure()
        .await;
    assert_eq!(bed.bench.read(FILE), "vm.zoo = 5\n");
}

#[tokio::test]
async fn writes_to_parameter_and_file_wake() {
    let bed = Bed::new();
    let subject = bed.build(&[s("value", "60")]);
    let wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    bed.bench.write("kernel/vm/pair", "9");
    bed.watch.change(bed.bench.path(FILE));
    assert_eq!(bed.bench.wakes(), 1);
    bed.bench.write("kernel/vm/swappiness", "5");
    bed.bench.woken_after(1).await;
    bed.watch.change(bed.bench.path("root/etc/sysctl.d"));
    drop(wakes);
    assert!(bed.watch.watched().is_empty());
}

#[tokio::test]
async fn a_parameter_that_comes_later_is_set_and_one_that_went_and_came_back_too() {
    let bed = Bed::with(EntryWatch::looking_every(Duration::from_millis(10)));
    let params = [s("value", "1"), flag("persist", false)];
    let subject = bed.bench.build(&bed.kind, "net.bridge.x", &params);
    let _wakes = subject.resource.watch(&subject.cx()).await.unwrap();
    assert_eq!(subject.failure().await, "there is no kernel parameter net.bridge.x");
    for round in ["0\n", "2\n"] {
        let wakes = bed.bench.wakes();
        fs::create_dir_all(bed.bench.path("kernel/net/bridge")).unwrap();
        bed.bench.write("kernel/net/bridge/x", round);
        bed.bench.woken_after(wakes).await;
        subject.repair().await;
        assert_eq!(bed.bench.read("kernel/net/bridge/x"), "1\n");
        fs::remove_dir_all(bed.bench.path("kernel/net")).unwrap();
        assert!(subject.failure().await.contains("there is no kernel parameter"));
    }
}

#[tokio::test]
async fn an_undo_gives_back_the_old_value_and_removes_the_file() {
    let bed = Bed::new();
    let subject = bed.build(&[s("value", "10")]);
    let undo = subject.resource.undo(&subject.cx()).await.unwrap().unwrap();
    subject.repair().await;
    let back: Vec<Param> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.build(&back).repair().await;
    assert_eq!(bed.bench.read("kernel/vm/swappiness"), "60\n");
    assert!(!bed.bench.path(FILE).exists());
}

#[test]
fn what_is_wrong_is_refused_all_at_once() {
    let bed = Bed::new();
    let params = |name: &str, given: &[Param]| -> Vec<Option<&str>> {
        refused(&bed.kind, name, given).iter().map(|error| error.param).collect()
    };
    assert_eq!(params("swappiness", &[]), [None, Some("value")]);
    assert_eq!(params("vm.x", &[s("value", "a\nb"), s("path", "x")]), [Some("value"), Some("path")]);
    assert_eq!(
        params("free", &[map(&[("vm.a", "1"), ("vm/a", "2"), ("b", "3")]), s("value", "1")]),
        [Some("values"), Some("values"), Some("value")]
    );
    let nothing = [s("value", "1"), flag("persist", false), flag("runtime", false)];
    assert_eq!(params("vm.x", &nothing), [Some("persist")]);
}

#[test]
fn it_comes_after_its_interface_and_its_file() {
    let bed = Bed::new();
    let told =
        capabilities(&bed.kind, "net/ipv4/conf/a.b/forwarding", &[s("value", "1"), s("path", "/srv/x.conf")]);
    let asks_for = |uid: Uid| told.asks.iter().any(|ask| ask.first_of.contains(&uid));
    assert!(asks_for(Uid::new("interface", "a.b")) && asks_for(Uid::path("/srv/x.conf")));
}

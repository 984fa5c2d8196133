//! A graph file that is edited while it is followed. The watch is a fake: events come when the test says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use mgmt::engine::path_watch::{Interest, PathEvent, PathGuard, PathSink, PathWatch, PathWatchError};
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::{Registry, World};
use mgmt::lang::{Options, Outcome, open};
use tempfile::TempDir;

use super::kinds::{Noop, fake, registry};

/// Remembers who watches.
#[derive(Default)]
pub struct FakeWatch {
    sinks: Mutex<Vec<(PathBuf, Interest, PathSink)>>,
}

impl FakeWatch {
    /// The watched file has a new content, or may have.
    pub fn event(&self, watched: &Path) {
        for (path, interest, sink) in self.sinks.lock().unwrap().iter() {
            assert_eq!((path.as_path(), *interest), (watched, Interest::CONTENT));
            sink(PathEvent { stamp: None });
        }
    }
}

impl std::fmt::Debug for FakeWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeWatch")
    }
}

impl PathWatch for FakeWatch {
    fn watch(&self, path: &Path, interest: Interest, sink: PathSink) -> Result<PathGuard, PathWatchError> {
        self.sinks.lock().unwrap().push((path.to_owned(), interest, sink));
        Ok(PathGuard::new(()))
    }
}

struct Followed {
    _folder: TempDir,
    path: PathBuf,
    watch: Arc<FakeWatch>,
    options: Options,
    graphs: BoxStream<'static, Outcome>,
}

fn nowhere() -> Arc<dyn World> {
    Nowhere::of("here".parse().unwrap())
}

const FIRST: &str = "graph: first\nresources:\n  noop:\n  - name: a\n";
const SECOND: &str = "graph: second\n";
const BROKEN: &str = "graph: broken\nresources:\n  nop: []\n";

impl Followed {
    fn new(text: &str, watch: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.yaml");
        fs::write(&path, text).unwrap();
        let fake = Arc::new(FakeWatch::default());
        let options = Options { watch, ..Options::default() };
        let frontend = open(&path, options.clone(), Arc::new(registry()), fake.clone(), nowhere()).unwrap();
        Self { _folder: folder, path, watch: fake, options, graphs: frontend.graphs() }
    }

    /// The watched file has a new content, or may have.
    fn event(&self) {
        self.watch.event(&self.path);
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        self.event();
    }

    /// The name of the next graph, or the first error's message.
    async fn next(&mut self) -> Result<String, String> {
        let outcome = self.graphs.next().await.expect("the stream goes on");
        outcome.map(|parsed| parsed.graph.name.to_string()).map_err(|errors| errors[0].message.clone())
    }

    /// Nothing comes, though there is something to read.
    async fn quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(100), self.graphs.next()).await;
        assert!(next.is_err(), "nothing was to come");
    }
}

#[tokio::test]
async fn each_new_content_is_a_graph_and_the_same_one_is_none() {
    let mut followed = Followed::new(FIRST, true);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
    followed.write(FIRST);
    followed.quiet().await;
    followed.write(SECOND);
    assert_eq!(followed.next().await, Ok("second".to_owned()));
}

#[tokio::test]
async fn a_broken_text_is_reported_once_and_again_when_asked() {
    let mut followed = Followed::new(FIRST, true);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
    followed.write(BROKEN);
    assert_eq!(followed.next().await, Err("there is no kind `nop`".to_owned()));
    followed.write(BROKEN);
    followed.quiet().await;
    followed.options.reload.notify_one();
    assert_eq!(followed.next().await, Err("there is no kind `nop`".to_owned()));
    followed.write(FIRST);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
}

#[tokio::test]
async fn a_vanished_file_is_waited_for_and_reported_only_when_asked() {
    let mut followed = Followed::new(FIRST, true);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
    fs::remove_file(&followed.path).unwrap();
    followed.event();
    followed.quiet().await;
    followed.options.reload.notify_one();
    assert_eq!(followed.next().await, Err("there is no such file".to_owned()));
    followed.write(SECOND);
    assert_eq!(followed.next().await, Ok("second".to_owned()));
}

#[tokio::test]
async fn unreadable_content_is_reported_once() {
    let mut followed = Followed::new(FIRST, true);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
    for _ in 0..2 {
        fs::write(&followed.path, b"graph: \xff\n").unwrap();
        followed.event();
        if let Ok(told) = tokio::time::timeout(Duration::from_millis(100), followed.next()).await {
            assert_eq!(told, Err("the file is not UTF-8: byte 0xff at offset 7".to_owned()));
        }
    }
    followed.event();
    followed.quiet().await;
}

#[tokio::test]
async fn without_watching_there_is_one_graph() {
    let mut followed = Followed::new(FIRST, false);
    assert_eq!(followed.next().await, Ok("first".to_owned()));
    assert!(followed.graphs.next().await.is_none());
    assert!(followed.watch.sinks.lock().unwrap().is_empty());
}

/// A host that cannot watch anything.
#[derive(Debug)]
struct NoWatch;

impl PathWatch for NoWatch {
    fn watch(&self, path: &Path, _: Interest, _: PathSink) -> Result<PathGuard, PathWatchError> {
        let source = std::io::Error::other("no watches left");
        Err(PathWatchError::Watch { path: path.to_owned(), source })
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_watched_runs_with_a_warning_and_is_read_again_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yaml");
    fs::write(&path, FIRST).unwrap();
    let options = Options::default();
    let frontend = open(&path, options.clone(), Arc::new(registry()), Arc::new(NoWatch), nowhere()).unwrap();
    let mut graphs = frontend.graphs();
    let parsed = graphs.next().await.unwrap().unwrap();
    let warning = &parsed.warnings[0];
    assert_eq!(warning.code.map(|code| code.id), Some("L0008"));
    assert_eq!(warning.causes.last().map(String::as_str), Some("no watches left"));
    fs::write(&path, SECOND).unwrap();
    options.reload.notify_one();
    assert_eq!(&*graphs.next().await.unwrap().unwrap().graph.name, "second");
}

#[tokio::test]
async fn a_kind_that_panics_is_reported_and_the_file_is_followed_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yaml");
    fs::write(&path, FIRST).unwrap();
    let options = Options::default();
    let kinds = Registry::new([fake::<Noop>("noop", |_| panic!("this kind always panics"))]);
    let frontend = open(&path, options.clone(), Arc::new(kinds), Arc::new(NoWatch), nowhere()).unwrap();
    let mut graphs = frontend.graphs();
    let errors = graphs.next().await.unwrap().unwrap_err();
    assert_eq!(errors[0].code.map(|code| code.id), Some("L0009"));
    assert!(errors[0].causes[0].contains("this kind always panics"));
    fs::write(&path, SECOND).unwrap();
    options.reload.notify_one();
    assert!(graphs.next().await.unwrap().is_ok());
}

#[test]
fn a_language_is_told_by_the_name() {
    for name in ["site.mcl", "metadata.yaml", "catalog.json", "/", "site"] {
        let watch = Arc::new(FakeWatch::default());
        let refused = open(Path::new(name), Options::default(), Arc::new(registry()), watch, nowhere());
        let diagnostic = refused.expect_err("it is no graph file");
        assert_eq!(diagnostic.code.map(|code| code.id), Some("L0007"), "{name}");
    }
}

//! The kind at work in scratch directories.

mod attributes;
mod content;
mod declarations;
mod safety;
mod trees;
mod undoing;
mod whole_writes;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;

use crate::engine::cx::{Control, Surroundings, Waker};
use crate::engine::path_watch::{Interest, PathGuard, PathSink, PathWatch, PathWatchError, Watching};
use crate::engine::resource::ResourceError;
use crate::engine::world::nowhere::Nowhere;
use crate::engine::{Cancel, Cx, Declaration, Drift, Kind, Label, Meta, ParamError, Params, Resource, Value};
use crate::resources::file::FileKind;
use crate::resources::host::Host;

/// Remembers what is watched, and how many times a file was said to have other names.
#[derive(Debug, Default)]
struct FakeWatch(Mutex<Vec<(PathBuf, Interest)>>, Arc<AtomicU32>);

struct FakeGuard(Arc<AtomicU32>);

impl Watching for FakeGuard {
    fn look_again(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl PathWatch for FakeWatch {
    fn watch(&self, path: &Path, interest: Interest, _: PathSink) -> Result<PathGuard, PathWatchError> {
        self.0.lock().unwrap().push((path.to_owned(), interest));
        Ok(PathGuard::new(FakeGuard(self.1.clone())))
    }
}

#[derive(Debug)]
struct NoControl;

impl Control for NoControl {
    fn exit(&self, _: u8) {}
    fn facts_changed(&self, _: crate::engine::cx::Done) {}
}

/// A scratch directory and a host.
struct Bed {
    dir: tempfile::TempDir,
    watch: Arc<FakeWatch>,
    host: Arc<Host>,
}

type Given<'a> = &'a [(&'static str, Value)];

impl Bed {
    fn new() -> Self {
        let watch = Arc::new(FakeWatch::default());
        let private = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        Self { dir, host: Host::new(watch.clone()), watch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn declare(&self, name: &str, params: Given<'_>) -> Declaration {
        let params: Params = params.iter().cloned().collect();
        Declaration::new(Label::new("file", self.text(name)), params)
    }

    fn build(&self, name: &str, params: Given<'_>) -> Box<dyn Resource> {
        FileKind::new(self.host.clone()).build(&self.declare(name, params)).unwrap()
    }

    fn errors(&self, name: &str, params: Given<'_>) -> Vec<ParamError> {
        FileKind::new(self.host.clone()).build(&self.declare(name, params)).err().unwrap_or_default()
    }

    fn built_with(&self, name: &str, params: Given<'_>, meta: Meta) -> Box<dyn Resource> {
        let mut declaration = self.declare(name, params);
        declaration.meta = Arc::new(meta);
        FileKind::new(self.host.clone()).build(&declaration).unwrap()
    }

    /// Builds, checks, and applies what differs; then nothing may differ any more. Returns what differed.
    fn converge(&self, name: &str, params: Given<'_>) -> Drift {
        let resource = self.build(name, params);
        let drift = run(&*resource).unwrap();
        let left = check(&*resource).unwrap();
        assert!(left.is_empty(), "still differs: {left:?}");
        drift
    }

    fn fails(&self, name: &str, params: Given<'_>) -> ResourceError {
        run(&*self.build(name, params)).unwrap_err()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Makes a directory with its parents, 0755 whatever the umask.
    fn mkdir(&self, name: &str) {
        let mut path = self.dir.path().to_owned();
        for part in name.split('/') {
            path.push(part);
            if fs::create_dir(&path).is_ok() {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn inode(&self, name: &str) -> u64 {
        fs::symlink_metadata(self.path(name)).unwrap().ino()
    }

    fn exists(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// The names in a directory, sorted.
    fn names(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn cx() -> Cx {
    let surroundings = Surroundings {
        label: Label::new("file", "test"),
        prefix: Path::new("/nonexistent").into(),
        waker: Waker::new(|_| {}),
        world: Nowhere::of("here".parse().unwrap()),
        control: Arc::new(NoControl),
    };
    Cx::new(Arc::new(surroundings), Cancel::default())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn check(resource: &dyn Resource) -> Result<Drift, ResourceError> {
    block_on(async { Ok(resource.check(&cx()).await?.drift) })
}

fn run(resource: &dyn Resource) -> Result<Drift, ResourceError> {
    block_on(async {
        let cx = cx();
        let drift = resource.check(&cx).await?.drift;
        if !drift.is_empty() {
            resource.apply(&cx, drift.clone()).await?;
        }
        Ok(drift)
    })
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("short work is done at the first poll")
}

fn s(text: impl AsRef<str>) -> Value {
    Value::str(text)
}

fn yes() -> Value {
    Value::Bool(true)
}

fn list(texts: &[String]) -> Value {
    Value::List(texts.iter().map(Value::str).collect())
}

fn whats(drift: &Drift) -> Vec<&'static str> {
    drift.iter().map(|item| item.what).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

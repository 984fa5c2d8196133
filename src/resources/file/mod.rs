//! The kind `file`: files, directories with what is in them, symbolic links.
//!
//! A check opens the parent directory and looks once; the repair starts from what the check saw. Short work is done
//! where the event arrived, so that its future is ready at the first poll; long work (content above 1 MiB, trees) goes
//! to the blocking pool and is cancelled between chunks.

mod apply;
mod check;
mod content;
pub(in crate::resources) mod diff;
mod mode;
mod params;
mod spec;
mod system_dir;
pub(in crate::resources) mod target;
mod tree;
mod undo;

#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use async_trait::async_trait;

use crate::engine::entry::Entry;
use crate::engine::kind::{Claim, Uid};
use crate::engine::path_watch::{Interest, PathGuard, PathSink};
use crate::engine::{
    Cancel, Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params,
    Resource, ResourceError, Stamp, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{Halt, Pace};
use crate::resources::svc::edges;
use crate::resources::{long_work, path_asks};
use check::Seen;
use params::FileParams;
use spec::{From, Spec, Want};
use target::{Target, normalize};

/// The kind `file`.
#[derive(Debug)]
pub struct FileKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl FileKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let doc = KindDoc {
            name: "file",
            doc: FileParams::doc(),
            params: FileParams::params(),
            outputs: Vec::new(),
        };
        Self { host, doc }
    }
}

impl Kind for FileKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(&self.host, declaration)?;
        let given = declaration.meta.reverse.then(|| Box::new(declaration.params.clone()));
        Ok(Box::new(FileResource {
            spec: Arc::new(spec),
            given,
            seen: Mutex::new(None),
            watch: Mutex::default(),
        }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let target = Target::of(declaration).ok();
        target.map(|target| Claim::alone("file", target.path, declaration)).into_iter().collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(target) = Target::of(declaration) else { return Capabilities::default() };
        let text = |param| declaration.params.get(param).and_then(Value::as_str).unwrap_or_default();
        let symlink = declaration.params.get("symlink") == Some(&Value::Bool(true));
        let source = Some(text("source")).filter(|source| !source.is_empty() && !symlink);
        let mut sources: Vec<&str> = source.into_iter().collect();
        if let Some(Value::List(fragments)) = declaration.params.get("fragments") {
            sources.extend(fragments.iter().filter_map(Value::as_str));
        }
        let mut asks = path_asks::of_target(&target);
        let sources = sources.into_iter().filter_map(|path| normalize(path, None).ok());
        asks.extend(sources.map(|source| path_asks::of_source(source.path)));
        asks.extend(path_asks::of_owner(text("owner"), text("group")));
        let place = target.path.rsplit_once('/').map(|(dir, _)| {
            let mut hasher = DefaultHasher::new();
            dir.hash(&mut hasher);
            hasher.finish()
        });
        // Only once it is on the disk it is known what other content asks for.
        let content = declaration.params.get("content").and_then(Value::as_str);
        match content {
            Some(content) if text("state") != "absent" => {
                asks.extend(edges::of_declared(&target.path, content));
            }
            _ => {}
        }
        let mut offers = vec![Uid::path(target.path.clone())];
        offers.extend(path_asks::repository(&target.path));
        offers.extend(path_asks::config(&target.path));
        Capabilities {
            place,
            offers,
            asks,
            reversible: !target.is_dir && source.is_none(),
            informs: content.is_none() && path_asks::informs(&target.path),
            ..Capabilities::default()
        }
    }
}

/// One file, directory or link.
#[derive(Debug)]
struct FileResource {
    spec: Arc<Spec>,
    /// What was declared, for an undo.
    given: Option<Box<Params>>,
    /// What the last check saw, from its finding something to the repair.
    seen: Mutex<Option<Box<Seen>>>,
    /// The watch of the path, while it is watched.
    watch: Mutex<Weak<PathGuard>>,
}

impl FileResource {
    /// Does `work` here if it is short, or else on the blocking pool.
    async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        cancel: &Cancel,
        work: impl Fn(&Spec, Pace<'_>) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, ResourceError> {
        let spec = self.spec.clone();
        long_work::run(op, self.spec.path(), cancel, move |pace| work(&spec, pace)).await
    }

    fn keep(&self, seen: Option<Seen>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen.map(Box::new);
    }

    fn take(&self) -> Option<Box<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn tree_if(tree: bool, otherwise: Interest) -> Interest {
    if tree { Interest::TREE } else { otherwise }
}

/// Whether there is a directory now, so that its entries count.
fn is_dir(path: &str) -> bool {
    Path::new(path).is_dir()
}

#[async_trait]
impl Resource for FileResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let spec = &*self.spec;
        if spec.selinux.is_some() && !spec.host.fs.has_selinux() {
            static WARNED: Once = Once::new();
            WARNED.call_once(|| tracing::warn!("`selinux` has no effect: there is no SELinux here"));
        }
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
        let arm = |path: &Path, interest| -> Result<PathGuard, ResourceError> {
            Ok(spec.host.watch.watch(path, interest, sink.clone()).map_err(HostError::from)?)
        };
        let own = match &spec.want {
            // Without `recurse`, too, an entry of a copied directory counts.
            Want::Directory(Some(_)) => Interest::TREE,
            Want::File(From::Source(source)) => tree_if(spec.recurse || is_dir(source), Interest::LOOKED_AT),
            _ => tree_if(spec.recurse, Interest::LOOKED_AT),
        };
        let own = Arc::new(arm(spec.path(), own)?);
        let arm_source = |path: &Arc<str>| arm(Path::new(&**path), tree_if(is_dir(path), Interest::CONTENT));
        let sources = match &spec.want {
            Want::Directory(Some(source)) | Want::File(From::Source(source)) => vec![arm_source(source)?],
            Want::File(From::Fragments(paths)) => paths.iter().map(arm_source).collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&own);
        Ok(Wakes::pushed((own, sources)))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        self.keep(None);
        let noop = cx.noop;
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let look_again = move || {
            if let Some(watch) = watch.upgrade() {
                watch.look_again();
            }
        };
        let work = move |spec: &Spec, pace: Pace<'_>| check::check(spec, noop, &look_again, pace);
        let (drift, seen) = self.run("check", &cx.cancel, work).await?;
        if !drift.is_empty() && !noop {
            self.keep(seen);
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        let seen = match self.take() {
            Some(seen) => *seen,
            None => Seen::look(&self.spec)?,
        };
        let short = apply::apply(&self.spec, &drift, &seen, Pace::Short);
        let stamp: Option<Stamp> = match short {
            Ok(stamp) => stamp,
            Err(Halt::Failed(error)) => return Err(error.into()),
            Err(Halt::Long) => {
                let spec = self.spec.clone();
                let work = move |pace: Pace<'_>| apply::apply(&spec, &drift, &seen, pace);
                long_work::run_long("apply", self.spec.path(), &cx.cancel, work).await?
            }
        };
        if let Some(stamp) = stamp {
            cx.wrote(stamp);
        }
        Ok(Outputs::none())
    }

    async fn diff(&self, cx: &Cx, drift: &Drift) -> Result<Option<String>, ResourceError> {
        let drift = drift.clone();
        self.run("diff", &cx.cancel, move |spec, pace| diff::diff(spec, &drift, pace)).await
    }

    async fn undo(&self, _cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let given = self.given.as_deref();
        Ok(Some(undo::undo(&self.spec, given.unwrap_or(&Params::new()))?))
    }
}

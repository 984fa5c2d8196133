//! All files of settings: one reading for all parameters, until one of them changes.

use std::any::Any;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::conf;
use super::key::{Key, is_same};
use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::engine::{Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::observer::Observer;
use crate::resources::host::shared_watch::{Member, SharedWatch};

/// Folders of settings, in the order of their precedence (sysctl.d(5)).
pub const FOLDERS: [&str; 4] = ["etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d"];

/// What all files say, by their names: of two with one name only the first is read.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<String, File>);

#[derive(Debug)]
struct File {
    path: PathBuf,
    settings: Vec<(Key, String)>,
}

impl Files {
    fn add(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".conf") || self.0.contains_key(&name) {
            return;
        }
        if let Ok(text) = std::fs::read(&path) {
            let settings = conf::settings(&text).map(|(key, value)| (key, value.to_owned())).collect();
            self.0.insert(name, File { path, settings });
        }
    }

    /// The file that is read after ours and sets a parameter otherwise, and to what.
    pub fn later(&self, own: &str, key: &Key, wanted: &str) -> Option<(&Path, &str)> {
        let after = self.0.range::<str, _>((Bound::Excluded(own), Bound::Unbounded)).rev();
        let mut values = after.filter_map(|(_, file)| {
            let (_, value) = file.settings.iter().rfind(|(known, _)| known == key)?;
            Some((&*file.path, &**value))
        });
        values.next().filter(|(_, is)| !is_same(is, wanted))
    }
}

/// The files below a root, and who wants to know of changes.
#[derive(Debug)]
pub struct LaterFiles {
    folders: [PathBuf; 4],
    observer: Arc<Observer<Files>>,
    watch: SharedWatch,
}

impl LaterFiles {
    /// Below this root.
    pub fn new(root: &Path) -> Self {
        let folders = FOLDERS.map(|folder| root.join(folder));
        Self { folders, observer: Arc::default(), watch: SharedWatch::default() }
    }

    /// Wakes the vertex when one of the files changes.
    ///
    /// # Errors
    /// When they can neither be watched nor polled.
    pub fn watch(&self, cx: &Cx, paths: &dyn PathWatch) -> Result<Member, ResourceError> {
        self.watch.join(cx.waker().clone(), |wake_all| {
            // What is remembered may be older than the watch.
            self.observer.changed();
            let observer = self.observer.clone();
            let sink: PathSink = Arc::new(move |_| {
                observer.changed();
                wake_all.wake();
            });
            let watch =
                |folder| paths.watch(folder, Interest::CONTENT, sink.clone()).map_err(HostError::from);
            let guards = self.folders.iter().map(|folder| watch(folder)).collect::<Result<Vec<_>, _>>()?;
            Ok::<Box<dyn Any + Send + Sync>, ResourceError>(Box::new(guards))
        })
    }

    /// What they say now.
    pub async fn look(&self) -> Arc<Files> {
        let read = async {
            let mut files = Files::default();
            for folder in &self.folders {
                let entries = std::fs::read_dir(folder).into_iter().flatten();
                entries.filter_map(|entry| Some(entry.ok()?.path())).for_each(|path| files.add(path));
            }
            Ok::<_, Infallible>(files)
        };
        let Ok(files) = self.observer.state(self.watch.is_armed(), read).await;
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_file_by_name_wins_unless_one_of_its_name_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etc/sysctl.d/99-mine.conf", "vm.a = 1"),
            ("etc/sysctl.d/99-sysctl.conf", "vm.a = 7\nvm.a = 2"),
            ("etc/sysctl.d/10-early.conf", "vm.a = 3"),
            ("etc/sysctl.d/99-z.txt", "vm.a = 3"),
            ("usr/lib/sysctl.d/99-sysctl.conf", "vm.a = 4"),
            ("usr/lib/sysctl.d/99-z.conf", "vm.b = 5"),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let files = LaterFiles::new(root.path()).look().await;
        let later = |own: &str, key: &str, wanted: &str| {
            let found = files.later(own, &Key::parse(key).unwrap(), wanted);
            found.map(|(path, is)| (path.strip_prefix(root.path()).unwrap().to_owned(), is.to_owned()))
        };
        let wins = ("etc/sysctl.d/99-sysctl.conf".into(), "2".into());
        assert_eq!(later("99-mine.conf", "vm.a", "1"), Some(wins));
        assert_eq!(later("99-mine.conf", "vm.a", "2"), None);
        assert_eq!(later("99-mine.conf", "vm.c", "1"), None);
        assert_eq!(later("99-zz.conf", "vm.a", "1"), None);
    }
}

//! Indexes of what packages that are not installed would bring: apt's `Contents`.
//!
//! They are long: some ten million lines for a whole distribution. Small ones, as a private repository has, are read at
//! once; others in the background, through apt's own reader, and searched by grep. What was found is kept until the
//! lists change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures_util::future::BoxFuture;

use crate::engine::Cancel;
use crate::resources::host::process::{Invocation, Processes};

/// Bytes of all indexes together that are read while a graph is built.
const SHORT: u64 = 256 * 1024;
/// Bytes that a packed index may come to if it is read so.
const SHORT_UNPACKED: u64 = 4 * 1024 * 1024;
/// How many packages one search is for.
const AT_ONCE: usize = 100;

/// The paths of packages by their names.
pub(super) type Paths = BTreeMap<Arc<str>, Vec<String>>;

/// What was found in indexes.
#[derive(Debug, Default)]
pub(super) struct Contents(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Of which files: path, length, time.
    of: Vec<(PathBuf, u64, Option<SystemTime>)>,
    /// Which packages were looked for.
    covered: BTreeSet<Arc<str>>,
    paths: Paths,
}

fn stamp(lists: &[PathBuf]) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let of = |path: &PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((path.clone(), metadata.len(), metadata.modified().ok()))
    };
    lists.iter().filter_map(of).collect()
}

/// The path and the packages of a line `usr/sbin/nginx  httpd/nginx-core,httpd/nginx-full`.
fn line(text: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let (path, packages) = text.trim_end().rsplit_once(char::is_whitespace)?;
    let packages = packages.split(',').map(|package| package.rsplit('/').next().unwrap_or(package));
    Some((path.trim_end(), packages))
}

/// Adds what an index says of these packages.
fn collect(text: &str, names: &BTreeSet<Arc<str>>, paths: &mut Paths) {
    for (path, packages) in text.lines().filter_map(line) {
        for name in packages.filter_map(|package| names.get(package)) {
            paths.entry(name.clone()).or_default().push(format!("/{}", path.trim_start_matches('/')));
        }
    }
}

/// A small index, unpacked; `None`: it cannot be read here.
fn read(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "gz" => flate2::read::GzDecoder::new(file).take(SHORT_UNPACKED).read_to_end(&mut bytes).ok()?,
        "lz4" | "xz" | "zst" | "bz2" => return None,
        _ => file.take(SHORT_UNPACKED).read_to_end(&mut bytes).ok()?,
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Contents {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these indexes have been searched for a package.
    pub fn covers(&self, lists: &[PathBuf], name: &str) -> bool {
        let known = self.lock();
        known.covered.contains(name) && known.of == stamp(lists)
    }

    /// What is known of these packages; small indexes are read for it.
    pub fn read_short(&self, lists: &[PathBuf], names: &BTreeSet<Arc<str>>) -> Paths {
        if lists.is_empty() {
            return Paths::new();
        }
        let of = stamp(lists);
        let mut known = self.lock();
        if known.of != of {
            *known = Known { of, ..Known::default() };
        }
        if !names.is_subset(&known.covered)
            && known.of.iter().map(|(_, length, _)| length).sum::<u64>() <= SHORT
        {
            let texts: Option<Vec<String>> = lists.iter().map(|path| read(path)).collect();
            if let Some(texts) = texts {
                let missing: BTreeSet<Arc<str>> = names.difference(&known.covered).cloned().collect();
                texts.iter().for_each(|text| collect(text, &missing, &mut known.paths));
                known.covered.extend(missing);
            }
        }
        let of_name = |name: &Arc<str>| Some((name.clone(), known.paths.get(name)?.clone()));
        names.iter().filter_map(of_name).collect()
    }

    /// Searches the indexes for these packages. Whether anything was found.
    pub async fn read_long(
        &self,
        lists: &[PathBuf],
        names: &BTreeSet<Arc<str>>,
        processes: &dyn Processes,
    ) -> bool {
        let of = stamp(lists);
        let names: Vec<Arc<str>> = names.iter().cloned().collect();
        let mut paths = Paths::new();
        for list in lists {
            for names in names.chunks(AT_ONCE) {
                search(list, names, processes, &mut paths).await;
            }
        }
        let mut known = self.lock();
        if known.of != of {
            *known = Known { of, ..Known::default() };
        }
        known.covered.extend(names);
        let found = !paths.is_empty();
        known.paths.append(&mut paths);
        found
    }
}

/// The search for packages in one index.
fn words(list: &Path, names: &[Arc<str>]) -> Vec<Arc<str>> {
    let escaped: Vec<String> =
        names.iter().map(|name| name.replace('.', "\\.").replace('+', "\\+")).collect();
    let pattern = format!("[/,[:space:]]({})(,|$)", escaped.join("|"));
    let script = "/usr/lib/apt/apt-helper cat-file \"$1\" | grep -E \"$2\"";
    ["sh", "-c", script, "sh", &*list.to_string_lossy(), &pattern].map(Arc::from).to_vec()
}

/// Searches one index. What is too long an answer is asked for in halves.
fn search<'a>(
    list: &'a Path,
    names: &'a [Arc<str>],
    processes: &'a dyn Processes,
    paths: &'a mut Paths,
) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        let invocation = Invocation::new(words(list, names));
        match processes.run(&invocation, &Cancel::default()).await {
            Ok(outcome) if outcome.stdout.is_whole() || names.len() == 1 => {
                collect(&outcome.stdout.text(), &names.iter().cloned().collect(), paths);
            }
            Ok(_) => {
                let (first, second) = names.split_at(names.len() / 2);
                search(list, first, processes, paths).await;
                search(list, second, processes, paths).await;
            }
            Err(error) => tracing::debug!(?list, %error, "cannot search the index of files"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::host::process::FakeProcesses;

    const INDEX: &str =
        "usr/sbin/nginx\t\thttpd/nginx-core,httpd/nginx\nusr/bin/with blank  admin/odd\netc/other x/other\n";

    fn names(names: &[&str]) -> BTreeSet<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn a_line_names_a_path_and_the_packages_that_bring_it() {
        let mut paths = Paths::new();
        collect(INDEX, &names(&["nginx", "odd", "sbin"]), &mut paths);
        assert_eq!(paths["nginx"], ["/usr/sbin/nginx"]);
        assert_eq!(paths["odd"], ["/usr/bin/with blank"]);
        assert_eq!(paths.len(), 2);
    }

    #[test]
    fn a_small_index_is_read_at_once_and_again_when_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("repo_Contents-amd64");
        std::fs::write(&list, INDEX).unwrap();
        let (contents, lists) = (Contents::default(), [list.clone()]);
        assert_eq!(contents.read_short(&lists, &names(&["nginx", "none"])).len(), 1);
        assert!(contents.covers(&lists, "none") && !contents.covers(&lists, "odd"));
        std::fs::write(&list, "opt/none x/none\n").unwrap();
        assert!(!contents.covers(&lists, "none"));
        assert_eq!(contents.read_short(&lists, &names(&["none"]))["none"], ["/opt/none"]);
    }

    #[tokio::test]
    async fn a_long_index_is_searched_by_processes() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("repo_Contents-amd64.lz4");
        std::fs::write(&list, "packed").unwrap();
        let (contents, lists) = (Contents::default(), [list.clone()]);
        assert!(contents.read_short(&lists, &names(&["g++", "nginx"])).is_empty());
        let processes = FakeProcesses::default();
        let command = words(&list, &["g++".into(), "nginx".into()]).join(" ");
        assert!(command.ends_with("[/,[:space:]](g\\+\\+|nginx)(,|$)"), "{command}");
        processes.answer(&command, 0, INDEX);
        assert!(contents.read_long(&lists, &names(&["g++", "nginx"]), &processes).await);
        assert_eq!(contents.read_short(&lists, &names(&["g++", "nginx"]))["nginx"], ["/usr/sbin/nginx"]);
        assert!(contents.covers(&lists, "g++"));
    }
}

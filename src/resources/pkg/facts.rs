//! What declared packages bring, for automatic edges.
//!
//! Known best is what an installed package owns; of others, what the indexes of the repositories say, where the host has
//! such; else a path that has the package's name is taken for its own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::Contents;
use super::spec::{Spec, Want};
use crate::engine::cx::Waker;
use crate::engine::kind::{Facts, Uid};
use crate::engine::{Declaration, Wake};
use crate::resources::host::Host;
use crate::resources::host::packages::{PackageName, Packages};

/// Folders that many packages bring, and none of the declared ones alone: beside those of the package base-files.
const EVERYONES: [&str; 24] = [
    "/etc/apt/apt.conf.d",
    "/etc/bash_completion.d",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/default",
    "/etc/init.d",
    "/etc/logrotate.d",
    "/etc/modprobe.d",
    "/etc/pam.d",
    "/etc/profile.d",
    "/etc/security",
    "/etc/sysctl.d",
    "/etc/systemd",
    "/etc/systemd/system",
    "/lib/systemd",
    "/lib/systemd/system",
    "/lib/sysusers.d",
    "/lib/tmpfiles.d",
    "/usr/share/doc",
    "/usr/share/man",
    "/var/lib",
];

/// Below these a folder or file that has a package's name is its own.
const NAMED_BELOW: [&str; 6] = ["/etc/", "/lib/", "/var/lib/", "/var/log/", "/usr/share/", "/usr/local/etc/"];

/// What is known of the packages of a graph.
#[derive(Debug)]
pub(super) struct Knowledge {
    host: Arc<Host>,
    contents: Arc<Contents>,
    /// Packages of which more could be known if an index were read that takes too long to read while a graph is built.
    wanted: Mutex<BTreeSet<Arc<str>>>,
    /// An index was read since the last graph.
    fresh: Arc<AtomicBool>,
}

impl Knowledge {
    /// Nothing yet.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, contents: Arc::default(), wanted: Mutex::default(), fresh: Arc::default() }
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeSet<Arc<str>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tool(&self) -> Option<Arc<dyn Packages>> {
        self.host.packages.pick(None, &self.host.processes).ok()
    }

    /// Has indexes read in the background, if there are such and they are wanted; the vertex is woken at the end.
    /// Whether more is known than when the graph was made. To be called within a runtime.
    pub fn gather(&self, waker: &Waker) -> bool {
        let wanted = std::mem::take(&mut *self.wanted());
        if !wanted.is_empty()
            && let Some(packages) = self.tool()
        {
            let lists = packages.contents_lists();
            let (contents, processes) = (self.contents.clone(), self.host.processes.clone());
            let (fresh, waker) = (self.fresh.clone(), waker.clone());
            tokio::spawn(async move {
                if contents.read_long(&lists, &wanted, &*processes).await {
                    fresh.store(true, Ordering::SeqCst);
                    waker.wake(Wake::default());
                }
            });
        }
        self.fresh.swap(false, Ordering::SeqCst)
    }
}

/// One path under both of its names: `/usr/lib` and `/lib` are the same folder on hosts of today.
fn canonical(path: &str) -> &str {
    let short = path.strip_prefix("/usr").unwrap_or(path);
    let merged = ["/bin", "/sbin", "/lib", "/lib64", "/lib32"];
    let is_merged = merged
        .iter()
        .any(|dir| short.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_merged { short } else { path }
}

/// Whether a path that nobody is known to own has the name of a package: `/etc/nginx/x`, `/usr/sbin/nginx`,
/// `nginx.service`.
fn has_name(path: &str, names: &HashMap<&str, usize>) -> Option<usize> {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.split_once(['.', '@']).map_or(file, |(stem, _)| stem);
    let by_file = names.get(file).or_else(|| names.get(stem)).copied();
    let by_folder = || {
        let path = canonical(path);
        let below = NAMED_BELOW.iter().filter_map(|place| path.strip_prefix(place));
        below.filter_map(|rest| names.get(rest.split('/').next()?)).copied().next()
    };
    by_file.or_else(by_folder)
}

impl Facts for Knowledge {
    fn offered(&self, declarations: &[&Declaration], asked: &HashSet<&Uid>) -> Vec<(usize, Uid)> {
        let mut by_path: HashMap<&str, Vec<&Uid>> = HashMap::new();
        for uid in asked.iter().filter(|uid| uid.sort == "owned") {
            by_path.entry(canonical(&uid.id)).or_default().push(uid);
        }
        let mut packages: Vec<(usize, PackageName)> = Vec::new();
        for (at, declaration) in declarations.iter().enumerate() {
            if let Ok(spec) = Spec::new(declaration)
                && !matches!(spec.member.want, Want::Absent { .. })
            {
                packages.push((at, spec.member.name));
            }
        }
        if by_path.is_empty() || packages.is_empty() {
            return Vec::new();
        }
        let owners = self.owners(&packages, &by_path);
        let mut offers: Vec<(usize, Uid)> = Vec::new();
        for (path, at) in owners {
            offers.extend(by_path.get(path).into_iter().flatten().map(|uid| (at, (*uid).clone())));
        }
        offers.sort();
        offers
    }
}

impl Knowledge {
    /// Of the paths that are asked for: which one package each is from.
    fn owners<'a>(
        &self,
        packages: &[(usize, PackageName)],
        asked: &HashMap<&'a str, Vec<&Uid>>,
    ) -> Vec<(&'a str, usize)> {
        let tool = self.tool();
        let lists = tool.as_ref().map(|tool| tool.contents_lists()).unwrap_or_default();
        let mut owners: HashMap<&'a str, Vec<usize>> = HashMap::new();
        let mut note = |path: &str, at: usize| {
            if let Some((path, _)) = asked.get_key_value(canonical(path)) {
                let known = owners.entry(path).or_default();
                if known.last() != Some(&at) {
                    known.push(at);
                }
            }
        };
        let mut nameless: HashMap<&str, usize> = HashMap::new();
        let absent: BTreeSet<Arc<str>> = packages.iter().map(|(_, name)| name.name.clone()).collect();
        let index = self.contents.read_short(&lists, &absent);
        for (at, name) in packages {
            if let Some(owned) = tool.as_ref().and_then(|tool| tool.owned(name)) {
                owned.lines().for_each(|path| note(path, *at));
            } else if let Some(paths) = index.get(&name.name) {
                paths.iter().for_each(|path| note(path, *at));
                // An index has files only; the folders are known by their names.
                nameless.entry(&name.name).or_insert(*at);
            } else {
                if !lists.is_empty() && !self.contents.covers(&lists, &name.name) {
                    self.wanted().insert(name.name.clone());
                }
                nameless.entry(&name.name).or_insert(*at);
            }
        }
        let everyones =
            tool.and_then(|tool| tool.owned(&PackageName::parse("base-files"))).unwrap_or_default();
        let mut everyones: HashSet<&str> = everyones.lines().map(canonical).collect();
        everyones.extend(EVERYONES);
        owners.retain(|path, known| known.len() == 1 && !everyones.contains(path));
        let mut found: Vec<(&'a str, usize)> =
            owners.into_iter().map(|(path, known)| (path, known[0])).collect();
        if !nameless.is_empty() {
            let known: HashSet<&str> = found.iter().map(|(path, _)| *path).collect();
            let unknown = asked.keys().filter(|path| !known.contains(*path) && !everyones.contains(*path));
            let named: Vec<(&'a str, usize)> =
                unknown.filter_map(|path| Some((*path, has_name(path, &nameless)?))).collect();
            found.extend(named);
        }
        found
    }
}

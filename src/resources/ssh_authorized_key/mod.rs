//! The kind `ssh:authorized_key`: who may log in with which key.

mod claims;
mod error;
mod key_line;
mod keys_file;
mod keys_text;
mod place;
mod spec;
mod sshd;
mod sshd_text;
mod strict_modes;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use super::file::diff::unified;
use super::file::target::{Target, normalize};
use super::{doc_of, long_work, path_asks};
use crate::engine::drift::Shown;
use crate::engine::kind::{Ask, Uid};
use crate::engine::path_watch::{Interest, PathGuard, PathSink};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wake, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use claims::{Claim, Claims};
use error::KeyError;
use key_line::Identity;
use keys_file::{Seen, Task};
use keys_text::Edited;
use place::{Account, Place, expand};
use spec::{KeyParams, Spec};
use sshd::Sshd;

/// Which parameters say where the key is; an undo keeps them.
const PLACE: [&str; 5] = ["file", "path", "user", "mkdir", "manage_dir"];

/// The kind `ssh:authorized_key`.
#[derive(Debug)]
pub struct KeyKind {
    host: Arc<Host>,
    sshd: Arc<Sshd>,
    claims: Arc<Claims>,
    doc: KindDoc,
}

impl KeyKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self::with_sshd(host, Sshd::at("/etc/ssh"))
    }

    fn with_sshd(host: Arc<Host>, sshd: Sshd) -> Self {
        let doc = doc_of::<KeyParams>("ssh:authorized_key", Vec::new());
        Self { host, sshd: Arc::new(sshd), claims: Arc::default(), doc }
    }
}

impl Kind for KeyKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(declaration)?;
        let claim = spec.wanted.present.then(|| {
            let key = spec.wanted.identity.clone();
            self.claims.claim(spec.user.clone(), key)
        });
        let kept = declaration.params.iter().map(|(name, value)| (name, value.clone())).collect();
        Ok(Box::new(KeyResource {
            host: self.host.clone(),
            sshd: self.sshd.clone(),
            claims: self.claims.clone(),
            spec,
            given: kept,
            watches: Mutex::default(),
            _claim: claim,
        }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration) else { return Capabilities::default() };
        let mut asks = Vec::new();
        if !spec.user.is_empty() {
            asks.push(Ask::after(vec![Uid::new("user", spec.user.clone())], "the user who logs in with it"));
        }
        // Where homes usually are: a wish that nobody fulfils does no harm.
        let home = match &*spec.user {
            "" => self.host.accounts.own_home(),
            "root" => Some(PathBuf::from("/root")),
            user => Some(Path::new("/home").join(user)),
        };
        let name = if spec.user.is_empty() { "root".into() } else { (&*spec.user).into() };
        let pattern = match &spec.place {
            Place::AsSshd => sshd::DEFAULT,
            Place::Pattern(pattern) => pattern,
        };
        let path = home.and_then(|home| expand(pattern, &Account { name, uid: 0, gid: 0, home }).ok());
        let path = path.and_then(|path| normalize(path.to_str()?, None).ok());
        if let Some(Target { path, .. }) = path {
            asks.extend(path_asks::of_edited(&Target { path, is_dir: false }));
        }
        Capabilities { asks, waits: true, reversible: true, ..Capabilities::default() }
    }
}

/// What is watched now: it follows the home directory of the user.
#[derive(Debug, Default)]
struct Watches(Mutex<(PathBuf, Vec<PathGuard>)>);

#[derive(Debug)]
struct KeyResource {
    host: Arc<Host>,
    sshd: Arc<Sshd>,
    claims: Arc<Claims>,
    spec: Spec,
    given: Params,
    watches: Mutex<Weak<Watches>>,
    _claim: Option<Claim>,
}

impl KeyResource {
    /// The account that a word stands for: a name, a number, or whoever we are.
    async fn account(&self, word: &str) -> Result<Account, KeyError> {
        let files = &self.host.account_files;
        let db = files.look().await?;
        let own = rustix::process::geteuid().as_raw();
        let number = if word.is_empty() { Some(own) } else { word.parse().ok() };
        let found = match number {
            Some(uid) => {
                let by_uid = db.users.iter().find(|(_, user)| user.uid == uid);
                by_uid.map(|(name, user)| (name.clone(), user.clone()))
            }
            None => {
                let user = db.users.get(word).cloned().or_else(|| files.elsewhere.user(word));
                user.map(|user| (word.into(), user))
            }
        };
        let (name, user) = found.ok_or_else(|| KeyError::NoUser { name: word.into() })?;
        Ok(Account { name, uid: user.uid, gid: user.gid, home: PathBuf::from(&*user.home) })
    }

    /// All keys that the graph declares for an account, by whatever word.
    async fn declared_for(&self, account: &Account) -> Result<Vec<Identity>, KeyError> {
        let mut keys = Vec::new();
        let mut last = (self.spec.user.clone(), true);
        for (word, key) in self.claims.all() {
            if word != last.0 {
                let is_same = match self.account(&word).await {
                    Ok(other) => other.uid == account.uid,
                    // Who is not there yet has no keys in this file.
                    Err(KeyError::NoUser { .. }) => false,
                    Err(error) => return Err(error),
                };
                last = (word, is_same);
            }
            keys.extend(last.1.then_some(key));
        }
        Ok(keys)
    }

    /// The user and the file.
    async fn find(&self, cx: &Cx) -> Result<(Account, PathBuf), KeyError> {
        let account = self.account(&self.spec.user).await?;
        let pattern = match &self.spec.place {
            Place::Pattern(pattern) => pattern.clone(),
            Place::AsSshd => self.sshd.pattern(&account.name, &*self.host.processes, &cx.cancel).await,
        };
        if &*pattern == "none" && self.spec.place == Place::AsSshd {
            return Err(KeyError::NoFile { user: account.name });
        }
        let path = expand(&pattern, &account).map_err(|why| KeyError::Pattern { why: why.into() })?;
        self.follow(cx, &path, &account.home)?;
        Ok((account, path))
    }

    /// Watches this file, if it is another one than before.
    fn follow(&self, cx: &Cx, path: &Path, home: &Path) -> Result<(), HostError> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(watches) = watches else { return Ok(()) };
        let mut watched = watches.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.0 == path {
            return Ok(());
        }
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
        let mut places = vec![(path, Interest::SELF)];
        places.extend(path.parent().map(|dir| (dir, Interest::SELF)));
        places.push((home, Interest::SELF));
        let places = places.into_iter().filter(|(path, _)| path.parent().is_some() && path.is_absolute());
        let guards = places
            .map(|(path, interest)| self.host.watch.watch(path, interest, sink.clone()))
            .collect::<Result<_, _>>()?;
        *watched = (path.to_owned(), guards);
        Ok(())
    }

    async fn task(&self, account: Account) -> Result<Task, KeyError> {
        let only = if self.spec.exclusive { Some(self.declared_for(&account).await?) } else { None };
        let (host, wanted, mkdir) = (self.host.clone(), self.spec.wanted.clone(), self.spec.mkdir);
        Ok(Task { host, account, wanted, only, mkdir })
    }

    async fn look(&self, cx: &Cx, account: Account, path: &Path) -> Result<Seen, ResourceError> {
        let (task, file) = (self.task(account).await?, path.to_owned());
        long_work::run("check", path, &cx.cancel, move |pace| task.look(&file, pace)).await
    }

    fn absent_drift(&self) -> Drift {
        let mut drift = Drift::none();
        self.add_edits(&mut drift, &Edited { presence: true, ..Edited::default() });
        drift
    }

    fn add_edits(&self, drift: &mut Drift, edited: &Edited) {
        let wanted = &self.spec.wanted;
        let key = || Shown::text(show_key(&wanted.identity));
        let text =
            |text: &Option<Box<str>>| Shown::text(format!("{:?}", text.as_deref().unwrap_or_default()));
        match (edited.presence, wanted.present) {
            (true, true) => drift.add("key", Shown::Absent, key()),
            (true, false) => drift.add("key", key(), Shown::Absent),
            (false, _) => {}
        }
        if edited.options.is_some() {
            drift.add("options", text(&edited.options), text(&wanted.options));
        }
        if edited.comment.is_some() {
            drift.add("comment", text(&edited.comment), text(&wanted.comment));
        }
        if edited.repeated > 0 {
            drift.add("key", Shown::text(format!("{} times", edited.repeated + 1)), Shown::text("once"));
        }
        for stranger in &edited.strangers {
            drift.add("exclusive", Shown::text(show_key(stranger)), Shown::Absent);
        }
    }
}

/// The end of a key tells it best: all keys of a type begin alike.
fn show_key(key: &key_line::Identity) -> String {
    let from = key.blob.len().saturating_sub(16);
    format!("{} …{}", key.kind, &key.blob[from..])
}

#[async_trait]
impl Resource for KeyResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let accounts = self.host.account_files.watch(cx, &*self.host.watch)?;
        let settings = match &self.spec.place {
            Place::AsSshd => self.sshd.settings().to_vec(),
            Place::Pattern(_) => Vec::new(),
        };
        let waker = cx.waker().clone();
        let sink: PathSink = Arc::new(move |_| waker.wake(Wake::default()));
        let settings =
            settings.iter().map(|(path, interest)| self.host.watch.watch(path, *interest, sink.clone()));
        let settings = settings.collect::<Result<Vec<_>, _>>().map_err(HostError::from)?;
        let watches = Arc::new(Watches::default());
        *self.watches.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&watches);
        // A user who is not there yet is an event of the accounts.
        match self.find(cx).await {
            Ok(_) | Err(KeyError::NoUser { .. } | KeyError::NoFile { .. } | KeyError::Pattern { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Wakes::pushed((accounts.guard, settings, watches)))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let (account, path) = match self.find(cx).await {
            // Nobody can log in as nobody, and an earlier resource may make the user.
            Err(KeyError::NoUser { .. }) if !self.spec.wanted.present => return Ok(Found::nothing()),
            Err(KeyError::NoUser { .. }) if cx.noop => return Ok(Found::drift(self.absent_drift())),
            other => other?,
        };
        let seen = self.look(cx, account.clone(), &path).await?;
        if seen.no_home && !cx.noop {
            return Err(KeyError::NoHome { user: account.name, path: account.home.into() }.into());
        }
        let mut drift = Drift::none();
        for (what, place, said) in &seen.objections {
            if *what != "file" && !self.spec.manage_dir {
                let (user, objection) = (account.name, said.as_str().into());
                return Err(KeyError::Objection { user, path: place.clone(), objection }.into());
            }
            drift.add(what, Shown::text(said.as_str()), Shown::text("acceptable to sshd"));
        }
        self.add_edits(&mut drift, &seen.edited);
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let (account, path) = self.find(cx).await?;
        let (task, file) = (self.task(account).await?, path.clone());
        long_work::run("apply", &path, &cx.cancel, move |pace| task.repair(&file, pace)).await?;
        Ok(Outputs::none())
    }

    async fn diff(&self, cx: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        let Ok((account, path)) = self.find(cx).await else { return Ok(None) };
        let seen = self.look(cx, account, &path).await?;
        Ok(seen.edited.text.map(|text| unified(&path, &seen.found, &text)))
    }

    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let kept = |names: &[&str]| -> Params {
            let given = self.given.iter().filter(|(name, _)| names.contains(name));
            given.map(|(name, value)| (name, value.clone())).collect()
        };
        let line = match self.find(cx).await {
            Err(KeyError::NoUser { .. }) => None,
            found => {
                let (account, path) = found?;
                let seen = self.look(cx, account, &path).await?;
                let text = String::from_utf8_lossy(&seen.found).into_owned();
                let mut keys = text.lines().filter_map(key_line::KeyLine::parse);
                keys.find(|line| line.identity == self.spec.wanted.identity)
            }
        };
        let mut undo = kept(&PLACE);
        match line {
            Some(line) => {
                undo.set("state", Value::str("exists"));
                undo.set("content", Value::str(line.text()));
            }
            None => {
                kept(&["type", "key", "content"])
                    .iter()
                    .for_each(|(name, value)| undo.set(name, value.clone()));
                undo.set("state", Value::str("absent"));
            }
        }
        Ok(Some(undo))
    }
}

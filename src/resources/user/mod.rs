//! The kind `user`: accounts of people and services.
//!
//! A check compares one look at the account files with the declaration. The repair runs one tool, reads the files again,
//! and goes on from what is there, so that a tool that somebody else came before, or that was killed, is no special case.

mod day;
mod differences;
mod elsewhere;
mod foreseen;
mod home;
mod params;
mod spec;
mod steps;
#[cfg(test)]
mod tests;
mod undo;

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use super::doc_of;
use crate::engine::kind::{Ask, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::account_files::AccountError;
use crate::resources::host::account_files::database::Database;
use crate::resources::host::account_files::shadow_tools::About;
use crate::resources::path_asks;
use crate::resources::wake_on::wake_on;
use differences::{Difference, Surroundings, differences, drift};
use foreseen::missing_groups;
use params::UserParams;
use spec::Spec;
use steps::{Next, next};

/// How many tools one repair runs at most: each puts right what it can, and there are fewer sorts of them.
const MOST_STEPS: usize = 8;

/// The kind `user`.
#[derive(Debug)]
pub struct UserKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl UserKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<UserParams>("user", Vec::new()) }
    }
}

impl Kind for UserKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(declaration)?;
        Ok(Box::new(UserResource { host: self.host.clone(), spec, home: Mutex::default() }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration) else { return Capabilities::default() };
        let given = &spec.given;
        let mut offers = vec![Uid::new("user", spec.name.clone())];
        offers.extend(given.uid.map(|uid| Uid::new("user", uid.to_string())));
        let mut primary: Vec<Uid> =
            given.group.iter().map(|group| Uid::new("group", group.clone())).collect();
        primary.extend(given.gid.map(|gid| Uid::new("group", gid.to_string())));
        if primary.is_empty() {
            primary.push(Uid::new("group", spec.name.clone()));
        }
        let further = given.groups.iter().flatten().map(|group| Uid::new("group", group.clone()));
        let mut asks: Vec<Ask> = if spec.present {
            let further = further.map(|group| Ask::after(vec![group], "a group it is in"));
            [Ask::after(primary, "its group")].into_iter().chain(further).collect()
        } else {
            let further = further.map(|group| Ask::before(vec![group], "the user that is in it"));
            [Ask::before(primary, "the user whose group it is")].into_iter().chain(further).collect()
        };
        if let Some(home) = given.homedir.as_deref().filter(|_| given.create_home) {
            let target = super::file::target::Target { path: home.into(), is_dir: true };
            asks.extend(path_asks::of_target(&target));
        }
        Capabilities { offers, asks, waits: true, reversible: true, ..Capabilities::default() }
    }
}

/// The home directory that is watched now.
#[derive(Default)]
struct HomeWatch(Mutex<Option<(Box<str>, Guard)>>);

/// What ends a watch when it is dropped.
type Guard = Option<Box<dyn Any + Send + Sync>>;

#[derive(Debug)]
struct UserResource {
    host: Arc<Host>,
    spec: Spec,
    /// What the armed watch holds.
    home: Mutex<Weak<HomeWatch>>,
}

/// How an account stands.
struct Standing {
    db: Arc<Database>,
    differences: Vec<Difference>,
    around: Surroundings,
}

impl UserResource {
    fn look_around(&self, db: &Database) -> Surroundings {
        let elsewhere = &*self.host.account_files.elsewhere;
        let Some(user) = db.users.get(&*self.spec.name) else {
            let foreign_group = self.spec.given.gid.is_some_and(|gid| elsewhere.has_group(gid));
            return Surroundings { foreign_group, ..Surroundings::default() };
        };
        let home = self.spec.given.homedir.as_deref().unwrap_or(&user.home);
        let is_known = db.group_name(user.gid).is_some();
        Surroundings {
            has_home: !self.spec.given.create_home || Path::new(home).exists(),
            foreign_group: !is_known && elsewhere.has_group(user.gid),
        }
    }

    fn compare(&self, db: Arc<Database>) -> Result<Standing, AccountError> {
        let around = self.look_around(&db);
        let mut found = differences(&db, &self.spec, around)?;
        if found == [Difference::Missing]
            && let Some(foreign) = self.host.account_files.elsewhere.user(&self.spec.name)
        {
            elsewhere::fulfils(&self.spec, &foreign, &db, &*self.host.account_files.elsewhere)?;
            found.clear();
        }
        Ok(Standing { db, differences: found, around })
    }

    /// Watches the home directory, where it is to be there: that of a new user is known once the user is made, and a
    /// user may be given another one.
    fn follow_home(&self, cx: &Cx, db: &Database) -> Result<(), ResourceError> {
        let given = &self.spec.given;
        let armed = self.home.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(armed) = armed.filter(|_| given.create_home && self.spec.present) else { return Ok(()) };
        let of_user = || db.users.get(&*self.spec.name).map(|user| &*user.home);
        let Some(home) = given.homedir.as_deref().or_else(of_user).filter(|home| home.starts_with('/'))
        else {
            return Ok(());
        };
        let mut watched = armed.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.as_ref().is_none_or(|(path, _)| **path != *home) {
            let wakes = wake_on(cx, &*self.host.watch, [(Path::new(home), Interest::CONTENT)])?;
            *watched = Some((home.into(), wakes.guard));
        }
        Ok(())
    }

    async fn apply_all(&self, cx: &Cx) -> Result<(), AccountError> {
        let files = &self.host.account_files;
        let mut last: Option<(Next, Arc<Database>)> = None;
        for _ in 0..MOST_STEPS {
            let Standing { db, differences, around } = self.compare(files.look_anew().await?)?;
            let Some(step) = next(&db, &self.spec, &differences, around)? else { return Ok(()) };
            // One that has changed something may be needed again: each unlocking takes one sign off.
            if last.as_ref().is_some_and(|(same, before)| *same == step && *before == db) {
                break;
            }
            match &step {
                Next::Run(step) => {
                    let uid = db.users.get(&*self.spec.name).map(|user| user.uid);
                    let about = About { what: "user", name: &self.spec.name, uid, primary_of: &[] };
                    files.run(&*self.host.processes, step, about, &cx.cancel).await?;
                }
                Next::MakeHome(path) => {
                    let Some(user) = db.users.get(&*self.spec.name) else { continue };
                    let ids = (user.uid, user.gid);
                    home::make(&*self.host.processes, &self.spec.given.skel, path, ids, &cx.cancel).await?;
                }
            }
            last = Some((step, db));
        }
        let tool = match last {
            Some((Next::Run(step), _)) => step.words.into_iter().next().unwrap_or_default(),
            _ => "cp".to_owned(),
        };
        Err(AccountError::NoEffect { tool: tool.into(), what: "user", name: (&*self.spec.name).into() })
    }
}

#[async_trait]
impl Resource for UserResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let accounts = self.host.account_files.watch(cx, &*self.host.watch)?;
        let home = Arc::new(HomeWatch::default());
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&home);
        self.follow_home(cx, &*self.host.account_files.look().await?)?;
        Ok(Wakes::pushed((accounts.guard, home)))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let db = self.host.account_files.look().await?;
        self.follow_home(cx, &db)?;
        let standing = self.compare(db)?;
        if cx.noop {
            let elsewhere = &*self.host.account_files.elsewhere;
            let groups = missing_groups(&standing.db, &self.spec, &standing.differences, elsewhere);
            if !groups.is_empty() {
                let name = (&*self.spec.name).into();
                cx.foresee(0, AccountError::NoGroup { name, groups }.into());
            }
        }
        Ok(Found::drift(drift(&self.spec, &standing.differences)))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        self.host.account_files.after(self.apply_all(cx).await).await
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let db = self.host.account_files.look_anew().await?;
        Ok(Some(undo::undo(&db, &self.spec)))
    }
}

//! The kind `group`: groups of accounts.

mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use super::doc_of;
use crate::engine::entry::Entry;
use crate::engine::kind::{Ask, Uid};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::account_files::AccountError;
use crate::resources::host::account_files::database::Database;
use crate::resources::host::account_files::names::wrong_name;
use crate::resources::host::account_files::shadow_tools::{About, Step};
use crate::resources::state_choice::is_present;
use plan::{Difference, Spec, differences, drift, next};

crate::entry! {
    /// Keeps a group of this host, or keeps it away.
    ///
    /// What is declared is put right whenever it differs; what is not declared is left as it is. The group is one of
    /// `/etc/group`, changed with `groupadd`, `groupmod`, `gpasswd` and `groupdel`. A group of a directory service is left
    /// alone: it is an error if something of it differs. One that is the primary group of a user cannot be removed.
    ///
    /// Users that have it are applied after it, those that are to go before it goes. Say who is in it on one side
    /// only: in `groups` of the users, or in `members` here, where the users come first.
    ///
    /// ```yaml
    /// resources:
    ///   group:
    ///   - name: operators
    ///     gid: 4000
    /// ```
    pub struct GroupParams {
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// The group's number. A new group gets a free one if not given.
        gid: Option<u32>,
        /// Who is in it, besides those whose primary group it is: exactly these users. An empty list: nobody. Left as
        /// it is if not given.
        members: Option<Vec<Arc<str>>>,
        /// Give a new group a low number, of those for the system. An existing one keeps its number.
        system: bool = false,
    }
}

/// How many tools one repair runs at most.
const MOST_STEPS: usize = 4;

/// The kind `group`.
#[derive(Debug)]
pub struct GroupKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl GroupKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<GroupParams>("group", Vec::new()) }
    }
}

fn spec(declaration: &Declaration) -> Result<Spec, Vec<ParamError>> {
    let given = GroupParams::decode(&declaration.params)?;
    let mut errors = Vec::new();
    let name = &declaration.label.name;
    if let Some(why) = wrong_name(name) {
        errors.push(ParamError::whole(format!("{name:?} is no name of a group: {why}")));
    }
    let present = is_present(&given.state).map_err(|error| errors.push(error)).unwrap_or(true);
    if given.gid == Some(u32::MAX) {
        errors.push(ParamError::at("gid", "4294967295 is no id: it means none"));
    }
    for member in given.members.iter().flatten() {
        if let Some(why) = wrong_name(member) {
            errors.push(ParamError::at("members", format!("{member:?} is no name of a user: {why}")));
        }
    }
    let members = given.members.map(|mut members| {
        members.sort();
        members.dedup();
        members
    });
    let spec = Spec { name: name.clone(), present, gid: given.gid, members, system: given.system };
    if errors.is_empty() { Ok(spec) } else { Err(errors) }
}

impl Kind for GroupKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        Ok(Box::new(GroupResource { host: self.host.clone(), spec: spec(declaration)? }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = spec(declaration) else { return Capabilities::default() };
        let mut offers = vec![Uid::new("group", spec.name.clone())];
        offers.extend(spec.gid.map(|gid| Uid::new("group", gid.to_string())));
        let members = spec.members.iter().flatten();
        let asks = members.map(|user| Ask::after(vec![Uid::new("user", user.clone())], "a member of it"));
        let asks = asks.filter(|_| spec.present).collect();
        Capabilities { offers, asks, waits: true, reversible: true, ..Capabilities::default() }
    }
}

#[derive(Debug)]
struct GroupResource {
    host: Arc<Host>,
    spec: Spec,
}

impl GroupResource {
    fn compare(&self, db: &Database) -> Result<Vec<Difference>, AccountError> {
        let found = differences(db, &self.spec);
        if found != [Difference::Missing] {
            return Ok(found);
        }
        let Some(gid) = self.host.account_files.elsewhere.group(&self.spec.name) else { return Ok(found) };
        if self.spec.gid.is_some_and(|wanted| wanted != gid) || self.spec.members.is_some() {
            return Err(AccountError::Elsewhere { what: "group", name: (&*self.spec.name).into() });
        }
        Ok(Vec::new())
    }

    async fn apply_all(&self, cx: &Cx) -> Result<(), AccountError> {
        let files = &self.host.account_files;
        let mut last: Option<Step> = None;
        for _ in 0..MOST_STEPS {
            let db = files.look_anew().await?;
            let Some(step) = next(&self.spec, &self.compare(&db)?) else { return Ok(()) };
            if last.as_ref() == Some(&step) {
                break;
            }
            let gid = db.groups.get(&*self.spec.name).map(|group| group.gid);
            let primary_of = gid.map(|gid| db.users_of(gid)).unwrap_or_default();
            let about = About { what: "group", name: &self.spec.name, uid: None, primary_of: &primary_of };
            files.run(&*self.host.processes, &step, about, &cx.cancel).await?;
            last = Some(step);
        }
        let tool = last.and_then(|step| step.words.into_iter().next()).unwrap_or_default();
        Err(AccountError::NoEffect { tool: tool.into(), what: "group", name: (&*self.spec.name).into() })
    }
}

#[async_trait]
impl Resource for GroupResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        self.host.account_files.watch(cx, &*self.host.watch)
    }

    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        let db = self.host.account_files.look().await?;
        Ok(Found::drift(drift(&self.spec, &self.compare(&db)?)))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        self.host.account_files.after(self.apply_all(cx).await).await
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let db = self.host.account_files.look_anew().await?;
        let mut undo = Params::new();
        let Some(group) = db.groups.get(&*self.spec.name) else {
            undo.set("state", Value::str("absent"));
            return Ok(Some(undo));
        };
        undo.set("state", Value::str("exists"));
        if self.spec.gid.is_some() || !self.spec.present {
            undo.set("gid", Value::Int(group.gid.into()));
        }
        if self.spec.members.is_some() || !self.spec.present {
            undo.set("members", Value::List(group.members.iter().map(|name| Value::str(&**name)).collect()));
        }
        Ok(Some(undo))
    }
}

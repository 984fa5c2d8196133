//! The declaration that brings back an account as it is now. Pure.

use super::day::show_day;
use super::spec::Spec;
use crate::engine::{Params, Value};
use crate::resources::host::account_files::database::Database;

/// The parameters of a user resource of the same name that bring back the account as it is now. A home directory that was
/// made is kept.
pub fn undo(db: &Database, spec: &Spec) -> Params {
    let mut undo = Params::new();
    let Some(user) = db.users.get(&*spec.name) else {
        undo.set("state", Value::str("absent"));
        return undo;
    };
    let given = &spec.given;
    // What was not declared stays as it is: somebody else may change it meanwhile. A user who is removed loses it all.
    let all = !spec.present;
    let mut keep = |param, declared: bool, value: Value| {
        if declared || all {
            undo.set(param, value);
        }
    };
    keep("state", true, Value::str("exists"));
    keep("uid", given.uid.is_some(), Value::Int(user.uid.into()));
    keep("gid", given.gid.is_some() || given.group.is_some(), Value::Int(user.gid.into()));
    let groups = db.groups_of(&spec.name).into_iter().map(Value::str).collect();
    keep("groups", given.groups.is_some(), Value::List(groups));
    // An empty field cannot be declared: it is what a user gets for whom nothing is.
    if !user.home.is_empty() {
        keep("homedir", given.homedir.is_some(), Value::str(&*user.home));
    }
    if !user.shell.is_empty() {
        keep("shell", given.shell.is_some(), Value::str(&*user.shell));
    }
    keep("comment", given.comment.is_some(), Value::str(&*user.comment));
    keep("allowduplicateuid", given.allowduplicateuid, Value::Bool(true));
    if let Some(shadow) = db.shadow_of(&spec.name) {
        if !shadow.password.is_empty() {
            let is_secret = given.password.is_some() || given.lock.is_some();
            keep("password", is_secret, Value::str(&*shadow.password));
        }
        let expires = shadow.expires.map_or_else(|| "never".to_owned(), show_day);
        keep("expires", given.expires.is_some(), Value::str(expires));
        let max_days = shadow.max_days.unwrap_or(-1);
        keep("password_max_days", given.password_max_days.is_some(), Value::Int(max_days));
    }
    undo
}

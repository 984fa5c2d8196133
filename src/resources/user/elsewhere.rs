//! What can be known of an account that comes from elsewhere: a directory service, or systemd.

use std::path::Path;

use super::differences::{fields, subids};
use super::spec::Spec;
use crate::resources::host::account_files::database::{Database, User};
use crate::resources::host::account_files::{AccountError, NameService};

/// Whether such an account is as declared. Nothing of it can be put right here.
///
/// # Errors
/// What differs, and what can be neither known nor set here, so that nobody takes it for done.
pub fn fulfils(
    spec: &Spec,
    user: &User,
    db: &Database,
    elsewhere: &dyn NameService,
) -> Result<(), AccountError> {
    let (given, name) = (&spec.given, || Box::from(&*spec.name));
    let number = |group: &str| db.groups.get(group).map(|it| it.gid).or_else(|| elsewhere.group(group));
    let wanted = given.group.as_deref().map_or(given.gid, number);
    let has_other_group = (given.group.is_some() || given.gid.is_some()) && wanted != Some(user.gid);
    if has_other_group || !fields(spec, user).is_empty() {
        return Err(AccountError::Elsewhere { what: "user", name: name() });
    }
    // Its groups there are not known: only that it is in those of this host's files, and if others are let be.
    let here = db.groups_of(&spec.name);
    let is_in = |group: &str| here.contains(&group) || number(group) == Some(user.gid);
    let lacks = |groups: &[std::sync::Arc<str>]| !given.append || !groups.iter().all(|group| is_in(group));
    let home = given.homedir.as_deref().unwrap_or(&user.home);
    let open = [
        ("groups", given.groups.as_ref().is_some_and(|groups| lacks(groups))),
        ("create_home", given.create_home && !Path::new(home).exists()),
        ("password", given.password.is_some()),
        ("lock", given.lock.is_some()),
        ("expires", given.expires.is_some()),
        ("password_max_days", given.password_max_days.is_some()),
        ("subids", subids(db, spec, user.uid).is_some()),
    ];
    let params: Vec<&'static str> = open.iter().filter(|(_, is)| *is).map(|(param, _)| *param).collect();
    if params.is_empty() { Ok(()) } else { Err(AccountError::OutOfReach { name: name(), params }) }
}

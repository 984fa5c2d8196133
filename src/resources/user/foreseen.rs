//! What a repair would fail of, as the account files tell already.

use super::differences::Difference;
use super::spec::Spec;
use crate::resources::host::account_files::NameService;
use crate::resources::host::account_files::database::Database;

/// The groups that a tool will be told to put the user into, and that are nowhere.
pub fn missing_groups(
    db: &Database,
    spec: &Spec,
    differences: &[Difference],
    elsewhere: &dyn NameService,
) -> Vec<Box<str>> {
    let given = &spec.given;
    let is_new = differences.contains(&Difference::Missing);
    let mut missing: Vec<Box<str>> = Vec::new();
    if is_new || differences.iter().any(|it| matches!(it, Difference::Group(_))) {
        let has_number = |gid: u32| db.group_name(gid).is_some() || elsewhere.has_group(gid);
        match (&given.group, given.gid) {
            (Some(group), _) if !is_there(db, group, elsewhere) => missing.push((&**group).into()),
            // A new user gets one of its own name with this number.
            (None, Some(_)) if is_new && !is_there(db, &spec.name, elsewhere) => {}
            (None, Some(gid)) if !has_number(gid) => missing.push(gid.to_string().into()),
            _ => {}
        }
    }
    if is_new || differences.iter().any(|it| matches!(it, Difference::Groups(_))) {
        let further = given.groups.iter().flatten().filter(|group| !is_there(db, group, elsewhere));
        missing.extend(further.map(|group| Box::from(&**group)));
    }
    missing.dedup();
    missing
}

fn is_there(db: &Database, group: &str, elsewhere: &dyn NameService) -> bool {
    db.groups.contains_key(group) || elsewhere.group(group).is_some()
}

//! How an account differs from what it should be. Pure.

use super::day::show_day;
use super::spec::Spec;
use crate::engine::drift::{Drift, Shown};
use crate::resources::host::account_files::AccountError;
use crate::resources::host::account_files::database::{Database, IdRange, Shadow, User};

/// What is looked at besides the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// Whether the home directory is there.
    pub has_home: bool,
    /// Whether the primary group is one from elsewhere; of a user who is missing, the one that is declared by its number.
    pub foreign_group: bool,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is no such user.
    Missing,
    /// There is one.
    Unwanted,
    /// The number is another.
    Uid(u32),
    /// The primary group is another.
    Group(Box<str>),
    /// The primary group is not there: a tool was killed while it made the user.
    NoGroup(u32),
    /// The further groups are others.
    Groups(Vec<Box<str>>),
    /// The home directory's path is another.
    Home(Box<str>),
    /// The shell is another.
    Shell(Box<str>),
    /// The comment is another.
    Comment(Box<str>),
    /// The home directory is missing.
    NoHome(Box<str>),
    /// There is no line in `shadow`: a tool was killed while it made the user.
    NoShadow,
    /// The hash is another.
    Password,
    /// It is (`true`) or is not locked, and should not or should be.
    Locked(bool),
    /// It expires on another day.
    Expires(Option<i64>),
    /// The password need be changed after another time.
    MaxDays(Option<i64>),
    /// It has no subordinate ids of both sorts, or has some and should not.
    Subids(Vec<IdRange>, Vec<IdRange>),
}

/// All differences of an account that is in the files, or should be.
///
/// # Errors
/// When what is declared cannot be compared.
pub fn differences(
    db: &Database,
    spec: &Spec,
    around: Surroundings,
) -> Result<Vec<Difference>, AccountError> {
    let Some(user) = db.users.get(&*spec.name) else {
        return Ok(if spec.present { vec![Difference::Missing] } else { Vec::new() });
    };
    if !spec.present {
        return Ok(vec![Difference::Unwanted]);
    }
    let mut found = fields(spec, user);
    groups(db, spec, user, around, &mut found);
    if spec.given.create_home && !around.has_home {
        found.push(Difference::NoHome(spec.given.homedir.as_deref().unwrap_or(&user.home).into()));
    }
    secrets(db, spec, user, &mut found)?;
    found.extend(subids(db, spec, user.uid));
    Ok(found)
}

/// The fields of `passwd` that differ. Also what can be compared of an account from elsewhere.
pub fn fields(spec: &Spec, user: &User) -> Vec<Difference> {
    let given = &spec.given;
    let mut found = Vec::new();
    if given.uid.is_some_and(|uid| uid != user.uid) {
        found.push(Difference::Uid(user.uid));
    }
    let differs = |wanted: &Option<std::sync::Arc<str>>, is: &str| {
        wanted.as_deref().is_some_and(|wanted| *wanted != *is)
    };
    if given.homedir.as_deref().is_some_and(|home| home != trim(&user.home)) {
        found.push(Difference::Home(user.home.clone()));
    }
    if differs(&given.shell, &user.shell) {
        found.push(Difference::Shell(user.shell.clone()));
    }
    if differs(&given.comment, &user.comment) {
        found.push(Difference::Comment(user.comment.clone()));
    }
    found
}

/// Whether the subordinate ids are others than declared.
pub fn subids(db: &Database, spec: &Spec, uid: u32) -> Option<Difference> {
    let wanted = spec.given.subids?;
    let of = |all: &[(Box<str>, IdRange)]| -> Vec<IdRange> {
        let own = all.iter().filter(|(name, _)| **name == *spec.name || **name == *uid.to_string());
        own.map(|(_, range)| *range).collect()
    };
    let (subuids, subgids) = (of(&db.subuids), of(&db.subgids));
    let has = |ranges: &[IdRange]| !ranges.is_empty();
    let is_right = if wanted { has(&subuids) && has(&subgids) } else { !has(&subuids) && !has(&subgids) };
    (!is_right).then_some(Difference::Subids(subuids, subgids))
}

fn trim(home: &str) -> &str {
    if home.len() > 1 { home.trim_end_matches('/') } else { home }
}

fn groups(db: &Database, spec: &Spec, user: &User, around: Surroundings, found: &mut Vec<Difference>) {
    let given = &spec.given;
    let primary = db.group_name(user.gid);
    let differs = match (&given.group, given.gid) {
        (Some(group), _) => db.groups.get(&**group).is_none_or(|group| group.gid != user.gid),
        (None, Some(gid)) => gid != user.gid,
        (None, None) => {
            if primary.is_none() && !around.foreign_group && !db.groups.contains_key(&*spec.name) {
                found.push(Difference::NoGroup(user.gid));
            }
            false
        }
    };
    if differs {
        found.push(Difference::Group(primary.map_or_else(|| user.gid.to_string().into(), Box::from)));
    }
    let Some(wanted) = &given.groups else { return };
    let is = db.groups_of(&spec.name);
    // Whether a user is named in its primary group makes no difference.
    let counts = |group: &&str| primary != Some(*group) && given.group.as_deref() != Some(*group);
    let lacks = wanted.iter().map(|group| &**group).filter(counts).any(|group| !is.contains(&group));
    let has_more = is.iter().copied().filter(counts).any(|group| !wanted.iter().any(|it| **it == *group));
    if lacks || (has_more && !given.append) {
        found.push(Difference::Groups(is.into_iter().map(Box::from).collect()));
    }
}

fn secrets(db: &Database, spec: &Spec, user: &User, found: &mut Vec<Difference>) -> Result<(), AccountError> {
    let given = &spec.given;
    let declared = [
        ("password", given.password.is_some()),
        ("lock", given.lock.is_some()),
        ("expires", given.expires.is_some()),
        ("password_max_days", given.password_max_days.is_some()),
    ];
    let needs = declared.iter().find(|(_, is_given)| *is_given).map(|(param, _)| *param);
    let is_shadowed = &*user.password == "x";
    let shadow = db.shadow_of(&spec.name);
    if db.shadow.is_none() {
        return match needs {
            Some(param) => {
                Err(AccountError::Secret { path: std::path::Path::new("/etc/shadow").into(), param })
            }
            None => Ok(()),
        };
    }
    if is_shadowed && shadow.is_none() {
        found.push(if given.password.is_some() { Difference::Password } else { Difference::NoShadow });
        return Ok(());
    }
    // Without a shadow file the hash is in passwd itself.
    let unshadowed = Shadow { password: user.password.clone(), ..Shadow::default() };
    let shadow = shadow.filter(|_| is_shadowed).unwrap_or(&unshadowed);
    match spec.password() {
        Some(wanted) if *wanted != *shadow.password => found.push(Difference::Password),
        Some(_) => {}
        None if given.lock.is_some_and(|lock| lock != shadow.is_locked()) => {
            if shadow.is_locked() && shadow.password.trim_start_matches('!').is_empty() {
                return Err(AccountError::NothingToUnlock { name: (&*spec.name).into() });
            }
            found.push(Difference::Locked(shadow.is_locked()));
        }
        None => {}
    }
    if spec.expires.is_some_and(|day| day != shadow.expires) {
        found.push(Difference::Expires(shadow.expires));
    }
    let max_days = given.password_max_days.map(|days| u32::try_from(days).ok().map(i64::from));
    if max_days.is_some_and(|days| days != shadow.max_days) {
        found.push(Difference::MaxDays(shadow.max_days));
    }
    Ok(())
}

/// The differences for people.
pub fn drift(spec: &Spec, differences: &[Difference]) -> Drift {
    let mut drift = Drift::none();
    for difference in differences {
        let (what, found, wanted) = shown(spec, difference);
        drift.add(what, found, wanted);
        if *difference == Difference::Missing {
            for (what, wanted) in declared(spec) {
                drift.add(what, Shown::Absent, wanted);
            }
        }
    }
    drift
}

/// What a new account gets, as far as it is declared.
fn declared(spec: &Spec) -> Vec<(&'static str, Shown)> {
    let given = &spec.given;
    let number = |id: Option<u32>| id.map(|id| Shown::text(id.to_string()));
    let text = |text: &Option<std::sync::Arc<str>>| text.clone().map(Shown::Text);
    let groups = given.groups.as_ref().filter(|groups| !groups.is_empty());
    let groups = groups.map(|groups| groups.iter().map(|group| &**group).collect::<Vec<_>>().join(", "));
    let fields = [
        ("uid", number(given.uid)),
        ("gid", number(given.gid)),
        ("group", text(&given.group)),
        ("groups", groups.map(Shown::text)),
        ("homedir", text(&given.homedir)),
        ("create_home", given.create_home.then(|| Shown::text("made"))),
        ("shell", text(&given.shell)),
        ("comment", text(&given.comment)),
        ("password", given.password.as_ref().map(|_| Shown::text("(sensitive)"))),
        ("lock", given.lock.map(|lock| Shown::text(if lock { "locked" } else { "unlocked" }))),
        ("expires", spec.expires.map(show_expiry)),
        ("password_max_days", given.password_max_days.map(|days| Shown::text(days.to_string()))),
        ("subids", given.subids.filter(|is| *is).map(|_| Shown::text("some"))),
    ];
    fields.into_iter().filter_map(|(what, wanted)| Some((what, wanted?))).collect()
}

fn shown(spec: &Spec, difference: &Difference) -> (&'static str, Shown, Shown) {
    let given = &spec.given;
    let text = |text: &str| Shown::text(if text.is_empty() { "(empty)" } else { text });
    let wanted = |wanted: &Option<std::sync::Arc<str>>| text(wanted.as_deref().unwrap_or_default());
    let number = |id: Option<u32>| Shown::text(id.map(|id| id.to_string()).unwrap_or_default());
    let secret = || Shown::text("(sensitive)");
    let locked = |is: bool| Shown::text(if is { "locked" } else { "unlocked" });
    match difference {
        Difference::Missing => ("state", Shown::Absent, Shown::text("exists")),
        Difference::Unwanted => ("state", Shown::text("exists"), Shown::Absent),
        Difference::Uid(uid) => ("uid", number(Some(*uid)), number(given.uid)),
        Difference::Group(group) => {
            let what = if given.group.is_some() { "group" } else { "gid" };
            (what, text(group), given.group.as_deref().map_or_else(|| number(given.gid), text))
        }
        Difference::NoGroup(gid) => ("group", Shown::Absent, number(Some(*gid))),
        Difference::Groups(groups) => {
            let is = groups.iter().map(|group| &**group).collect::<Vec<_>>().join(", ");
            let wanted = given.groups.iter().flatten().map(|group| &**group).collect::<Vec<_>>().join(", ");
            ("groups", text(&is), text(&wanted))
        }
        Difference::Home(home) => ("homedir", text(home), wanted(&given.homedir)),
        Difference::Shell(shell) => ("shell", text(shell), wanted(&given.shell)),
        Difference::Comment(comment) => ("comment", text(comment), wanted(&given.comment)),
        Difference::NoHome(home) => ("create_home", Shown::Absent, text(home)),
        Difference::NoShadow => ("shadow", Shown::Absent, Shown::text("exists")),
        Difference::Password => ("password", secret(), secret()),
        Difference::Locked(is) => ("lock", locked(*is), locked(!is)),
        Difference::Expires(day) => ("expires", show_expiry(*day), show_expiry(spec.expires.flatten())),
        Difference::MaxDays(days) => {
            let wanted = given.password_max_days.map_or(-1, i64::from);
            let is = Shown::text(days.unwrap_or(-1).to_string());
            ("password_max_days", is, Shown::text(wanted.to_string()))
        }
        Difference::Subids(uids, gids) => {
            let some = |is: bool| Shown::text(if is { "some" } else { "none" });
            ("subids", some(!uids.is_empty() && !gids.is_empty()), some(given.subids == Some(true)))
        }
    }
}

fn show_expiry(day: Option<i64>) -> Shown {
    Shown::text(day.map_or_else(|| "never".to_owned(), show_day))
}

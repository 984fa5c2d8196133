//! Which tool comes next. Pure.

use super::day::show_day;
use super::differences::{Difference, Surroundings};
use super::spec::Spec;
use crate::resources::host::account_files::AccountError;
use crate::resources::host::account_files::database::{Database, IdRange};
use crate::resources::host::account_files::shadow_tools::{Secret, Step};

/// The first subordinate id that is given away, and how many a user gets: the defaults of login.defs(5).
const SUBIDS: (u32, u32) = (100_000, 65_536);
/// The last one that is given away, as in login.defs(5).
const LAST_SUBID: u32 = 600_100_000;

/// What is done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A tool is run.
    Run(Step),
    /// The home directory is made.
    MakeHome(Box<str>),
}

/// The first thing to do about these differences. What is left is seen in the files after it.
///
/// # Errors
/// When there is nothing that could be done.
pub fn next(
    db: &Database,
    spec: &Spec,
    differences: &[Difference],
    around: Surroundings,
) -> Result<Option<Next>, AccountError> {
    let name = &*spec.name;
    if differences.contains(&Difference::Missing) {
        return Ok(Some(Next::Run(own_group(db, spec, around).unwrap_or_else(|| useradd(db, spec)))));
    }
    if differences.contains(&Difference::Unwanted) {
        let remove = spec.given.remove_home.then_some("-r");
        return Ok(Some(Next::Run(Step::of(["userdel"].into_iter().chain(remove).chain([name])))));
    }
    for difference in differences {
        match difference {
            // Before usermod, which cannot do without.
            Difference::NoGroup(gid) => {
                return Ok(Some(Next::Run(Step::of(["groupadd", "-g", &gid.to_string(), name]))));
            }
            Difference::NoShadow => return Ok(Some(Next::Run(chpasswd(name, "!")))),
            _ => {}
        }
    }
    if let Some(step) = usermod(spec, differences, around.has_home) {
        return Ok(Some(Next::Run(step)));
    }
    Ok(match differences.first() {
        Some(Difference::Password) => {
            Some(Next::Run(chpasswd(name, &spec.password().unwrap_or_else(|| "!".to_owned()))))
        }
        Some(Difference::MaxDays(_)) => {
            let days = spec.given.password_max_days.unwrap_or(-1).to_string();
            Some(Next::Run(Step::of(["chage", "-M", &days, name])))
        }
        Some(Difference::Subids(uids, gids)) => Some(Next::Run(subids(db, spec, uids, gids)?)),
        Some(Difference::NoHome(home)) => Some(Next::MakeHome(home.clone())),
        _ => None,
    })
}

/// Makes the group of the user's own name that a new user is to have by its number: useradd would choose another number.
/// A user who was removed, and comes back, had such a one.
fn own_group(db: &Database, spec: &Spec, around: Surroundings) -> Option<Step> {
    let gid = spec.given.gid?;
    let is_there = around.foreign_group || db.group_name(gid).is_some();
    let can_be = !is_there && !db.groups.contains_key(&*spec.name);
    can_be.then(|| Step::of(["groupadd", "-g", &gid.to_string(), &spec.name]))
}

fn useradd(db: &Database, spec: &Spec) -> Step {
    let given = &spec.given;
    let mut words = vec!["useradd".to_owned()];
    let mut option = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            words.extend([flag.to_owned(), value]);
        }
    };
    option("-u", given.uid.map(|uid| uid.to_string()));
    let own = || db.groups.contains_key(&*spec.name).then(|| spec.name.to_string());
    let group = given.group.as_deref().map(str::to_owned).or(given.gid.map(|gid| gid.to_string()));
    // With a group of the same name there already, useradd fails unless it is told to take it.
    option("-g", group.or_else(own));
    option("-G", groups(spec).filter(|groups| !groups.is_empty()));
    option("-d", given.homedir.as_deref().map(str::to_owned));
    option("-s", given.shell.as_deref().map(str::to_owned));
    option("-c", given.comment.as_deref().map(str::to_owned));
    option("-e", spec.expires.flatten().map(show_day));
    if given.create_home {
        option("-k", Some(given.skel.to_string()));
    }
    if given.uid.is_some() && given.allowduplicateuid {
        words.push("-o".into());
    }
    if given.system {
        words.push("-r".into());
    }
    words.push(if given.create_home { "-m" } else { "-M" }.into());
    words.push(spec.name.to_string());
    Step::of(words)
}

/// All that usermod can put right, in one call.
fn usermod(spec: &Spec, differences: &[Difference], has_home: bool) -> Option<Step> {
    let given = &spec.given;
    let mut words = vec!["usermod".to_owned()];
    let text = |value: &Option<std::sync::Arc<str>>| value.as_deref().unwrap_or_default().to_owned();
    for difference in differences {
        match difference {
            Difference::Uid(_) => {
                words.extend(["-u".to_owned(), given.uid?.to_string()]);
                words.extend(given.allowduplicateuid.then(|| "-o".to_owned()));
            }
            Difference::Group(_) => {
                let group =
                    given.group.as_deref().map(str::to_owned).or(given.gid.map(|gid| gid.to_string()));
                words.extend(["-g".to_owned(), group?]);
            }
            Difference::Groups(_) => {
                words.extend(given.append.then(|| "-a".to_owned()));
                words.extend(["-G".to_owned(), groups(spec)?]);
            }
            Difference::Home(_) => {
                words.extend(["-d".to_owned(), text(&given.homedir)]);
                words.extend((given.create_home && !has_home).then(|| "-m".to_owned()));
            }
            Difference::Shell(_) => words.extend(["-s".to_owned(), text(&given.shell)]),
            Difference::Comment(_) => words.extend(["-c".to_owned(), text(&given.comment)]),
            Difference::Locked(is_locked) => words.push(if *is_locked { "-U" } else { "-L" }.into()),
            Difference::Expires(_) => {
                words.extend(["-e".to_owned(), spec.expires.flatten().map(show_day).unwrap_or_default()]);
            }
            _ => {}
        }
    }
    if words.len() == 1 {
        return None;
    }
    words.push(spec.name.to_string());
    Some(Step::of(words))
}

/// The further groups for usermod; the primary one need not be among them, and may.
fn groups(spec: &Spec) -> Option<String> {
    let groups = spec.given.groups.as_ref()?;
    Some(groups.iter().map(|group| &**group).collect::<Vec<_>>().join(","))
}

/// Everyone can read the argument list of a process; nobody its input.
fn chpasswd(name: &str, hash: &str) -> Step {
    let input = Some(Secret(format!("{name}:{hash}\n").into()));
    Step { input, ..Step::of(["chpasswd", "-e"]) }
}

fn subids(db: &Database, spec: &Spec, uids: &[IdRange], gids: &[IdRange]) -> Result<Step, AccountError> {
    let mut words = vec!["usermod".to_owned()];
    let shown = |range: &IdRange| format!("{}-{}", range.first, range.last());
    if spec.given.subids == Some(true) {
        let range = free_range(db).ok_or_else(|| AccountError::NoIds { name: (&*spec.name).into() })?;
        for (flag, has) in [("-v", uids), ("-w", gids)] {
            if has.is_empty() {
                words.extend([flag.to_owned(), shown(&range)]);
            }
        }
    } else {
        for (flag, has) in [("-V", uids), ("-W", gids)] {
            words.extend(has.iter().flat_map(|range| [flag.to_owned(), shown(range)]));
        }
    }
    words.push(spec.name.to_string());
    Ok(Step::of(words))
}

/// The first range after all that were given away, so that no two users can share an id.
fn free_range(db: &Database) -> Option<IdRange> {
    let taken = db.subuids.iter().chain(&db.subgids).map(|(_, range)| range.last().saturating_add(1));
    let first = taken.max().unwrap_or(0).max(SUBIDS.0);
    let range = IdRange { first, count: SUBIDS.1 };
    (range.last() <= LAST_SUBID).then_some(range)
}

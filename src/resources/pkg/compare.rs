//! What differs, and what to do about it. Pure.

use std::cmp::Ordering;
use std::sync::Arc;

use super::error::Refusal;
use super::spec::{Member, Pattern, Want};
use crate::engine::Shown;
use crate::resources::host::packages::version::compare;
use crate::resources::host::packages::{Offered, Row, Standing, Status, To};

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What differs.
    pub what: &'static str,
    /// How it is.
    pub found: Shown,
    /// How it should be.
    pub wanted: Shown,
}

/// Whether a wish cannot be compared without knowing what could be installed.
pub fn needs_offers(member: &Member) -> bool {
    member.want == Want::Newest
}

/// The newest version that a wish for the newest means.
fn newest<'a>(member: &Member, offered: Option<&'a Offered>) -> Option<&'a Arc<str>> {
    let offered = offered?;
    match &member.version {
        None => offered.candidate.as_ref(),
        Some(pattern) => offered.versions.iter().find(|version| pattern.fits(version)),
    }
}

/// What differs. `offered` matters for the newest only.
pub fn differences(member: &Member, standing: &Standing<'_>, offered: Option<&Offered>) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add =
        |what, found_now: Shown, wanted: Shown| found.push(Difference { what, found: found_now, wanted });
    let row = match (member.want, standing) {
        (Want::Absent { .. }, Standing::Absent | Standing::Provided(_)) => return found,
        (Want::Absent { purge }, Standing::Known(row)) => {
            match row.status {
                Status::ConfigFiles if purge => {
                    add("purge", Shown::text("configuration files"), Shown::Absent)
                }
                Status::ConfigFiles => {}
                Status::Half(how) => {
                    add("state", Shown::text(format!("{} ({how})", row.version)), Shown::Absent)
                }
                Status::Configured => add("state", Shown::Text(row.version.clone()), Shown::Absent),
            }
            if let Some(hold) = member.hold
                && row.held != hold
                && row.status == Status::Configured
            {
                add("hold", held(row.held), held(hold));
            }
            return found;
        }
        (_, Standing::Absent) => None,
        (_, Standing::Known(row)) if row.status == Status::ConfigFiles => None,
        (_, Standing::Provided(by)) => {
            if let Some(pattern) = &member.version {
                add("version", Shown::text(format!("provided by {by}")), Shown::text(pattern.text()));
            }
            return found;
        }
        (_, Standing::Known(row)) => Some(row),
    };
    let Some(row) = row else {
        let version = newest(member, offered).map(|version| version.to_string());
        let wanted = version.or_else(|| member.version.as_ref().map(Pattern::text));
        add("state", Shown::Absent, Shown::text(wanted.unwrap_or_else(|| "installed".to_owned())));
        if member.hold == Some(true) {
            add("hold", held(false), held(true));
        }
        return found;
    };
    if let Some(wanted) = wanted_version(member, row, offered) {
        add("version", Shown::Text(row.version.clone()), Shown::text(wanted));
    }
    if let Status::Half(how) = row.status {
        add("configure", Shown::text(how), Shown::text("configured"));
    } else if row.must_reinstall {
        add("configure", Shown::text("must be installed again"), Shown::text("configured"));
    }
    if let Some(hold) = member.hold
        && row.held != hold
    {
        add("hold", held(row.held), held(hold));
    }
    found
}

fn held(held: bool) -> Shown {
    Shown::text(if held { "held" } else { "not held" })
}

/// The version that should be there in place of the present one.
fn wanted_version(member: &Member, row: &Row, offered: Option<&Offered>) -> Option<String> {
    let newest = if member.want == Want::Newest { newest(member, offered) } else { None };
    if let Some(pattern) = &member.version
        && !pattern.fits(&row.version)
    {
        return Some(newest.map_or_else(|| pattern.text(), ToString::to_string));
    }
    let newest = newest?;
    match compare(newest, &row.version) {
        Ordering::Greater => Some(newest.to_string()),
        Ordering::Less if member.allow_downgrade => Some(newest.to_string()),
        _ => None,
    }
}

/// What to do about a package that differs; `None`: nothing but, perhaps, its hold.
///
/// # Errors
/// When it cannot be done.
pub fn decide(
    member: &Member,
    standing: &Standing<'_>,
    offered: Option<&Offered>,
) -> Result<Option<To>, Refusal> {
    let row = match standing {
        Standing::Known(row) => Some(*row),
        _ => None,
    };
    let not_held = |row: Option<&Row>| match row {
        Some(row) if row.held && member.hold.is_none() => Err(Refusal::Held { version: row.version.clone() }),
        _ => Ok(()),
    };
    if let Want::Absent { purge } = member.want {
        let Some(row) = row else { return Ok(None) };
        if row.status == Status::ConfigFiles {
            return Ok(purge.then_some(To::PurgeRest));
        }
        not_held(Some(row))?;
        return Ok(Some(if purge { To::Purge } else { To::Remove }));
    }
    let present = row.filter(|row| row.status != Status::ConfigFiles);
    let differs = differences(member, standing, offered);
    if differs.iter().all(|difference| difference.what == "hold") {
        return Ok(None);
    }
    let other_version = differs.iter().any(|difference| matches!(difference.what, "version" | "state"));
    if let Some(row) = present
        && !other_version
    {
        let how = if let Status::Half(how) = row.status { how } else { "must be installed again" };
        return if member.reinstall_broken { Ok(Some(To::Again)) } else { Err(Refusal::Broken { how }) };
    }
    not_held(present)?;
    if let Some(path) = &member.source {
        refuse_downgrade(member, present, member.version.as_ref().map(Pattern::text).as_deref())?;
        return Ok(Some(To::File(path.clone())));
    }
    let to = by_name(member, offered)?;
    let version = match &to {
        To::Version(version) => Some(&**version),
        _ => offered.and_then(|offered| offered.candidate.as_deref()),
    };
    refuse_downgrade(member, present, version)?;
    Ok(Some(to))
}

fn refuse_downgrade(member: &Member, present: Option<&Row>, to: Option<&str>) -> Result<(), Refusal> {
    match (present, to) {
        (Some(row), Some(to)) if !member.allow_downgrade && compare(to, &row.version) == Ordering::Less => {
            Err(Refusal::Downgrade { from: row.version.clone(), to: to.into() })
        }
        _ => Ok(()),
    }
}

/// What is asked of the repositories.
fn by_name(member: &Member, offered: Option<&Offered>) -> Result<To, Refusal> {
    let offered = offered.ok_or(Refusal::Unknown)?;
    if let Some(pattern) = &member.version {
        let fits = offered.versions.iter().find(|version| pattern.fits(version));
        let missing = || Refusal::NoVersion { wanted: pattern.text(), offered: offered.versions.clone() };
        return fits.cloned().map(To::Version).ok_or_else(missing);
    }
    match (&offered.candidate, offered.providers.len()) {
        (Some(_), _) | (None, 1) => Ok(To::Candidate),
        (None, 0) if offered.versions.is_empty() => Err(Refusal::Unknown),
        (None, 0) => Err(Refusal::NoCandidate),
        (None, _) => Err(Refusal::Virtual { providers: offered.providers.clone() }),
    }
}

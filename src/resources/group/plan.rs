//! How a group differs from what it should be, and which tool comes next. Pure.

use std::sync::Arc;

use crate::engine::drift::{Drift, Shown};
use crate::resources::host::account_files::database::Database;
use crate::resources::host::account_files::shadow_tools::Step;

/// What a group should be.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it should be there.
    pub present: bool,
    /// Its number.
    pub gid: Option<u32>,
    /// Its members, sorted.
    pub members: Option<Vec<Arc<str>>>,
    /// Whether a new one is one of the system's.
    pub system: bool,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is no such group.
    Missing,
    /// There is one.
    Unwanted,
    /// The number is another.
    Gid(u32),
    /// The members are others.
    Members(Vec<Box<str>>),
}

/// All differences of a group that is in the files, or should be.
pub fn differences(db: &Database, spec: &Spec) -> Vec<Difference> {
    let Some(group) = db.groups.get(&*spec.name) else {
        return if spec.present { vec![Difference::Missing] } else { Vec::new() };
    };
    if !spec.present {
        return vec![Difference::Unwanted];
    }
    let mut found = Vec::new();
    if spec.gid.is_some_and(|gid| gid != group.gid) {
        found.push(Difference::Gid(group.gid));
    }
    if let Some(wanted) = &spec.members {
        let mut is = group.members.clone();
        is.sort();
        is.dedup();
        if !is.iter().map(|name| &**name).eq(wanted.iter().map(|name| &**name)) {
            found.push(Difference::Members(is));
        }
    }
    found
}

/// The differences for people.
pub fn drift(spec: &Spec, differences: &[Difference]) -> Drift {
    let mut drift = Drift::none();
    let names = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<&str> = names.collect();
        Shown::text(if names.is_empty() { "nobody".to_owned() } else { names.join(", ") })
    };
    for difference in differences {
        match difference {
            Difference::Missing => {
                drift.add("state", Shown::Absent, Shown::text("exists"));
                if let Some(gid) = spec.gid {
                    drift.add("gid", Shown::Absent, Shown::text(gid.to_string()));
                }
                if let Some(members) = spec.members.as_ref().filter(|members| !members.is_empty()) {
                    drift.add("members", Shown::Absent, names(&mut members.iter().map(|name| &**name)));
                }
            }
            Difference::Unwanted => drift.add("state", Shown::text("exists"), Shown::Absent),
            Difference::Gid(gid) => {
                let wanted = spec.gid.unwrap_or_default().to_string();
                drift.add("gid", Shown::text(gid.to_string()), Shown::text(wanted));
            }
            Difference::Members(is) => {
                let is = names(&mut is.iter().map(|name| &**name));
                drift.add("members", is, names(&mut spec.members.iter().flatten().map(|name| &**name)));
            }
        }
    }
    drift
}

/// The first tool to run about these differences. What is left is seen in the files after it.
pub fn next(spec: &Spec, differences: &[Difference]) -> Option<Step> {
    let name = spec.name.to_string();
    let words = match differences.first()? {
        Difference::Missing => {
            let mut words = vec!["groupadd".to_owned()];
            words.extend(spec.gid.iter().flat_map(|gid| ["-g".to_owned(), gid.to_string()]));
            words.extend(spec.system.then(|| "-r".to_owned()));
            words.push(name);
            words
        }
        Difference::Unwanted => vec!["groupdel".to_owned(), name],
        Difference::Gid(_) => vec!["groupmod".to_owned(), "-g".to_owned(), spec.gid?.to_string(), name],
        Difference::Members(_) => {
            let members: Vec<&str> = spec.members.as_ref()?.iter().map(|name| &**name).collect();
            vec!["gpasswd".to_owned(), "-M".to_owned(), members.join(","), name]
        }
    };
    Some(Step::of(words))
}

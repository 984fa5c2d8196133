//! What could be installed. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PackageName;
use super::version::compare;

/// What could be installed of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The version that is installed where none is asked for; `None`: none would be.
    pub candidate: Option<Arc<str>>,
    /// All versions that some repository has, newest first.
    pub versions: Vec<Arc<str>>,
    /// For a name that is no package: those that provide it.
    pub providers: Vec<Arc<str>>,
}

/// What could be installed, of versions that were told in any order and more than once: the newest is installed.
pub(super) fn of_versions<'a>(
    told: impl IntoIterator<Item = (&'a PackageName, &'a str)>,
) -> BTreeMap<PackageName, Offered> {
    let mut found: BTreeMap<PackageName, Offered> = BTreeMap::new();
    for (name, version) in told {
        let versions = &mut found.entry(name.clone()).or_default().versions;
        if versions.iter().all(|known| **known != *version) {
            versions.push(version.into());
        }
    }
    for offered in found.values_mut() {
        offered.versions.sort_by(|a, b| compare(b, a));
        offered.candidate = offered.versions.first().cloned();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_there_once_and_the_newest_first() {
        let [a, b] = ["a", "b"].map(PackageName::parse);
        let found = of_versions([(&a, "1.9"), (&b, "1"), (&a, "1.10"), (&a, "1.9")]);
        assert_eq!(found[&a].versions, ["1.10".into(), "1.9".into()]);
        assert_eq!(found[&a].candidate.as_deref(), Some("1.10"));
        assert_eq!(found[&b].versions.len(), 1);
        assert_eq!(found.len(), 2);
    }
}

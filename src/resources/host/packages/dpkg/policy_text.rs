//! What apt-cache says of what could be installed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::resources::host::packages::Offered;

/// Reads the answer of `apt-cache policy`. Names that apt has never heard of are not in it.
pub fn policy(text: &str) -> BTreeMap<Arc<str>, Offered> {
    let mut found: BTreeMap<Arc<str>, Offered> = BTreeMap::new();
    let mut present: Option<&mut Offered> = None;
    let mut version: Option<&str> = None;
    for line in text.lines() {
        if !line.starts_with(' ') {
            let name = line.trim_end().trim_end_matches(':');
            present = (!name.is_empty()).then(|| found.entry(name.into()).or_default());
            version = None;
            continue;
        }
        let Some(offered) = present.as_deref_mut() else { continue };
        if let Some(candidate) = line.trim_start().strip_prefix("Candidate: ") {
            offered.candidate = Some(candidate.trim()).filter(|it| *it != "(none)").map(Arc::from);
        } else if let Some(row) = version_row(line) {
            version = Some(row);
        } else if let Some(version) = version
            && is_source(line)
            && offered.versions.last().is_none_or(|last| **last != *version)
        {
            offered.versions.push(version.into());
        }
    }
    found
}

/// The version in ` *** 1.0 500` or `     1.0 500`.
fn version_row(line: &str) -> Option<&str> {
    let row = line.strip_prefix(" *** ").or_else(|| line.strip_prefix("     "))?;
    (!row.starts_with(' ')).then(|| row.split_whitespace().next())?
}

/// Whether this line names a place that a version can be had from: what is installed is not one.
fn is_source(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_priority = words.next().is_some_and(|word| word.parse::<i32>().is_ok());
    is_priority && words.next().is_some_and(|place| !place.ends_with("/dpkg/status"))
}

/// Reads the answer of `apt-cache showpkg`: by name, who provides it.
pub fn providers(text: &str) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut found: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    let (mut name, mut in_list) = (None::<Arc<str>>, false);
    for line in text.lines() {
        if let Some(package) = line.strip_prefix("Package: ") {
            (name, in_list) = (Some(package.trim().into()), false);
        } else if line.starts_with("Reverse Provides:") {
            in_list = true;
        } else if in_list
            && let Some(name) = &name
            && let Some(provider) = line.split_whitespace().next()
            && !provider.contains(':')
        {
            let known = found.entry(name.clone()).or_default();
            if known.iter().all(|other| **other != *provider) {
                known.push(provider.into());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "\
nginx:
  Installed: (none)
  Candidate: 1.22.1-9+deb12u10
  Version table:
     1.22.1-9+deb12u10 500
        500 http://mirror/debian-security bookworm-security/main amd64 Packages
     1.22.1-9+deb12u9 500
        500 http://mirror/debian bookworm/main amd64 Packages
        500 http://other/debian bookworm/main amd64 Packages
dpkg:
  Installed: 1.21.22
  Candidate: 1.21.23
  Version table:
     1.21.23 500
        500 http://mirror/debian bookworm/main amd64 Packages
 *** 1.21.22 100
        100 /var/lib/dpkg/status
mail-transport-agent:
  Installed: (none)
  Candidate: (none)
  Version table:
";

    #[test]
    fn candidates_and_the_versions_that_can_be_had_are_read() {
        let found = policy(POLICY);
        let texts = |name: &str| {
            let offered = &found[name];
            let versions: Vec<&str> = offered.versions.iter().map(|version| &**version).collect();
            (offered.candidate.as_deref(), versions)
        };
        assert_eq!(
            texts("nginx"),
            (Some("1.22.1-9+deb12u10"), vec!["1.22.1-9+deb12u10", "1.22.1-9+deb12u9"])
        );
        assert_eq!(texts("dpkg"), (Some("1.21.23"), vec!["1.21.23"]));
        assert_eq!(texts("mail-transport-agent"), (None, vec![]));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn providers_are_read_once_each() {
        let text = "Package: awk\nVersions: \n\nReverse Depends: \n  base-files,awk\nDependencies: \nProvides: \n\
                    Reverse Provides: \nmawk 1.3 (= )\nmawk 1.2 (= )\nmawk:i386 1.3 (= )\ngawk 5 (= )\n\
                    Package: none\nVersions: \nReverse Provides: \n";
        let found = providers(text);
        assert_eq!(found["awk"], ["mawk".into(), "gawk".into()]);
        assert!(!found.contains_key("none"));
    }
}

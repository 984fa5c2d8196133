//! What is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::PackageName;

/// What is installed, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    rows: BTreeMap<Arc<str>, Vec<Row>>,
    /// By the name that is provided: who does.
    provided: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The host's own architecture; empty: unknown.
    native: Arc<str>,
    /// A transaction was broken off.
    pub interrupted: bool,
}

/// A package that the database knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its architecture.
    pub arch: Arc<str>,
    /// How far it is installed.
    pub status: Status,
    /// Its version.
    pub version: Arc<str>,
    /// It stays at this version.
    pub held: bool,
    /// It must be installed again.
    pub must_reinstall: bool,
}

/// How far a package is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not, but its configuration files are still there.
    ConfigFiles,
    /// Half: what is the matter, in a word or two.
    Half(&'static str),
    /// Wholly.
    Configured,
}

/// How one package stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Nothing of it is here.
    Absent,
    /// It is not here, but another package that provides it.
    Provided(&'a str),
    /// The database knows it.
    Known(&'a Row),
}

impl Installed {
    /// Nothing yet, on a host of this architecture.
    pub fn on(native: impl Into<Arc<str>>) -> Self {
        Self { native: native.into(), ..Self::default() }
    }

    /// Says which architecture is the host's own.
    pub fn set_native(&mut self, native: Arc<str>) {
        self.native = native;
    }

    /// Adds a package.
    pub fn add(&mut self, name: Arc<str>, row: Row) {
        self.rows.entry(name).or_default().push(row);
    }

    /// A package that is there provides a name.
    pub fn add_provided(&mut self, name: Arc<str>, by: Arc<str>) {
        self.provided.entry(name).or_default().insert(by);
    }

    /// How a package stands. Without an architecture only the host's own counts.
    pub fn standing(&self, name: &PackageName) -> Standing<'_> {
        let fits = |row: &&Row| match &name.arch {
            Some(arch) => row.arch == *arch || is_any(&row.arch),
            None => self.native.is_empty() || row.arch == self.native || is_any(&row.arch),
        };
        let row = self.rows.get(&name.name).and_then(|rows| rows.iter().find(fits));
        if let Some(row) = row
            && row.status != Status::ConfigFiles
        {
            return Standing::Known(row);
        }
        let provider = self.provided.get(&name.name).and_then(BTreeSet::first);
        match (provider, row) {
            (Some(provider), _) => Standing::Provided(provider),
            (None, Some(row)) => Standing::Known(row),
            (None, None) => Standing::Absent,
        }
    }

    /// Whether some package is half installed.
    pub fn has_half(&self) -> bool {
        self.rows.values().flatten().any(|row| matches!(row.status, Status::Half(_)))
    }

    /// How many packages are known.
    pub fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Whether a package of this architecture is for all.
fn is_any(arch: &str) -> bool {
    matches!(arch, "all" | "noarch" | "any")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(arch: &str, status: Status) -> Row {
        Row { arch: arch.into(), status, version: "1".into(), held: false, must_reinstall: false }
    }

    #[test]
    fn a_package_without_an_architecture_is_that_of_the_host() {
        let mut installed = Installed::on("amd64");
        installed.add("libc6".into(), row("i386", Status::Configured));
        let standing = |installed: &Installed, name| match installed.standing(&PackageName::parse(name)) {
            Standing::Known(row) => row.arch.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(standing(&installed, "libc6"), "Absent");
        assert_eq!(standing(&installed, "libc6:i386"), "i386");
        installed.add("libc6".into(), row("amd64", Status::Configured));
        assert_eq!(standing(&installed, "libc6"), "amd64");
        installed.add("base-files".into(), row("all", Status::Configured));
        assert_eq!(standing(&installed, "base-files"), "all");
        assert_eq!(standing(&installed, "base-files:amd64"), "all");
    }

    #[test]
    fn a_name_that_another_package_provides_is_there() {
        let mut installed = Installed::on("amd64");
        installed.add("awk".into(), row("amd64", Status::ConfigFiles));
        assert!(matches!(installed.standing(&PackageName::parse("awk")), Standing::Known(_)));
        installed.add_provided("awk".into(), "mawk".into());
        assert_eq!(installed.standing(&PackageName::parse("awk")), Standing::Provided("mawk"));
    }
}

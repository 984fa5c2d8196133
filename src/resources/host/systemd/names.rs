//! Names of units, and the paths under which D-Bus knows them. Pure.

use std::fmt;
use std::sync::Arc;

/// All types of units: systemd.unit(5).
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];
/// The longest name, in bytes: `UNIT_NAME_MAX` of systemd.
const LONGEST: usize = 255;
/// Where D-Bus has the units.
const UNITS: &str = "/org/freedesktop/systemd1/unit/";

/// The valid full name of a unit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(Arc<str>);

/// Why something is no name of a unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is none.
    #[error("a unit needs a name")]
    Empty,
    /// It is longer than systemd takes.
    #[error("the name of a unit is at most 255 bytes long")]
    Long,
    /// It has a character that systemd does not take.
    #[error("{0:?} cannot be part of a unit's name")]
    Character(char),
    /// There is nothing before the suffix, or the `@`.
    #[error("{0:?} has no name before its suffix")]
    NoStem(Box<str>),
}

impl UnitName {
    /// The full name that is meant: without one of systemd's suffixes it is a service.
    ///
    /// # Errors
    /// When systemd knows no such names.
    pub fn new(given: &str) -> Result<Self, NameError> {
        Self::with_suffix(given, "service")
    }

    /// The full name that is meant, of this type if it has no suffix.
    ///
    /// # Errors
    /// When systemd knows no such names.
    pub fn with_suffix(given: &str, suffix: &str) -> Result<Self, NameError> {
        if given.is_empty() {
            return Err(NameError::Empty);
        }
        let is_full = given.rsplit_once('.').is_some_and(|(_, end)| SUFFIXES.contains(&end));
        let name = if is_full { given.to_owned() } else { format!("{given}.{suffix}") };
        if name.len() > LONGEST {
            return Err(NameError::Long);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if let Some(wrong) = name.chars().find(|c| !fits(*c)) {
            return Err(NameError::Character(wrong));
        }
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
        if stem.is_empty() || stem.starts_with('@') {
            return Err(NameError::NoStem(given.into()));
        }
        Ok(Self(name.into()))
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full name, shared.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// What stands before the suffix.
    pub fn stem(&self) -> &str {
        self.0.rsplit_once('.').map_or(&*self.0, |(stem, _)| stem)
    }

    /// The type, such as `service`.
    pub fn suffix(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, suffix)| suffix)
    }

    /// Whether it is `name@.service`, of which only instances can run.
    pub fn is_template(&self) -> bool {
        self.stem().ends_with('@')
    }

    /// The template of an instance: `a@.service` of `a@b.service`.
    pub fn template(&self) -> Option<String> {
        let (before, instance) = self.stem().split_once('@')?;
        (!instance.is_empty()).then(|| format!("{before}@.{}", self.suffix()))
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The object of a unit: whatever is neither letter nor digit becomes `_` and two hexadecimal digits, and so does a digit
/// at the beginning.
pub fn path_of(unit: &str) -> String {
    let mut path = UNITS.to_owned();
    for (at, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
            path.push(byte.into());
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

/// The unit of an object; `None`: it is none.
pub fn unit_at(path: &str) -> Option<String> {
    let mut bytes = path.strip_prefix(UNITS)?.bytes();
    let mut name = Vec::with_capacity(path.len() - UNITS.len());
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    while let Some(byte) = bytes.next() {
        if byte == b'_' {
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            name.push(u8::try_from(value).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok()
}

/// Where drop-ins of a unit may lie, below each folder of units: its own, those of its template, those of every prefix that
/// ends with a dash, and those of its type. The own ones come first, as they win.
pub fn drop_in_folders(unit: &str) -> Vec<String> {
    let Some((stem, suffix)) = unit.rsplit_once('.') else { return Vec::new() };
    let (plain, ends) = match stem.split_once('@') {
        None => (stem, vec![String::new()]),
        Some((plain, "")) => (plain, vec!["@".to_owned()]),
        Some((plain, instance)) => (plain, vec![format!("@{instance}"), "@".to_owned()]),
    };
    let mut folders = Vec::new();
    for end in ends {
        folders.push(format!("{plain}{end}.{suffix}.d"));
        folders.extend(dash_prefixes(plain).map(|prefix| format!("{prefix}{end}.{suffix}.d")));
    }
    folders.push(format!("{suffix}.d"));
    folders
}

/// `a-b-` and `a-` of `a-b-c`.
fn dash_prefixes(of: &str) -> impl Iterator<Item = &str> {
    let next = |rest: &str| rest.trim_end_matches('-').rfind('-').map(|at| at + 1);
    std::iter::successors(next(of).map(|end| &of[..end]), move |last| next(last).map(|end| &last[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_suffix_is_a_service() {
        for (given, full) in [
            ("nginx", "nginx.service"),
            ("nginx.service", "nginx.service"),
            ("cups.socket", "cups.socket"),
            ("a.b", "a.b.service"),
            ("getty@tty1", "getty@tty1.service"),
            ("dev-disk\\x2d1.mount", "dev-disk\\x2d1.mount"),
        ] {
            assert_eq!(UnitName::new(given).unwrap().as_str(), full);
        }
        assert_eq!(UnitName::with_suffix("backup", "timer").unwrap().as_str(), "backup.timer");
    }

    #[test]
    fn what_systemd_would_not_take_is_no_name() {
        assert_eq!(UnitName::new(""), Err(NameError::Empty));
        assert_eq!(UnitName::new("a b"), Err(NameError::Character(' ')));
        assert_eq!(UnitName::new("a/b.service"), Err(NameError::Character('/')));
        assert!(matches!(UnitName::new(".service"), Err(NameError::NoStem(_))));
        assert!(matches!(UnitName::new("@x.service"), Err(NameError::NoStem(_))));
        assert_eq!(UnitName::new(&"a".repeat(255)), Err(NameError::Long));
    }

    #[test]
    fn templates_and_instances_are_told_apart() {
        let name = |given| UnitName::new(given).unwrap();
        assert!(name("a@.service").is_template());
        assert!(!name("a@b").is_template() && !name("a").is_template());
        assert_eq!(name("a@b.socket").template().unwrap(), "a@.socket");
        assert_eq!(name("a@.socket").template(), None);
    }

    #[test]
    fn paths_are_escaped_and_back() {
        for (unit, path) in [
            ("sshd.service", "sshd_2eservice"),
            ("0x@a-b.service", "_30x_40a_2db_2eservice"),
            ("dev-disk\\x2d1.mount", "dev_2ddisk_5cx2d1_2emount"),
        ] {
            let path = format!("/org/freedesktop/systemd1/unit/{path}");
            assert_eq!(path_of(unit), path);
            assert_eq!(unit_at(&path).as_deref(), Some(unit));
        }
        assert_eq!(unit_at("/org/freedesktop/systemd1"), None);
        assert_eq!(unit_at("/org/freedesktop/systemd1/unit/a_2"), None);
    }

    #[test]
    fn drop_ins_of_prefixes_templates_and_types_count() {
        assert_eq!(drop_in_folders("a.service"), ["a.service.d", "service.d"]);
        assert_eq!(
            drop_in_folders("a-b-c.service"),
            ["a-b-c.service.d", "a-b-.service.d", "a-.service.d", "service.d"]
        );
        assert_eq!(drop_in_folders("a--b-.service"), ["a--b-.service.d", "a--.service.d", "service.d"]);
        assert_eq!(drop_in_folders("a@b.service"), ["a@b.service.d", "a@.service.d", "service.d"]);
        assert_eq!(
            drop_in_folders("a-b@c.service"),
            ["a-b@c.service.d", "a-@c.service.d", "a-b@.service.d", "a-@.service.d", "service.d"]
        );
        assert_eq!(drop_in_folders("a-b@.service"), ["a-b@.service.d", "a-@.service.d", "service.d"]);
    }
}

//! What an archive may hold. Archives come from elsewhere: nothing in them is believed.

use std::path::{Component, Path, PathBuf};

/// Bytes that any archive may unpack to, whatever its own size.
const SMALL: u64 = 64 << 20;
/// So many times its own size an archive may unpack to, beyond what is small. Text packs ten to a hundred times.
const RATIO: u64 = 1000;

/// Why an archive is not unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name that is no relative path within.
    #[error("the name {name:?} leads out of the archive")]
    Name {
        /// The name.
        name: String,
    },
    /// A link to something outside.
    #[error("the link {name:?} leads out of the archive, to {target:?}")]
    Link {
        /// The link.
        name: String,
        /// Where it points.
        target: String,
    },
    /// Something below a link.
    #[error("{name:?} would be written through a link")]
    Through {
        /// The name.
        name: String,
    },
    /// A device or the like.
    #[error("{name:?} is {what}, which archives may not bring")]
    Kind {
        /// The name.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A name twice, of different types.
    #[error("{name:?} is in it twice, as different things")]
    Twice {
        /// The name.
        name: String,
    },
    /// Too many entries.
    #[error("it holds more than {limit} entries")]
    Count {
        /// The bound.
        limit: usize,
    },
    /// Too many bytes.
    #[error("it unpacks to more than {limit} bytes")]
    Size {
        /// The bound.
        limit: u64,
    },
    /// Nothing is left of its names.
    #[error("`strip: {strip}` leaves nothing of it: its longest name has {parts} part{}", if *parts == 1 { "" } else { "s" })]
    Stripped {
        /// So many names are taken off.
        strip: u32,
        /// So many the longest has.
        parts: usize,
    },
    /// Too many bytes for so few.
    #[error("it unpacks to more than {RATIO} times its size")]
    Ratio,
}

/// Where an entry goes, below the target, without its first `strip` names; `None`: nowhere, all of its names are
/// stripped.
///
/// # Errors
/// For names that are not within.
pub fn place(name: &str, strip: u32) -> Result<Option<PathBuf>, Refusal> {
    let refuse = || Refusal::Name { name: name.to_owned() };
    if name.contains('\0') {
        return Err(refuse());
    }
    let mut parts = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(refuse()),
        }
    }
    let strip = usize::try_from(strip).unwrap_or(usize::MAX).min(parts.len());
    let rest: PathBuf = parts[strip..].iter().collect();
    Ok((!rest.as_os_str().is_empty()).then_some(rest))
}

/// Whether a link at `place` that points to `target` stays within, by its names.
pub fn stays(place: &Path, target: &str) -> bool {
    let mut depth = place.components().count().saturating_sub(1);
    for component in Path::new(target).components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    !target.is_empty() && !target.contains('\0')
}

/// How much has been unpacked, and how much may be.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    packed: u64,
    entries: usize,
    most_entries: usize,
    bytes: u64,
}

impl Budget {
    /// For an archive of `packed` bytes that may unpack to `limit`.
    pub fn new(packed: u64, limit: u64, most_entries: usize) -> Self {
        Self { limit, packed, entries: 0, most_entries, bytes: 0 }
    }

    /// Another entry.
    ///
    /// # Errors
    /// When there are too many.
    pub fn entry(&mut self) -> Result<(), Refusal> {
        self.entries += 1;
        if self.entries > self.most_entries {
            return Err(Refusal::Count { limit: self.most_entries });
        }
        Ok(())
    }

    /// More bytes.
    ///
    /// # Errors
    /// When there are too many, or too many for an archive of this size.
    pub fn bytes(&mut self, more: usize) -> Result<(), Refusal> {
        self.bytes += more as u64;
        if self.bytes > self.limit {
            return Err(Refusal::Size { limit: self.limit });
        }
        if self.bytes > SMALL && self.bytes / RATIO > self.packed {
            return Err(Refusal::Ratio);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_and_lose_their_first_parts() {
        for (name, strip, found) in [
            ("a/b", 0, Some("a/b")),
            ("./a//b/", 0, Some("a/b")),
            ("a/b", 1, Some("b")),
            ("a", 1, None),
            ("a/b", 5, None),
            (".", 0, None),
            ("...", 0, Some("...")),
        ] {
            assert_eq!(place(name, strip), Ok(found.map(PathBuf::from)), "{name} {strip}");
        }
        for name in ["/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"] {
            assert!(place(name, 0).is_err(), "{name}");
        }
    }

    #[test]
    fn links_stay_within() {
        for (at, target, stays_within) in [
            ("a", "b", true),
            ("a/b", "../c", true),
            ("a", "../c", false),
            ("a/b", "../../c", false),
            ("a/b", "c/../../d", true),
            ("a", "/etc/passwd", false),
            ("a", "", false),
        ] {
            assert_eq!(stays(Path::new(at), target), stays_within, "{at} -> {target}");
        }
    }

    #[test]
    fn bombs_are_told_by_size_ratio_and_count() {
        let mut budget = Budget::new(1000, 1 << 30, 2);
        assert_eq!(budget.bytes(1 << 20), Ok(()));
        assert_eq!(budget.bytes(100 << 20), Err(Refusal::Ratio));
        let mut budget = Budget::new(1 << 30, 100, 2);
        assert_eq!(budget.bytes(101), Err(Refusal::Size { limit: 100 }));
        assert_eq!((budget.entry(), budget.entry()), (Ok(()), Ok(())));
        assert_eq!(budget.entry(), Err(Refusal::Count { limit: 2 }));
    }
}

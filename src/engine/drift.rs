//! What differs between the system and what is wanted: the one value that noop, plan, logs and reports read.

use std::fmt;
use std::sync::Arc;

/// All differences of one resource or group. Empty: nothing differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift(Vec<DriftItem>);

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftItem {
    /// The index of the group member; 0 for a resource of its own.
    pub member: u32,
    /// What differs: a parameter's name, or what the item is about, such as `refresh`.
    pub what: &'static str,
    /// How the system is.
    pub found: Shown,
    /// How it should be.
    pub wanted: Shown,
    /// What applying it counts as.
    pub weight: Weight,
}

/// What applying an item counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A change: it refreshes successors and restarts the quiet clock.
    Change,
    /// A beat, such as a timer's tick: it refreshes successors, and the graph stays quiet.
    Beat,
    /// Something that others are told, such as an export: counted and told as a change, but this host is as it was, so
    /// it refreshes nobody and the graph stays quiet.
    Aside,
}

/// A side of a difference, small enough to keep: content is its size and digest.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// There is none.
    Absent,
    /// Text to show as it is.
    Text(Arc<str>),
    /// Content, not kept.
    Content {
        /// Bytes.
        size: u64,
        /// SHA-256; `None` where sizes alone already differ.
        sha256: Option<[u8; 32]>,
    },
}

impl Shown {
    /// Text to show.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Text(text) => f.write_str(text),
            Self::Content { size, sha256 } => {
                write!(f, "{size} bytes")?;
                if let Some(digest) = sha256 {
                    f.write_str(" sha256:")?;
                    for byte in &digest[..6] {
                        write!(f, "{byte:02x}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for DriftItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.what, self.found, self.wanted)
    }
}

impl Drift {
    /// Nothing differs.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a difference of a resource of its own.
    pub fn add(&mut self, what: &'static str, found: Shown, wanted: Shown) {
        self.add_member(0, what, found, wanted);
    }

    /// Adds a difference of a group's member.
    pub fn add_member(&mut self, member: u32, what: &'static str, found: Shown, wanted: Shown) {
        self.0.push(DriftItem { member, what, found, wanted, weight: Weight::Change });
    }

    /// Adds any item.
    pub fn push(&mut self, item: DriftItem) {
        self.0.push(item);
    }

    /// All differences.
    pub fn iter(&self) -> impl Iterator<Item = &DriftItem> {
        self.0.iter()
    }

    /// Whether something of this name differs.
    pub fn has(&self, what: &str) -> bool {
        self.0.iter().any(|item| item.what == what)
    }

    /// Whether a member has a difference.
    pub fn has_member(&self, member: u32) -> bool {
        self.0.iter().any(|item| item.member == member)
    }

    /// The differences of one member of a group, as those of a resource of its own.
    #[must_use]
    pub fn of(&self, member: u32) -> Self {
        let own = self.0.iter().filter(|item| item.member == member);
        Self(own.map(|item| DriftItem { member: 0, ..item.clone() }).collect())
    }

    /// Adds the differences of a resource of its own as those of a member of a group.
    pub fn join(&mut self, member: u32, own: &Self) {
        self.0.extend(own.0.iter().map(|item| DriftItem { member, ..item.clone() }));
    }

    /// Hides both sides of the items for which `is_secret` holds, given their member and name.
    pub fn mask(&mut self, is_secret: impl Fn(u32, &str) -> bool) {
        for item in self.0.iter_mut().filter(|item| is_secret(item.member, item.what)) {
            item.found = Shown::text("(sensitive)");
            item.wanted = Shown::text("(sensitive)");
        }
    }

    /// The items for which `belongs` holds, and the others.
    pub fn partition(self, belongs: impl Fn(&DriftItem) -> bool) -> (Self, Self) {
        let (these, others) = self.0.into_iter().partition(belongs);
        (Self(these), Self(others))
    }

    /// Whether applying this restarts the quiet clock.
    pub fn is_change(&self) -> bool {
        self.0.iter().any(|item| item.weight == Weight::Change)
    }

    /// Whether applying this refreshes successors.
    pub fn refreshes(&self) -> bool {
        self.0.iter().any(|item| matches!(item.weight, Weight::Change | Weight::Beat))
    }

    /// Whether applying this is counted and told.
    pub fn is_told(&self) -> bool {
        self.0.iter().any(|item| matches!(item.weight, Weight::Change | Weight::Aside))
    }
}

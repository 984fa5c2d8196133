//! What a host tells of itself, as it is stored: what others read, and what the steward decides by.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::steward::{DataDir, Volunteers};
use super::{Options, Volunteer};
use crate::cluster::store::id::MemberId;
use crate::cluster::world::StoredCard;

/// What the steward decides by, beside what others read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Offer {
    /// Whether it would serve.
    pub volunteers: Volunteer,
    /// What is free on its disk, in bytes.
    pub disk_free_bytes: u64,
    /// Its memory, in bytes.
    pub memory_bytes: u64,
    /// Where its store would be reached; absent: it listens nowhere.
    pub peer: Option<String>,
    /// The member whose data it has, in hexadecimal; absent: it has none.
    pub member: Option<String>,
    /// It stopped cleanly, and is expected back.
    pub stopped: bool,
    /// It leaves for good.
    pub leaves: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            volunteers: Volunteer::Never,
            disk_free_bytes: 0,
            memory_bytes: 0,
            peer: None,
            member: None,
            stopped: false,
            leaves: false,
        }
    }
}

impl Offer {
    /// What this host offers.
    pub fn of(options: &Options, peer: Option<String>, member: Option<MemberId>) -> Self {
        Self {
            volunteers: options.volunteer,
            disk_free_bytes: disk_free(&options.folder),
            memory_bytes: memory(),
            peer,
            member: member.map(|member| member.to_string()),
            stopped: false,
            leaves: false,
        }
    }

    /// Whether it would serve, in the steward's words.
    pub fn willing(&self) -> Volunteers {
        match self.volunteers {
            Volunteer::Never => Volunteers::Never,
            Volunteer::Yes => Volunteers::Yes,
            Volunteer::Prefers => Volunteers::Prefers,
        }
    }

    /// What is in its data directory.
    pub fn data(&self) -> DataDir {
        let member = self.member.as_deref().and_then(|id| u64::from_str_radix(id, 16).ok());
        member.map_or(DataDir::Fresh, |id| DataDir::Of(MemberId(id)))
    }

    /// In the part of a card that not every version knows.
    pub fn write(&self, unknown: &mut BTreeMap<String, serde_json::Value>) {
        let offer = serde_json::to_value(self).expect("texts and numbers can be written");
        unknown.insert("store".to_owned(), offer);
    }

    /// Of a card.
    pub fn read(card: &StoredCard) -> Self {
        let offer = card.unknown.get("store").cloned();
        offer.and_then(|offer| serde_json::from_value(offer).ok()).unwrap_or_default()
    }
}

/// What is free where a folder is, in bytes; 0: it cannot be told.
pub(super) fn disk_free(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize))
}

/// The machine's memory, in bytes; 0: it cannot be told.
pub(super) fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total_kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    total_kib.unwrap_or(0) * 1024
}

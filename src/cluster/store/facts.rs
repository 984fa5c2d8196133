//! What the members have told of themselves and agreed on: kept for others, nothing here depends on it.

use std::collections::BTreeMap;

use super::id::MemberId;

/// What the members have told of themselves and agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version that all members can keep to, such as `3.5.0`.
    pub version: Option<String>,
    /// To which version a downgrade is under way.
    pub downgrade: Option<String>,
    /// What each member tells.
    pub attributes: BTreeMap<MemberId, Attributes>,
}

/// What a member tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Its name.
    pub name: String,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
}

impl Facts {
    pub(super) fn describe(&mut self, id: MemberId, name: String, client_urls: Vec<String>) {
        self.attributes.insert(id, Attributes { name, client_urls });
    }

    pub(super) fn set_version(&mut self, version: String) {
        self.version = Some(version);
    }

    pub(super) fn set_downgrade(&mut self, enabled: bool, target: String) {
        self.downgrade = enabled.then_some(target);
    }
}

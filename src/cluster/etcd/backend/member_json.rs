//! Changes of members as entries of the log: etcd keeps the member as JSON in them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cluster::raft::wire::{ConfChange, ConfChangeType};
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::{LogLevel, Member, MemberChange};

/// A member in etcd's JSON; also what its backend keeps of one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemberJson {
    id: u64,
    #[serde(rename = "peerURLs", deserialize_with = "or_none")]
    peer_urls: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_learner: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(rename = "clientURLs", skip_serializing_if = "Vec::is_empty", deserialize_with = "or_none")]
    client_urls: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_promote: bool,
    /// Not of etcd, which passes over it.
    #[serde(skip_serializing_if = "is_zero")]
    log_level: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(level: &u32) -> bool {
    *level == 0
}

/// etcd writes `null` for an empty list.
fn or_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(from)?.unwrap_or_default())
}

impl From<&Member> for MemberJson {
    fn from(member: &Member) -> Self {
        Self {
            id: member.id.0,
            peer_urls: member.peer_urls.clone(),
            is_learner: member.learner,
            name: member.name.clone(),
            client_urls: member.client_urls.clone(),
            is_promote: false,
            log_level: member.level.0,
        }
    }
}

impl From<MemberJson> for Member {
    fn from(json: MemberJson) -> Self {
        Self {
            id: MemberId(json.id),
            name: json.name,
            peer_urls: json.peer_urls,
            client_urls: json.client_urls,
            learner: json.is_learner,
            level: LogLevel(json.log_level),
        }
    }
}

impl MemberJson {
    /// As text.
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("strings and numbers are JSON").into()
    }

    /// From text.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

/// A change of one member as an entry; `None`: it is no such change.
pub fn to_entry(id: u64, change: &MemberChange) -> Option<ConfChange> {
    let (kind, node, json) = match change {
        MemberChange::Add(member) => {
            let kind = if member.learner { ConfChangeType::AddLearnerNode } else { ConfChangeType::AddNode };
            (kind, member.id, Some(MemberJson::from(member)))
        }
        MemberChange::Promote(member) => {
            let json = MemberJson { id: member.0, is_promote: true, ..MemberJson::default() };
            (ConfChangeType::AddNode, *member, Some(json))
        }
        MemberChange::Remove(member) => (ConfChangeType::RemoveNode, *member, None),
        MemberChange::PeerUrls { id, peer_urls } => {
            let json = MemberJson { id: id.0, peer_urls: peer_urls.clone(), ..MemberJson::default() };
            (ConfChangeType::UpdateNode, *id, Some(json))
        }
        MemberChange::Exchange { .. } | MemberChange::Demote(_) | MemberChange::Attributes { .. } => {
            return None;
        }
    };
    let context = json.map(|json| json.to_bytes()).unwrap_or_default();
    Some(ConfChange { id, r#type: kind.into(), node_id: node.0, context })
}

/// An entry as a change.
pub fn from_entry(change: &ConfChange) -> Result<MemberChange, serde_json::Error> {
    let id = MemberId(change.node_id);
    if change.r#type() == ConfChangeType::RemoveNode {
        return Ok(MemberChange::Remove(id));
    }
    let json = MemberJson::parse(&change.context)?;
    Ok(match change.r#type() {
        ConfChangeType::UpdateNode => MemberChange::PeerUrls { id, peer_urls: json.peer_urls },
        ConfChangeType::AddNode if json.is_promote => MemberChange::Promote(id),
        kind => {
            let learner = kind == ConfChangeType::AddLearnerNode;
            MemberChange::Add(Member { id, learner, ..Member::from(json) })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_read_as_it_was_written() {
        let member = Member { id: MemberId(7), peer_urls: vec!["http://a:1".into()], ..Member::default() };
        let learner = Member { learner: true, ..member.clone() };
        for change in [
            MemberChange::Add(member),
            MemberChange::Add(learner),
            MemberChange::Promote(MemberId(7)),
            MemberChange::Remove(MemberId(7)),
            MemberChange::PeerUrls { id: MemberId(7), peer_urls: vec!["http://b:2".into()] },
        ] {
            let entry = to_entry(9, &change).expect("a change of the consensus");
            assert_eq!(entry.id, 9);
            assert_eq!(from_entry(&entry).unwrap(), change);
        }
    }

    #[test]
    fn etcds_own_words_are_read() {
        let json = br#"{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default","clientURLs":null}"#;
        let member = Member::from(MemberJson::parse(json).unwrap());
        assert_eq!(member.id.to_string(), "8e9e05c52164694d");
        assert_eq!((member.name.as_str(), member.client_urls.len()), ("default", 0));
    }
}

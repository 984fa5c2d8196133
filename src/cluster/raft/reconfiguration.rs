//! A change of members: as it is asked for, and as an entry of the log.
//!
//! One member's change is etcd's own `ConfChange`. A change of two members at once, and the demotion of a voter, are
//! `ConfChangeV2`, which etcd's Raft knows and its server does not use.

use bytes::Bytes;
use prost::Message as _;
use raft::eraftpb;

use super::wire::{
    self, ChangeContext, ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2,
};
use super::{MemberId, ProposalId};

/// A change of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconfiguration {
    /// One member is added, promoted, removed or described anew.
    Single(wire::ConfChange),
    /// A learner gets the vote of a voter, which becomes a learner: by one joint change, so that the electorate has the
    /// same size before and after it, and no moment needs the one that is silent.
    Exchange {
        /// Who asked.
        id: ProposalId,
        /// A learner.
        promote: MemberId,
        /// A voter.
        demote: MemberId,
    },
    /// A voter becomes a learner.
    Demotion {
        /// Who asked.
        id: ProposalId,
        /// A voter.
        member: MemberId,
    },
    /// A joint change is over: from now on the new voters decide alone. Nobody asks for it: a leader does it.
    Leave,
}

/// Why an entry is no change of members.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be decoded.
    #[error("cannot decode a change of members: {0}")]
    Decode(#[from] prost::DecodeError),
    /// It changes what no member of this version changes.
    #[error("a change of several members is none that is known here: {0:?}")]
    Unknown(ConfChangeV2),
    /// It is of another kind.
    #[error("an entry of kind {0:?} changes no members")]
    NoChange(wire::EntryType),
}

impl Reconfiguration {
    /// Under which id it is answered; `None`: nobody waits for it.
    pub fn id(&self) -> Option<ProposalId> {
        match self {
            Self::Single(change) => Some(ProposalId(change.id)),
            Self::Exchange { id, .. } | Self::Demotion { id, .. } => Some(*id),
            Self::Leave => None,
        }
    }

    /// As an entry of the log, without its place.
    pub fn entry(&self) -> wire::Entry {
        let (kind, data) = match self {
            Self::Single(change) => (wire::EntryType::ConfChange, change.encode_to_vec().into()),
            // As etcd's Raft writes it: with nothing in it.
            Self::Leave => (wire::EntryType::ConfChangeV2, Bytes::new()),
            Self::Exchange { .. } | Self::Demotion { .. } => {
                (wire::EntryType::ConfChangeV2, self.joint().encode_to_vec().into())
            }
        };
        wire::Entry { r#type: kind.into(), data, ..Default::default() }
    }

    /// What an entry changes.
    pub fn read(entry: &wire::Entry) -> Result<Self, ReadError> {
        match entry.r#type() {
            wire::EntryType::Normal => Err(ReadError::NoChange(wire::EntryType::Normal)),
            wire::EntryType::ConfChange => Ok(Self::Single(wire::ConfChange::decode(entry.data.clone())?)),
            wire::EntryType::ConfChangeV2 => Self::read_joint(ConfChangeV2::decode(entry.data.clone())?),
        }
    }

    fn read_joint(change: ConfChangeV2) -> Result<Self, ReadError> {
        let id = ProposalId(ChangeContext::decode(change.context.clone())?.id);
        let parts: Vec<(Option<ConfChangeType>, MemberId)> = change
            .changes
            .iter()
            .map(|part| (ConfChangeType::try_from(part.r#type).ok(), MemberId(part.node_id)))
            .collect();
        let auto = change.transition == i32::from(ConfChangeTransition::Auto);
        match parts[..] {
            [] if auto => Ok(Self::Leave),
            [(Some(ConfChangeType::AddLearnerNode), member)] if auto => Ok(Self::Demotion { id, member }),
            [(Some(ConfChangeType::AddNode), promote), (Some(ConfChangeType::AddLearnerNode), demote)]
                if auto =>
            {
                Ok(Self::Exchange { id, promote, demote })
            }
            _ => Err(ReadError::Unknown(change)),
        }
    }

    /// The change of several members that it is; empty for one that is none.
    fn joint(&self) -> ConfChangeV2 {
        let part = |kind: ConfChangeType, member: MemberId| ConfChangeSingle {
            r#type: kind.into(),
            node_id: member.0,
        };
        let changes = match self {
            Self::Exchange { promote, demote, .. } => {
                vec![part(ConfChangeType::AddNode, *promote), part(ConfChangeType::AddLearnerNode, *demote)]
            }
            Self::Demotion { member, .. } => vec![part(ConfChangeType::AddLearnerNode, *member)],
            Self::Single(_) | Self::Leave => Vec::new(),
        };
        let context = self.id().map(|id| ChangeContext { id: id.0 }.encode_to_vec()).unwrap_or_default();
        ConfChangeV2 { transition: ConfChangeTransition::Auto.into(), changes, context: context.into() }
    }

    /// Whether it takes a member's vote, among these members.
    pub(super) fn unseats(&self, member: MemberId, among: &wire::ConfState) -> bool {
        match self {
            Self::Single(change) => {
                let takes =
                    matches!(change.r#type(), ConfChangeType::RemoveNode | ConfChangeType::AddLearnerNode);
                takes && change.node_id == member.0
            }
            Self::Exchange { demote, .. } => *demote == member,
            Self::Demotion { member: demoted, .. } => *demoted == member,
            Self::Leave => !among.voters.contains(&member.0),
        }
    }

    /// Whether it means these members. One that does not has no effect: the `raft` crate would add a voter that nobody
    /// knows, for want of a learner to promote.
    pub(super) fn fits(&self, among: &wire::ConfState) -> bool {
        let joint = !among.voters_outgoing.is_empty();
        let votes = |member: &MemberId| among.voters.contains(&member.0);
        match self {
            Self::Single(_) => !joint,
            Self::Exchange { promote, demote, .. } => {
                !joint && among.learners.contains(&promote.0) && votes(demote)
            }
            Self::Demotion { member, .. } => !joint && votes(member) && among.voters.len() > 1,
            Self::Leave => joint,
        }
    }

    /// As the `raft` crate wants it; `None`: it is none of its business.
    pub(super) fn to_raft(&self) -> Option<eraftpb::ConfChangeV2> {
        let parts = match self {
            Self::Single(change) => {
                vec![ConfChangeSingle { r#type: change.r#type, node_id: change.node_id }]
            }
            other => other.joint().changes,
        };
        let mut made = eraftpb::ConfChangeV2::default();
        for part in parts {
            let mut single = eraftpb::ConfChangeSingle { node_id: part.node_id, ..Default::default() };
            single.set_change_type(match part.r#type() {
                ConfChangeType::AddNode => eraftpb::ConfChangeType::AddNode,
                ConfChangeType::RemoveNode => eraftpb::ConfChangeType::RemoveNode,
                ConfChangeType::AddLearnerNode => eraftpb::ConfChangeType::AddLearnerNode,
                ConfChangeType::UpdateNode => return None,
            });
            made.mut_changes().push(single);
        }
        Some(made)
    }
}

impl From<wire::ConfChange> for Reconfiguration {
    fn from(change: wire::ConfChange) -> Self {
        Self::Single(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCHANGE: Reconfiguration =
        Reconfiguration::Exchange { id: ProposalId(9), promote: MemberId(300), demote: MemberId(2) };
    const DEMOTION: Reconfiguration = Reconfiguration::Demotion { id: ProposalId(9), member: MemberId(2) };

    fn among(voters: &[u64], learners: &[u64], outgoing: &[u64]) -> wire::ConfState {
        wire::ConfState {
            voters: voters.into(),
            learners: learners.into(),
            voters_outgoing: outgoing.into(),
            ..Default::default()
        }
    }

    #[test]
    fn each_is_read_as_it_was_written() {
        let single = wire::ConfChange { id: 9, node_id: 7, ..Default::default() };
        for change in [Reconfiguration::Single(single), EXCHANGE, DEMOTION, Reconfiguration::Leave] {
            assert_eq!(Reconfiguration::read(&change.entry()).unwrap(), change);
        }
    }

    #[test]
    fn an_exchange_has_the_bytes_that_etcds_raft_reads() {
        // transition, two changes of type and member, and a context.
        let bytes = [8, 0, 18, 5, 8, 0, 16, 0xac, 2, 18, 4, 8, 3, 16, 2, 26, 2, 8, 9];
        assert_eq!(EXCHANGE.entry().data[..], bytes);
        assert_eq!(EXCHANGE.entry().r#type(), wire::EntryType::ConfChangeV2);
        assert!(Reconfiguration::Leave.entry().data.is_empty());
    }

    #[test]
    fn changes_of_several_members_that_nobody_proposes_are_refused() {
        let read = |change: &ConfChangeV2| {
            let data = change.encode_to_vec().into();
            let kind = wire::EntryType::ConfChangeV2.into();
            Reconfiguration::read(&wire::Entry { r#type: kind, data, ..Default::default() })
        };
        let exchange = EXCHANGE.joint();
        let removal = ConfChangeSingle { r#type: ConfChangeType::RemoveNode.into(), node_id: 1 };
        for change in [
            ConfChangeV2 { changes: vec![removal], ..exchange.clone() },
            ConfChangeV2 { changes: vec![exchange.changes[1], exchange.changes[0]], ..exchange.clone() },
            ConfChangeV2 { transition: ConfChangeTransition::JointExplicit.into(), ..exchange.clone() },
            ConfChangeV2 { transition: 7, ..exchange.clone() },
        ] {
            assert!(matches!(read(&change), Err(ReadError::Unknown(_))), "{change:?}");
        }
        assert!(matches!(
            read(&ConfChangeV2 { context: Bytes::from_static(b"\xff"), ..exchange }),
            Err(ReadError::Decode(_))
        ));
    }

    #[test]
    fn an_exchange_fits_a_learner_and_a_voter_while_nothing_else_is_under_way() {
        assert!(EXCHANGE.fits(&among(&[1, 2], &[300], &[])));
        assert!(!EXCHANGE.fits(&among(&[1, 2], &[], &[])), "nobody to promote");
        assert!(!EXCHANGE.fits(&among(&[1, 2, 300], &[], &[])), "it votes already");
        assert!(!EXCHANGE.fits(&among(&[1], &[2, 300], &[])), "nobody to demote");
        assert!(!EXCHANGE.fits(&among(&[1, 2], &[300], &[1, 2])));
    }

    #[test]
    fn the_last_voter_is_not_demoted() {
        assert!(DEMOTION.fits(&among(&[1, 2], &[], &[])));
        assert!(!DEMOTION.fits(&among(&[2], &[1], &[])));
    }

    #[test]
    fn only_a_joint_change_is_left() {
        assert!(Reconfiguration::Leave.fits(&among(&[1, 3], &[], &[1, 2])));
        assert!(!Reconfiguration::Leave.fits(&among(&[1, 3], &[], &[])));
        let joint = among(&[1, 3], &[], &[1, 2]);
        assert!(Reconfiguration::Leave.unseats(MemberId(2), &joint));
        assert!(!Reconfiguration::Leave.unseats(MemberId(1), &joint));
    }
}

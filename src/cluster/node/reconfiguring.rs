//! A change of the members: between the store's words and those of the consensus. Pure.

use crate::cluster::etcd::backend::member_json;
use crate::cluster::raft::wire::Entry;
use crate::cluster::raft::{ProposalId, ReadError, Reconfiguration};
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::MemberChange;

/// Why an entry of the log is no change of members.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ReconfiguringError {
    #[error(transparent)]
    Entry(#[from] ReadError),
    #[error("cannot read the member in a change of members: {0}")]
    Member(#[from] serde_json::Error),
}

/// A change as it is proposed; `None`: what a member tells of itself is no change of the consensus.
pub fn write(id: ProposalId, change: &MemberChange) -> Option<Reconfiguration> {
    let raft = |id: MemberId| crate::cluster::raft::MemberId(id.0);
    match change {
        MemberChange::Exchange { promote, demote } => {
            Some(Reconfiguration::Exchange { id, promote: raft(*promote), demote: raft(*demote) })
        }
        MemberChange::Demote(member) => Some(Reconfiguration::Demotion { id, member: raft(*member) }),
        MemberChange::Add(_)
        | MemberChange::Promote(_)
        | MemberChange::Remove(_)
        | MemberChange::PeerUrls { .. }
        | MemberChange::Attributes { .. } => member_json::to_entry(id.0, change).map(Reconfiguration::Single),
    }
}

/// What an entry changes; `None`: no member, as it ends a joint change.
pub fn read(entry: &Entry) -> Result<Option<MemberChange>, ReconfiguringError> {
    Ok(match Reconfiguration::read(entry)? {
        Reconfiguration::Single(change) => Some(member_json::from_entry(&change)?),
        Reconfiguration::Exchange { promote, demote, .. } => {
            Some(MemberChange::Exchange { promote: MemberId(promote.0), demote: MemberId(demote.0) })
        }
        Reconfiguration::Demotion { member, .. } => Some(MemberChange::Demote(MemberId(member.0))),
        Reconfiguration::Leave => None,
    })
}

#[test]
fn each_change_is_read_as_it_was_written() {
    let changes = [
        MemberChange::Promote(MemberId(7)),
        MemberChange::Remove(MemberId(7)),
        MemberChange::Exchange { promote: MemberId(4), demote: MemberId(1) },
        MemberChange::Demote(MemberId(1)),
    ];
    for change in changes {
        let written = write(ProposalId(9), &change).expect("a change of the consensus");
        assert_eq!(written.id(), Some(ProposalId(9)));
        assert_eq!(read(&written.entry()).unwrap(), Some(change));
    }
    assert_eq!(read(&Reconfiguration::Leave.entry()).unwrap(), None);
}

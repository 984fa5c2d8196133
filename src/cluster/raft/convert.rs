//! Between our messages and the `raft` crate's, field by field.
//!
//! What comes from a peer is looked at before the crate sees it: it panics where a message has not the shape that it
//! would give it itself.

use raft::eraftpb as raw;

use super::wire;

/// A message that no replica sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("message of unknown type {0}")]
    Type(i32),
    #[error("message {0:?} is never sent")]
    Local(wire::MessageType),
    #[error("message {0:?} without a sender or with an impossible term")]
    Head(wire::MessageType),
    #[error("entries are not in a row")]
    Entries,
    #[error("entry of unknown type {0}")]
    Entry(i32),
    #[error("snapshot without a place or without members")]
    Snapshot,
    #[error("read index with {0} entries")]
    ReadIndex(usize),
}

pub(super) fn entry_type_to_raft(kind: wire::EntryType) -> raw::EntryType {
    match kind {
        wire::EntryType::Normal => raw::EntryType::EntryNormal,
        wire::EntryType::ConfChange => raw::EntryType::EntryConfChange,
        wire::EntryType::ConfChangeV2 => raw::EntryType::EntryConfChangeV2,
    }
}

/// An entry from our own disk: an unknown type, which was refused when it came, is taken for a normal one.
pub(super) fn entry_to_raft(entry: &wire::Entry) -> raw::Entry {
    let mut made = raw::Entry::default();
    made.set_entry_type(entry_type_to_raft(entry.r#type()));
    made.term = entry.term;
    made.index = entry.index;
    made.data = entry.data.clone();
    made
}

pub(super) fn entry_from_raft(entry: &raw::Entry) -> wire::Entry {
    let kind = match entry.get_entry_type() {
        raw::EntryType::EntryNormal => wire::EntryType::Normal,
        raw::EntryType::EntryConfChange => wire::EntryType::ConfChange,
        raw::EntryType::EntryConfChangeV2 => wire::EntryType::ConfChangeV2,
    };
    wire::Entry { r#type: kind.into(), term: entry.term, index: entry.index, data: entry.data.clone() }
}

pub(super) fn hard_state_to_raft(state: &wire::HardState) -> raw::HardState {
    raw::HardState { term: state.term, vote: state.vote, commit: state.commit, ..Default::default() }
}

pub(super) fn hard_state_from_raft(state: &raw::HardState) -> wire::HardState {
    wire::HardState { term: state.term, vote: state.vote, commit: state.commit }
}

/// Members in order: the crate keeps them in hash sets.
pub(super) fn conf_state_from_raft(state: &raw::ConfState) -> wire::ConfState {
    let sorted = |ids: &[u64]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    wire::ConfState {
        voters: sorted(&state.voters),
        learners: sorted(&state.learners),
        voters_outgoing: sorted(&state.voters_outgoing),
        learners_next: sorted(&state.learners_next),
        auto_leave: state.auto_leave,
    }
}

pub(super) fn metadata_to_raft(metadata: &wire::SnapshotMetadata) -> raw::SnapshotMetadata {
    let state = &metadata.conf_state;
    let members = raw::ConfState {
        voters: state.voters.clone(),
        learners: state.learners.clone(),
        voters_outgoing: state.voters_outgoing.clone(),
        learners_next: state.learners_next.clone(),
        auto_leave: state.auto_leave,
        ..Default::default()
    };
    let mut made = raw::SnapshotMetadata { index: metadata.index, term: metadata.term, ..Default::default() };
    made.set_conf_state(members);
    made
}

pub(super) fn snapshot_to_raft(snapshot: &wire::Snapshot) -> raw::Snapshot {
    let mut made = raw::Snapshot { data: snapshot.data.clone(), ..Default::default() };
    made.set_metadata(metadata_to_raft(&snapshot.metadata));
    made
}

pub(super) fn snapshot_from_raft(snapshot: &raw::Snapshot) -> wire::Snapshot {
    let metadata = snapshot.get_metadata();
    wire::Snapshot {
        data: snapshot.data.clone(),
        metadata: wire::SnapshotMetadata {
            conf_state: conf_state_from_raft(metadata.get_conf_state()),
            index: metadata.index,
            term: metadata.term,
        },
    }
}

fn message_type_from_raft(kind: raw::MessageType) -> wire::MessageType {
    use raw::MessageType as From;
    use wire::MessageType as To;
    match kind {
        From::MsgHup => To::Hup,
        From::MsgBeat => To::Beat,
        From::MsgPropose => To::Prop,
        From::MsgAppend => To::App,
        From::MsgAppendResponse => To::AppResp,
        From::MsgRequestVote => To::Vote,
        From::MsgRequestVoteResponse => To::VoteResp,
        From::MsgSnapshot => To::Snap,
        From::MsgHeartbeat => To::Heartbeat,
        From::MsgHeartbeatResponse => To::HeartbeatResp,
        From::MsgUnreachable => To::Unreachable,
        From::MsgSnapStatus => To::SnapStatus,
        From::MsgCheckQuorum => To::CheckQuorum,
        From::MsgTransferLeader => To::TransferLeader,
        From::MsgTimeoutNow => To::TimeoutNow,
        From::MsgReadIndex => To::ReadIndex,
        From::MsgReadIndexResp => To::ReadIndexResp,
        From::MsgRequestPreVote => To::PreVote,
        From::MsgRequestPreVoteResponse => To::PreVoteResp,
    }
}

fn message_type_to_raft(kind: wire::MessageType) -> Result<raw::MessageType, Malformed> {
    use raw::MessageType as To;
    use wire::MessageType as From;
    Ok(match kind {
        From::App => To::MsgAppend,
        From::AppResp => To::MsgAppendResponse,
        From::Vote => To::MsgRequestVote,
        From::VoteResp => To::MsgRequestVoteResponse,
        From::Snap => To::MsgSnapshot,
        From::Heartbeat => To::MsgHeartbeat,
        From::HeartbeatResp => To::MsgHeartbeatResponse,
        From::TransferLeader => To::MsgTransferLeader,
        From::TimeoutNow => To::MsgTimeoutNow,
        From::ReadIndex => To::MsgReadIndex,
        From::ReadIndexResp => To::MsgReadIndexResp,
        From::PreVote => To::MsgRequestPreVote,
        From::PreVoteResp => To::MsgRequestPreVoteResponse,
        // Proposals have a path of their own, see `forward`.
        From::Prop | From::Hup | From::Beat | From::Unreachable | From::SnapStatus | From::CheckQuorum => {
            return Err(Malformed::Local(kind));
        }
    })
}

/// A message to a peer. etcd's has no place for the commit's term in votes, for requested snapshots and priorities:
/// the crate does without the first, and the others are not used here.
pub(super) fn message_from_raft(message: &raw::Message) -> wire::Message {
    wire::Message {
        r#type: message_type_from_raft(message.get_msg_type()).into(),
        to: message.to,
        from: message.from,
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        entries: message.entries.iter().map(entry_from_raft).collect(),
        commit: message.commit,
        snapshot: message.snapshot.as_ref().map(snapshot_from_raft).unwrap_or_default(),
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: message.context.clone(),
    }
}

/// A message from a peer, if it is one that a peer may send.
pub(super) fn message_to_raft(message: &wire::Message) -> Result<raw::Message, Malformed> {
    let kind = wire::MessageType::try_from(message.r#type).map_err(|_| Malformed::Type(message.r#type))?;
    let raw_kind = message_type_to_raft(kind)?;
    // Without a term it would be taken for one of our own making; only this one comes so.
    let without_term = kind == wire::MessageType::ReadIndex;
    if message.from == 0 || (message.term == 0) != without_term {
        return Err(Malformed::Head(kind));
    }
    if without_term || kind == wire::MessageType::ReadIndexResp {
        if message.entries.len() != 1 {
            return Err(Malformed::ReadIndex(message.entries.len()));
        }
    } else {
        entries_in_a_row(message)?;
    }
    if kind == wire::MessageType::Snap {
        snapshot_in_shape(&message.snapshot)?;
    }
    let mut made = raw::Message::default();
    made.set_msg_type(raw_kind);
    made.to = message.to;
    made.from = message.from;
    made.term = message.term;
    made.log_term = message.log_term;
    made.index = message.index;
    made.set_entries(message.entries.iter().map(entry_to_raft).collect::<Vec<_>>().into());
    made.commit = message.commit;
    if kind == wire::MessageType::Snap {
        made.set_snapshot(snapshot_to_raft(&message.snapshot));
    }
    made.reject = message.reject;
    made.reject_hint = message.reject_hint;
    made.context = message.context.clone();
    Ok(made)
}

fn entries_in_a_row(message: &wire::Message) -> Result<(), Malformed> {
    let (mut index, mut term) = (message.index, message.log_term);
    for entry in &message.entries {
        if wire::EntryType::try_from(entry.r#type).is_err() {
            return Err(Malformed::Entry(entry.r#type));
        }
        index = index.checked_add(1).ok_or(Malformed::Entries)?;
        if entry.index != index || entry.term < term || entry.term > message.term {
            return Err(Malformed::Entries);
        }
        term = entry.term;
    }
    Ok(())
}

fn snapshot_in_shape(snapshot: &wire::Snapshot) -> Result<(), Malformed> {
    let metadata = &snapshot.metadata;
    let members = &metadata.conf_state;
    let votes = |id: &u64| members.voters.contains(id) || members.voters_outgoing.contains(id);
    let apart = members.learners.iter().all(|id| !votes(id) && !members.learners_next.contains(id));
    // Whoever is to learn once a joint change is over has a vote before, and none behind it.
    let demoted = |id: &u64| members.voters_outgoing.contains(id) && !members.voters.contains(id);
    let one_step = members.learners_next.iter().all(demoted);
    let joint = members.auto_leave != members.voters_outgoing.is_empty();
    let placed = metadata.index > 0 && metadata.term > 0;
    let fits = placed && !members.voters.is_empty() && apart && one_step && joint;
    if fits { Ok(()) } else { Err(Malformed::Snapshot) }
}

//! The messages of etcd's Raft and of its log (its packages `raftpb` and `walpb`), field by field.
//!
//! The originals are proto2, and etcd always writes their plain fields, zeros too: those are `required` here, which
//! prost always writes and takes as zero when they are absent. Decoding never panics.

use bytes::Bytes;

/// What an entry of the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EntryType {
    /// A request to the store, or nothing: the first entry of a term.
    Normal = 0,
    /// A [`ConfChange`].
    ConfChange = 1,
    /// A [`ConfChangeV2`].
    ConfChangeV2 = 2,
}

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Entry {
    /// An [`EntryType`].
    #[prost(enumeration = "EntryType", required, tag = "1")]
    pub r#type: i32,
    /// The term in which it was proposed.
    #[prost(uint64, required, tag = "2")]
    pub term: u64,
    /// Its place in the log, from 1.
    #[prost(uint64, required, tag = "3")]
    pub index: u64,
    /// What is proposed.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

/// What a member must not forget between two starts, beside its entries.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HardState {
    /// The newest term that the member has seen.
    #[prost(uint64, required, tag = "1")]
    pub term: u64,
    /// Whom it voted for in that term; 0 is nobody.
    #[prost(uint64, required, tag = "2")]
    pub vote: u64,
    /// The index up to which entries are known to be committed.
    #[prost(uint64, required, tag = "3")]
    pub commit: u64,
}

/// Who votes and who only listens.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ConfState {
    /// Members that vote (the incoming ones during a joint change).
    #[prost(uint64, repeated, packed = "false", tag = "1")]
    pub voters: Vec<u64>,
    /// Members that only listen.
    #[prost(uint64, repeated, packed = "false", tag = "2")]
    pub learners: Vec<u64>,
    /// The voters of the outgoing half of a joint change.
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    pub voters_outgoing: Vec<u64>,
    /// Outgoing voters that become learners when the joint change is left.
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    pub learners_next: Vec<u64>,
    /// The joint change is left without being asked to.
    #[prost(bool, required, tag = "5")]
    pub auto_leave: bool,
}

/// Where a snapshot stands in the log.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct SnapshotMetadata {
    /// The members at that place.
    #[prost(message, required, tag = "1")]
    pub conf_state: ConfState,
    /// The last entry that the snapshot holds.
    #[prost(uint64, required, tag = "2")]
    pub index: u64,
    /// That entry's term.
    #[prost(uint64, required, tag = "3")]
    pub term: u64,
}

/// The state of the store up to an entry.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Snapshot {
    /// What the state machine put there.
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
    /// Its place.
    #[prost(message, required, tag = "2")]
    pub metadata: SnapshotMetadata,
}

/// How a [`ConfChange`] changes the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ConfChangeType {
    /// Adds a voter, or promotes a learner.
    AddNode = 0,
    /// Removes a member.
    RemoveNode = 1,
    /// Changes what is known of a member, not its vote.
    UpdateNode = 2,
    /// Adds a member that only listens.
    AddLearnerNode = 3,
}

/// A change of one member.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChange {
    /// Matches the change to whom waits for it.
    #[prost(uint64, required, tag = "1")]
    pub id: u64,
    /// A [`ConfChangeType`].
    #[prost(enumeration = "ConfChangeType", required, tag = "2")]
    pub r#type: i32,
    /// Whom it is about.
    #[prost(uint64, required, tag = "3")]
    pub node_id: u64,
    /// The member as JSON.
    #[prost(bytes = "bytes", tag = "4")]
    pub context: Bytes,
}

/// How a [`ConfChangeV2`] takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ConfChangeTransition {
    /// At once if one voter changes at the most; else as `JointImplicit`.
    Auto = 0,
    /// By a joint change, which is left without being asked to.
    JointImplicit = 1,
    /// By a joint change, which is left by an empty [`ConfChangeV2`] that somebody proposes.
    JointExplicit = 2,
}

/// One member's part of a [`ConfChangeV2`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ConfChangeSingle {
    /// A [`ConfChangeType`].
    #[prost(enumeration = "ConfChangeType", required, tag = "1")]
    pub r#type: i32,
    /// Whom it is about.
    #[prost(uint64, required, tag = "2")]
    pub node_id: u64,
}

/// A change of several members at once. One without any ends a joint change.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ConfChangeV2 {
    /// A [`ConfChangeTransition`].
    #[prost(enumeration = "ConfChangeTransition", required, tag = "1")]
    pub transition: i32,
    /// What becomes of each.
    #[prost(message, repeated, tag = "2")]
    pub changes: Vec<ConfChangeSingle>,
    /// Whatever its proposer put there: here a [`ChangeContext`].
    #[prost(bytes = "bytes", tag = "3")]
    pub context: Bytes,
}

/// What is put beside a [`ConfChangeV2`], which has no id of its own. Not of etcd.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ChangeContext {
    /// Matches the change to whom waits for it.
    #[prost(uint64, tag = "1")]
    pub id: u64,
}

/// What a [`Message`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
#[allow(missing_docs, reason = "Raft's own words")]
pub enum MessageType {
    Hup = 0,
    Beat = 1,
    Prop = 2,
    App = 3,
    AppResp = 4,
    Vote = 5,
    VoteResp = 6,
    Snap = 7,
    Heartbeat = 8,
    HeartbeatResp = 9,
    Unreachable = 10,
    SnapStatus = 11,
    CheckQuorum = 12,
    TransferLeader = 13,
    TimeoutNow = 14,
    ReadIndex = 15,
    ReadIndexResp = 16,
    PreVote = 17,
    PreVoteResp = 18,
}

/// What members say to one another.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Message {
    /// A [`MessageType`].
    #[prost(enumeration = "MessageType", required, tag = "1")]
    pub r#type: i32,
    /// The receiver.
    #[prost(uint64, required, tag = "2")]
    pub to: u64,
    /// The sender.
    #[prost(uint64, required, tag = "3")]
    pub from: u64,
    /// The sender's term.
    #[prost(uint64, required, tag = "4")]
    pub term: u64,
    /// The term of the entry at `index`.
    #[prost(uint64, required, tag = "5")]
    pub log_term: u64,
    /// The entry before `entries`, or what the message's type makes of it.
    #[prost(uint64, required, tag = "6")]
    pub index: u64,
    /// Entries to be appended or proposed.
    #[prost(message, repeated, tag = "7")]
    pub entries: Vec<Entry>,
    /// What the sender knows to be committed.
    #[prost(uint64, required, tag = "8")]
    pub commit: u64,
    /// With [`MessageType::Snap`]; else empty.
    #[prost(message, required, tag = "9")]
    pub snapshot: Snapshot,
    /// The answer is no.
    #[prost(bool, required, tag = "10")]
    pub reject: bool,
    /// With a no: where the two logs may meet.
    #[prost(uint64, required, tag = "11")]
    pub reject_hint: u64,
    /// Comes back with the answer.
    #[prost(bytes = "bytes", tag = "12")]
    pub context: Bytes,
}

/// One record of the log file (`walpb.Record`). [`crate::cluster::disk::wal`] reads and writes it without a copy.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WalRecord {
    /// What `data` is.
    #[prost(int64, required, tag = "1")]
    pub r#type: i64,
    /// CRC-32C over the data of this record and of all before it.
    #[prost(uint32, required, tag = "2")]
    pub crc: u32,
    /// The record itself; absent in a record that only hands the checksum on.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub data: Option<Bytes>,
}

/// The log's note that a snapshot was written (`walpb.Snapshot`).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WalSnapshot {
    /// The last entry that the snapshot holds.
    #[prost(uint64, required, tag = "1")]
    pub index: u64,
    /// That entry's term.
    #[prost(uint64, required, tag = "2")]
    pub term: u64,
    /// The members at that place; etcd wants it when `index` is above 0.
    #[prost(message, optional, tag = "3")]
    pub conf_state: Option<ConfState>,
}

/// Whose log it is: the first record of each segment (`etcdserverpb.Metadata`).
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct WalMetadata {
    /// The member.
    #[prost(uint64, required, tag = "1")]
    pub node_id: u64,
    /// Its cluster.
    #[prost(uint64, required, tag = "2")]
    pub cluster_id: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn zeros_are_written_as_etcd_writes_them() {
        assert_eq!(Entry::default().encode_to_vec(), [0x08, 0, 0x10, 0, 0x18, 0]);
        assert_eq!(HardState::default().encode_to_vec(), [0x08, 0, 0x10, 0, 0x18, 0]);
        assert_eq!(
            ConfState { voters: vec![1, 300], ..Default::default() }.encode_to_vec(),
            [0x08, 1, 0x08, 0xac, 2, 0x28, 0]
        );
        assert_eq!(SnapshotMetadata::default().encode_to_vec(), [0x0a, 2, 0x28, 0, 0x10, 0, 0x18, 0]);
        assert_eq!(ConfChange::default().encode_to_vec(), [0x08, 0, 0x10, 0, 0x18, 0]);
        assert_eq!(ConfChangeSingle::default().encode_to_vec(), [0x08, 0, 0x10, 0]);
        assert_eq!(ConfChangeV2::default().encode_to_vec(), [0x08, 0]);
        assert_eq!(WalMetadata::default().encode_to_vec(), [0x08, 0, 0x10, 0]);
        assert_eq!(WalSnapshot::default().encode_to_vec(), [0x08, 0, 0x10, 0]);
    }

    #[test]
    fn absent_fields_are_zero() {
        assert_eq!(Entry::decode(&[][..]).unwrap(), Entry::default());
        assert_eq!(Message::decode(&[][..]).unwrap(), Message::default());
    }

    #[test]
    fn packed_members_are_understood_too() {
        assert_eq!(ConfState::decode(&[0x0a, 3, 1, 0xac, 2][..]).unwrap().voters, [1, 300]);
    }

    #[test]
    fn malformed_bytes_are_errors_and_nothing_worse() {
        let mut random = fastrand::Rng::with_seed(7);
        let message = Message {
            entries: vec![Entry { data: Bytes::from_static(b"value"), ..Default::default() }; 3],
            context: Bytes::from_static(b"context"),
            ..Default::default()
        };
        let whole = message.encode_to_vec();
        assert_eq!(Message::decode(&whole[..]).unwrap(), message);
        assert!(Message::decode(&whole[..whole.len() - 1]).is_err());
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            let _ = Message::decode(&bytes[..]);
        }
    }
}

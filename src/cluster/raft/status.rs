//! What a replica tells of itself.

use raft::{ProgressState, StateRole};

use super::{MemberId, Replica};

/// What a member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
}

/// How far a member is, as its leader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Who.
    pub member: MemberId,
    /// The last entry that it is known to have on disk.
    pub matched: u64,
    /// It was heard of since the last look, an election timeout ago at the most.
    pub active: bool,
    /// It is being sent a snapshot.
    pub in_snapshot: bool,
    /// For how many ticks nothing was heard of it; 0 for the leader itself. A new leader counts its predecessor's
    /// silence from the last message that it had of it.
    pub silence_ticks: u64,
}

/// A replica at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whose.
    pub id: MemberId,
    /// What it is doing.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<MemberId>,
    /// The last entry that it knows to be committed.
    pub committed: u64,
    /// The last entry that it gave to its state machine.
    pub applied: u64,
    /// The first entry that it still has.
    pub first: u64,
    /// The last entry that it has.
    pub last: u64,
    /// Of a leader: all members in order, itself included. Else empty.
    pub members: Vec<Progress>,
}

impl Replica {
    /// This replica at a glance.
    pub fn status(&self) -> Status {
        let raft = &self.raw.raft;
        let role = match raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate | StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
        };
        let mut members: Vec<Progress> = Vec::new();
        if role == Role::Leader {
            members.extend(raft.prs().iter().map(|(id, progress)| Progress {
                member: MemberId(*id),
                matched: progress.matched,
                active: progress.recent_active || *id == raft.id,
                in_snapshot: progress.state == ProgressState::Snapshot,
                silence_ticks: if *id == raft.id { 0 } else { self.hearing.silence(*id, self.now) },
            }));
            members.sort_unstable_by_key(|progress| progress.member);
        }
        Status {
            id: MemberId(raft.id),
            role,
            term: raft.term,
            leader: self.leader(),
            committed: raft.raft_log.committed,
            applied: raft.raft_log.applied,
            first: self.raw.store().first(),
            last: raft.raft_log.last_index(),
            members,
        }
    }
}

//! What always holds, one file each.

mod applied_once;
mod committed_stays;
mod electorate;
mod fresh_reads;
mod honest_refusals;
mod kept_acks;
mod linearizable;
mod log_matching;
mod one_leader;

use mgmt::cluster::raft::{Committed, ProposalId, ReadId, wire};

use super::clients::Clients;

/// Something that an invariant may care about.
#[derive(Debug)]
pub enum Seen<'a> {
    Leads {
        member: u64,
        term: u64,
    },
    Sent(&'a wire::Message),
    /// These are on a disk, and were synced.
    OnDisk(&'a [wire::Entry]),
    /// With the answer that a client is given, if one waits.
    Applied {
        member: u64,
        committed: &'a Committed,
    },
    /// A member was told who the members are.
    Members {
        member: u64,
        members: &'a wire::ConfState,
    },
    Installed {
        member: u64,
        index: u64,
    },
    Started {
        member: u64,
        index: u64,
    },
    /// Nothing will come of a proposal.
    Void {
        id: ProposalId,
    },
    /// A client got its answer.
    Acked {
        id: ProposalId,
        index: u64,
    },
    Asked {
        member: u64,
        life: u64,
        read: ReadId,
    },
    Read {
        member: u64,
        life: u64,
        read: ReadId,
        applied: u64,
    },
}

/// What there is at the end.
pub struct Last<'a> {
    pub clients: &'a Clients,
    /// Members, and how far each has applied.
    pub applied: Vec<(u64, u64)>,
}

/// Something that always holds.
pub trait Invariant {
    fn name(&self) -> &'static str;

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict;

    /// All is healed and quiet.
    fn end(&mut self, _: &Last<'_>) -> Verdict {
        Ok(())
    }
}

/// Whether it holds, and else why not.
pub type Verdict = Result<(), String>;

pub fn hold(holds: bool, text: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(text()) }
}

/// All invariants, for a new life.
pub fn all() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(one_leader::OneLeader::default()),
        Box::new(log_matching::LogMatching::default()),
        Box::new(electorate::Electorate::default()),
        Box::new(committed_stays::CommittedStays::default()),
        Box::new(applied_once::AppliedOnce::default()),
        Box::new(honest_refusals::HonestRefusals::default()),
        Box::new(fresh_reads::FreshReads::default()),
        Box::new(kept_acks::KeptAcks::default()),
        Box::new(linearizable::Linearizable),
    ]
}

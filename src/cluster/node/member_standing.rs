//! What a leader knows of each member.

use std::time::Duration;

use super::handle::Handle;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::check::is_caught_up;
use crate::cluster::store::member::{LogLevel, Member};

/// What a leader knows of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStanding {
    /// Who.
    pub id: MemberId,
    /// Its name; empty until it has started for the first time.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started.
    pub client_urls: Vec<String>,
    /// It has no vote; or will have none as soon as the change that is under way is through.
    pub learner: bool,
    /// Which commands of the log it understands.
    pub level: LogLevel,
    /// The last entry of the log that it is known to have on disk.
    pub matched: u64,
    /// How many entries it lacks of those that the leader has.
    pub behind: u64,
    /// It has so much of the log that it can take over a vote at once; see [`is_caught_up`].
    pub caught_up: bool,
    /// For how long the leader has heard nothing of it, to a tick; zero for the leader itself. A new leader counts that
    /// of its predecessor from the last message that it had of it, and that of all others from its election.
    pub silence: Duration,
}

impl Handle {
    /// What this member knows of all members, itself included, by id. Empty unless it leads: nobody else knows. Cheap:
    /// it asks no thread and waits for none.
    pub fn census(&self) -> Vec<MemberStanding> {
        let (last, progress) = {
            let status = self.shared.standing.borrow();
            (status.last, status.progress.clone())
        };
        let machine = self.shared.read();
        let standings = progress.iter().filter_map(|known| {
            // One that was just removed, or whose addition is not applied yet.
            let member = machine.members.get(MemberId(known.member.0))?.clone();
            let Member { id, name, peer_urls, client_urls, learner, level } = member;
            let ticks = u32::try_from(known.silence_ticks).unwrap_or(u32::MAX);
            Some(MemberStanding {
                id,
                name,
                peer_urls,
                client_urls,
                learner,
                level,
                matched: known.matched,
                behind: last.saturating_sub(known.matched),
                caught_up: !known.in_snapshot && is_caught_up(known.matched, last),
                silence: self.shared.config.tick.saturating_mul(ticks),
            })
        });
        standings.collect()
    }
}

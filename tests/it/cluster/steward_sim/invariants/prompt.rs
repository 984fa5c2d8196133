//! A voter that dies while all else is well is replaced in less than five seconds.

use mgmt::cluster::mesh::steward::Role;
use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::super::SECOND;
use super::super::world::World;
use super::{Invariant, Verdict, hold};

#[derive(Default)]
pub struct Prompt {
    /// Who died alone, and when.
    dead: Option<(MemberId, Time)>,
}

impl Prompt {
    /// All but one are well, a spare is ready, and nothing holds an exchange up.
    fn only_missing(world: &World) -> Option<MemberId> {
        let store = &world.store;
        let voters = world.voters();
        let missing: Vec<MemberId> = voters.iter().copied().filter(|id| !world.is_heard(*id)).collect();
        let [missing] = missing[..] else { return None };
        let spare = store.members.iter().any(|(id, member)| {
            let ready = member.role == Role::Learner && member.lag.is_none() && member.host.is_some();
            ready && world.is_heard(*id) && !world.departs(*id) && !world.stopped(*id)
        });
        let fits = voters.len() <= usize::from(store.policy.voters) && !voters.len().is_multiple_of(2);
        let stays = voters.iter().all(|id| !world.departs(*id)) && !world.stopped(missing);
        let free = store.exchanged.is_none() && store.policy.dead_after_ms == 3000;
        (spare && fits && stays && free && world.has_quorum() && voters.len() > 1).then_some(missing)
    }
}

impl Invariant for Prompt {
    fn name(&self) -> &'static str {
        "prompt replacement"
    }

    fn moment(&mut self, world: &World, now: Time) -> Verdict {
        let missing = Self::only_missing(world).filter(|_| world.change.is_none());
        match (missing, self.dead) {
            (Some(id), Some((dead, since))) if id == dead => {
                hold(now.since(since) < 5 * SECOND, || format!("{id} is dead since {since}"))
            }
            (Some(id), _) => {
                self.dead = Some((id, now));
                Ok(())
            }
            (None, _) => {
                self.dead = None;
                Ok(())
            }
        }
    }
}

//! Leaders: elections, whom they hear, and the steward of each.

use mgmt::cluster::mesh::steward::{Command, Intent, Lag, Order, Steward, View};
use mgmt::cluster::store::id::MemberId;
use mgmt::engine::sched::Time;

use super::invariants::Step;
use super::life::{Life, Next};
use super::tally::Counted;
use super::world::World;
use super::{Mistake, SECOND};

/// Who leads, if anybody does.
#[derive(Default)]
pub struct Leading {
    pub term: u64,
    pub leader: Option<Leader>,
    /// The last leader, and when it was last heard.
    last: Option<(MemberId, Time)>,
    /// What was remarked last.
    remarks: Vec<String>,
    /// The quorum is not there, and the leader will notice.
    doubted: bool,
}

pub struct Leader {
    pub id: MemberId,
    pub steward: Steward,
    /// What its steward saw last.
    seen: Option<View>,
    wake_at: Option<Time>,
}

impl World {
    /// The note of an exchange is bound to a lease of a minute, which a new leader extends.
    pub fn expire_exchange(&mut self, now: Time) {
        let over = |at: Time| now.since(at) >= 60 * SECOND;
        self.store.exchanged = self.store.exchanged.filter(|last| !over(last.at));
    }
}

impl Life {
    /// After whatever happened: who is heard now, does the leader still lead.
    pub fn observe(&mut self) {
        let Some(leader) = self.leading.leader.as_ref().map(|leader| leader.id) else { return };
        if !self.world.is_heard(leader) || !self.world.electorates().concat().contains(&leader) {
            return self.lose_leader("it is gone");
        }
        let now = self.now;
        let mut back = Vec::new();
        for id in self.world.store.members.keys().copied().collect::<Vec<_>>() {
            let heard = self.world.is_heard(id);
            let member = self.world.store.members.get_mut(&id).expect("it is there");
            match (heard, member.silent_since) {
                (true, Some(since)) => {
                    member.silent_since = None;
                    back.push((id, now.since(since)));
                }
                (false, None) => member.silent_since = Some(now),
                _ => {}
            }
        }
        for (id, silence) in back {
            // What it missed is sent to it.
            let most = 200 + u64::try_from(silence.as_millis()).unwrap_or(u64::MAX) / 20;
            self.fall_behind(id, most);
        }
        if self.world.has_quorum() {
            self.leading.doubted = false;
        } else if !self.leading.doubted {
            self.leading.doubted = true;
            self.after(SECOND, Next::GiveUp(self.leading.term));
        }
    }

    /// A member is behind, for some time up to this, in milliseconds.
    pub fn fall_behind(&mut self, id: MemberId, most_ms: u64) {
        let lag = Lag { entries: 10, since: self.now };
        self.world.store.members.get_mut(&id).expect("it is there").lag = Some(lag);
        let time = self.some_ms(5, most_ms.max(6));
        self.after(time, Next::CaughtUp(id, lag));
    }

    pub fn catch_up(&mut self, id: MemberId, lag: Lag) {
        if let Some(member) = self.world.store.members.get_mut(&id).filter(|member| {
            member.silent_since.is_none() && member.lag.is_some_and(|own| own.entries == lag.entries)
        }) {
            member.lag = None;
        }
    }

    /// The leader has not heard most voters for an election timeout.
    pub fn give_up(&mut self, term: u64) {
        if term == self.leading.term && self.leading.leader.is_some() && self.leading.doubted {
            self.count(Counted::QuorumLost);
            self.lose_leader("it has no quorum");
        }
    }

    fn lose_leader(&mut self, why: &str) {
        let Some(leader) = self.leading.leader.take() else { return };
        self.tell(|| format!("{} leads no more: {why}", leader.id));
        self.count(Counted::LeaderLost);
        self.leading.last = Some((leader.id, self.now));
        self.leading.term += 1;
        self.leading.doubted = false;
        let time = self.some_ms(1000, 1700);
        self.after(time, Next::Elect(self.leading.term));
    }

    pub fn elect(&mut self, term: u64) {
        if term != self.leading.term || self.leading.leader.is_some() {
            return;
        }
        let all = self.world.electorates().concat();
        let heard: Vec<MemberId> = all.into_iter().filter(|id| self.world.is_heard(*id)).collect();
        let has_log = |id: &MemberId| self.world.store.members[id].lag.is_none();
        let first = heard.iter().copied().find(has_log).or_else(|| heard.first().copied());
        let some = self.rng.usize(0..heard.len().max(1));
        let chosen = heard.get(some).copied().filter(has_log).or(first);
        match chosen.filter(|_| self.world.has_quorum()) {
            Some(id) => self.lead(id),
            None => {
                let time = self.some_ms(300, 1500);
                self.after(time, Next::Elect(term));
            }
        }
    }

    /// A member begins to lead. What it finds in the store it counts from now on.
    pub fn lead(&mut self, id: MemberId) {
        self.leading.term += 1;
        self.leading.doubted = false;
        self.tell(|| format!("{id} leads in term {}", self.leading.term));
        let now = self.now;
        let last = self.leading.last.take();
        let heard: Vec<MemberId> =
            self.world.store.members.keys().copied().filter(|id| self.world.is_heard(*id)).collect();
        let store = &mut self.world.store;
        store.me = id;
        for (other, member) in &mut store.members {
            let last_heard = last.filter(|(leader, _)| leader == other).map_or(now, |(_, at)| at);
            member.silent_since = (!heard.contains(other)).then_some(last_heard);
            if let Some(lag) = &mut member.lag {
                lag.since = now;
            }
        }
        store.nominations.values_mut().for_each(|out| out.since = now);
        store.exchanged.iter_mut().for_each(|last| last.at = now);
        for host in store.hosts.values_mut() {
            if let Intent::Stopped { at } = &mut host.intent {
                *at = now;
            }
        }
        self.leading.leader = Some(Leader { id, steward: Steward::new(), seen: None, wake_at: None });
        self.take_over_change();
        // Whoever is behind is sent what it misses by the new leader.
        let behind: Vec<MemberId> =
            heard.into_iter().filter(|id| self.world.store.members[id].lag.is_some()).collect();
        behind.into_iter().for_each(|id| self.fall_behind(id, 500));
    }

    /// Lets the steward step, if there is anything new for it or it wanted to.
    pub fn decide(&mut self) -> Result<(), String> {
        let Some(leader) = &mut self.leading.leader else { return Ok(()) };
        self.world.store.change_under_way = self.world.change.is_some();
        let seen = self.mistake.show(&self.world.store);
        let woken = leader.wake_at.is_some_and(|at| self.now >= at);
        if !woken && leader.seen.as_ref() == Some(&seen) {
            return Ok(());
        }
        let advice = leader.steward.step(&seen, self.now);
        leader.seen = Some(seen);
        leader.wake_at = advice.wake_at;
        if let Some(at) = advice.wake_at {
            self.at(at, Next::Wake);
        }
        for Order { command, reason } in &advice.orders {
            self.tell(|| format!("  {command:?}: {reason}"));
        }
        let remarks: Vec<String> = advice.remarks.iter().map(ToString::to_string).collect();
        if self.leading.remarks != remarks {
            self.tell(|| format!("  remarks: {remarks:?}"));
            self.leading.remarks = remarks;
        }
        let step = Step { orders: &advice.orders, calm: !self.rough };
        self.check(|invariant, world, now| invariant.step(&step, world, now))?;
        for order in advice.orders {
            self.take_order(order);
        }
        Ok(())
    }

    /// Leadership is handed over.
    pub fn hand_over(&mut self, to: MemberId) {
        let able = self.world.is_heard(to)
            && self.world.has_quorum()
            && self.world.voters().contains(&to)
            && self.world.store.members[&to].lag.is_none();
        if able && self.leading.leader.as_ref().is_some_and(|leader| leader.id != to) {
            self.count(Counted::HandedOver);
            self.leading.leader = None;
            self.lead(to);
        }
    }
}

impl Mistake {
    /// What a steward is shown.
    fn show(self, store: &View) -> View {
        let mut seen = store.clone();
        match self {
            Self::None => {}
            Self::HearsEverybody => {
                seen.members.values_mut().for_each(|member| member.silent_since = None);
            }
            Self::ForgetsExchanges => seen.exchanged = None,
            Self::MissesCleanStops => seen.hosts.values_mut().for_each(|host| {
                if matches!(host.intent, Intent::Stopped { .. }) {
                    host.intent = Intent::Stays;
                }
            }),
            Self::FindsAllCaughtUp => seen.members.values_mut().for_each(|member| member.lag = None),
        }
        seen
    }
}

/// Whether a command gives or takes votes.
pub fn moves_votes(command: &Command) -> bool {
    matches!(command, Command::Promote { .. } | Command::Demote { .. } | Command::Exchange { .. })
}

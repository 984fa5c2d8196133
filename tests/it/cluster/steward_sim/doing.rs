//! Orders are carried out: it takes time, and some are lost.

use mgmt::cluster::mesh::HostName;
use mgmt::cluster::mesh::steward::{
    Command, DataDir, Duty, Exchanged, Lag, Member, Nomination, Order, Reason, Role,
};
use mgmt::cluster::store::id::MemberId;

use super::leading::moves_votes;
use super::life::{Life, Next};
use super::tally::Counted;
use super::world::Change;
use super::{MS, SECOND};

impl Life {
    pub fn take_order(&mut self, order: Order) {
        self.count_order(&order);
        let lost = self.rough && self.percent(4);
        if lost {
            self.count(Counted::OrderLost);
            self.tell(|| "  (it gets lost)".to_owned());
        }
        let time = self.some_ms(1, 40);
        if !order.command.changes_members() {
            if !lost {
                self.after(time, Next::Write(order.command, self.leading.term));
            }
            return;
        }
        let number = self.world.revision;
        self.world.revision += 1;
        if let Command::Exchange { promote, demote } = order.command {
            self.world.store.exchanged = Some(Exchanged { promote, demote, at: self.now });
        }
        self.world.change = Some(Change { number, command: order.command, joint: false, lost });
        let (time, next) = if lost { (2 * SECOND, Next::Void(number)) } else { (time, Next::Apply(number)) };
        self.after(time, next);
    }

    fn count_order(&mut self, order: &Order) {
        let what = match (&order.command, &order.reason) {
            (Command::Exchange { .. }, Reason::BetterPlace { .. }) => Counted::Moved,
            (Command::Exchange { .. }, _) => Counted::Exchanged,
            (Command::Promote { .. }, _) => Counted::Promoted,
            (Command::Demote { .. }, _) => Counted::Demoted,
            (Command::Readdress { .. }, _) => Counted::Readdressed,
            (Command::Remove { .. }, Reason::Surplus { .. }) => Counted::SurplusRemoved,
            (Command::Remove { .. }, Reason::DataLost { .. }) => Counted::LostRemoved,
            (Command::Remove { .. }, Reason::Forgotten { .. }) => Counted::Forgotten,
            (Command::Remove { .. }, Reason::NeverStarted { .. }) => Counted::NeverStarted,
            (Command::Withdraw { .. }, Reason::NotInTime { .. } | Reason::Unfit { .. }) => Counted::Withdrawn,
            (Command::Nominate { duty: Duty::Relay, .. }, _) => Counted::RelayNominated,
            _ => return,
        };
        self.count(what);
    }

    /// A proposed change gets on: into the joint configuration, out of it, or into effect at once.
    pub fn apply(&mut self, number: u64) {
        let Some(change) = self.world.change.clone().filter(|change| change.number == number) else { return };
        if self.leading.leader.is_none() {
            // The next leader goes on with it.
            return;
        }
        if !self.world.has_quorum() {
            return self.after(100 * MS, Next::Apply(number));
        }
        if moves_votes(&change.command) && !change.joint {
            self.world.change = Some(Change { joint: true, ..change });
            let time = self.some_ms(1, 40);
            self.after(time, Next::Apply(number));
            // The worst moment for its leader to die.
            let leader = self.world.home(self.world.store.me).map(|(host, _)| host.clone());
            if let Some(leader) = leader.filter(|_| self.rough && self.rng.u32(0..100) < 5) {
                self.kill(&leader);
            }
            return;
        }
        self.world.change = None;
        self.tell(|| format!("  done: {:?}", change.command));
        self.take_effect(&change.command);
    }

    pub fn void(&mut self, number: u64) {
        if self.world.change.as_ref().is_some_and(|change| change.number == number) {
            self.world.change = None;
        }
    }

    /// A new leader has a change in its log, or has not; a joint configuration it has.
    pub fn take_over_change(&mut self) {
        let Some(change) = self.world.change.take() else { return };
        if change.joint {
            self.count(Counted::JointTakenOver);
        } else if change.lost || self.rng.bool() {
            return;
        }
        let time = self.some_ms(1, 100);
        self.after(time, Next::Apply(change.number));
        self.world.change = Some(change);
    }

    fn take_effect(&mut self, command: &Command) {
        match command {
            Command::AddLearner { host, peer } => self.add(host, peer),
            Command::Promote { .. } | Command::Demote { .. } | Command::Exchange { .. } => {
                let voters = self.world.voters_after(command);
                for (id, member) in &mut self.world.store.members {
                    member.role = if voters.contains(id) { Role::Voter } else { Role::Learner };
                }
            }
            Command::Remove { member } => self.remove(*member),
            Command::Readdress { member, peer } => {
                let peer = peer.clone().unwrap_or_else(|| format!("nowhere:{member}"));
                let taken = self.world.store.members.values().any(|other| other.peer == peer);
                if let Some(member) = self.world.store.members.get_mut(member).filter(|_| !taken) {
                    member.peer = peer;
                }
            }
            Command::Nominate { .. } | Command::Withdraw { .. } | Command::MoveLeader { .. } => {}
        }
    }

    fn add(&mut self, host: &HostName, peer: &str) {
        let store = &mut self.world.store;
        assert!(store.members.values().all(|member| member.peer != peer), "two members at {peer}");
        let id = MemberId(self.world.next_member);
        self.world.next_member += 1;
        let member = Member {
            host: None,
            peer: peer.to_owned(),
            role: Role::Learner,
            lag: Some(Lag { entries: 1000, since: self.now }),
            silent_since: Some(self.now),
        };
        store.members.insert(id, member);
        // The note of the id comes after, and may be lost with its leader.
        if let Some(nomination) =
            store.nominations.get_mut(host).filter(|_| !self.rough || self.rng.u32(0..50) > 0)
        {
            nomination.member = Some(id);
            self.called(host);
        }
    }

    fn remove(&mut self, id: MemberId) {
        let host = self.world.store.members.remove(&id).and_then(|member| member.host);
        let Some(host) = host else { return };
        let machine = self.world.machines.get_mut(&host).expect("it is there");
        if machine.running && machine.disk == DataDir::Of(id) {
            (machine.serving, machine.disk) = (false, DataDir::Fresh);
        }
        let time = self.some_ms(5, 100);
        self.after(time, Next::Register(host));
    }

    /// What is written to the store, or asked of the leader.
    pub fn write(&mut self, command: &Command, term: u64) {
        if term != self.leading.term || self.leading.leader.is_none() || !self.world.has_quorum() {
            return;
        }
        match command {
            Command::Nominate { host, duty } => {
                let nomination = Nomination { duty: *duty, since: self.now, member: None };
                self.world.store.nominations.insert(host.clone(), nomination);
            }
            Command::Withdraw { host } => {
                self.world.store.nominations.remove(host);
            }
            Command::MoveLeader { to } => self.hand_over(*to),
            _ => unreachable!("the rest goes through the log"),
        }
    }
}

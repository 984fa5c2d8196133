//! How a life ends: nothing befalls anybody any more, and what is then still not as it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use mgmt::cluster::mesh::HostName;
use mgmt::cluster::mesh::policy::Zones;
use mgmt::cluster::mesh::steward::{Command, DataDir, Intent, Role, Volunteers};
use mgmt::engine::sched::Time;

use super::SECOND;
use super::life::{Life, Next};
use super::machine::Machine;

/// Once all is well: until the right number of hosts vote and one stands by. A host that failed to come up rests for
/// five minutes, and learners catch up.
const VOTES: Duration = Duration::from_secs(12 * 60);

/// Until nothing is left to do: an hour to forget who is gone, then moves and removals.
const ALL: Duration = Duration::from_secs(3 * 3600);

/// For how long nothing is to happen after that.
const QUIET: Duration = Duration::from_secs(2 * 3600);

impl Life {
    /// From now on nothing befalls anybody.
    pub fn heal(&mut self) {
        self.tell(|| "all is well again".to_owned());
        self.healed = Some(self.now);
        self.rough = false;
        let hosts: Vec<HostName> = self.world.machines.keys().cloned().collect();
        for host in hosts {
            self.reach(&host);
            self.mend(&host);
            self.after(SECOND, Next::Start(host));
        }
        self.after(SECOND, Next::Look);
    }

    /// Whether the life is over; an error if something takes too long.
    pub fn look(&mut self) -> Result<bool, String> {
        let well_for = self.now.since(self.healed.expect("nobody looks before"));
        let few = self.missing_votes();
        if well_for > VOTES
            && let Some(few) = few
        {
            return Err(format!("votes: {few}, {well_for:?} after all was well"));
        }
        match (self.unrest(), self.settled) {
            (Some(unrest), Some(_)) => return Err(format!("quiet: it was, and now {unrest}")),
            (Some(unrest), None) if well_for > ALL => return Err(format!("unrest: {unrest}")),
            (Some(_), None) => {}
            (None, None) => {
                self.tell(|| "all is settled".to_owned());
                self.settled = Some(self.now);
            }
            (None, Some(since)) if self.now.since(since) > QUIET => return Ok(false),
            (None, Some(_)) => {}
        }
        self.after(60 * SECOND, Next::Look);
        Ok(true)
    }

    fn volunteers(&self) -> Vec<&Machine> {
        let fit = |machine: &&Machine| {
            machine.running && !machine.leaves && machine.volunteers != Volunteers::Never
        };
        self.world.machines.values().filter(fit).collect()
    }

    /// What is not as it should be with the votes and the spare.
    fn missing_votes(&self) -> Option<String> {
        let wanted = usize::from(self.world.store.policy.voters);
        let volunteers = self.volunteers().len();
        let odd = [9, 7, 5, 3, 1].into_iter().find(|odd| *odd <= volunteers.min(wanted)).unwrap_or(1);
        let voters = self.world.voters();
        if voters.len() != odd || voters.iter().any(|id| !self.world.is_heard(*id)) {
            return Some(format!("{voters:?} vote, {odd} should"));
        }
        let ready = self.world.store.members.iter().filter(|(id, member)| {
            member.role == Role::Learner && member.lag.is_none() && self.world.is_heard(**id)
        });
        let relays = self.world.store.clients / u64::from(self.world.store.policy.relay_per);
        let needed = (1 + usize::try_from(relays).unwrap()).min(volunteers.saturating_sub(odd));
        let ready = ready.count();
        (ready < needed).then(|| format!("{ready} learners are ready, {needed} are needed"))
    }

    /// What is left to do.
    fn unrest(&self) -> Option<String> {
        if let Some(few) = self.missing_votes() {
            return Some(few);
        }
        let store = &self.world.store;
        // A spare too many may go.
        let change = self.world.change.as_ref().map(|change| &change.command);
        let changing = change.is_some_and(|command| !matches!(command, Command::Remove { .. }));
        if self.leading.leader.is_none() || changing || !store.nominations.is_empty() {
            return Some(format!("no leader, or {:?}, or {:?}", self.world.change, store.nominations));
        }
        if let Some((id, member)) = store
            .members
            .iter()
            .find(|(id, member)| !self.world.is_heard(**id) || member.lag.is_some() || member.host.is_none())
        {
            return Some(format!("{id} is {member:?}"));
        }
        if let Some(host) = store.hosts.values().find(|host| host.intent != Intent::Stays) {
            return Some(format!("{host:?} wants to go"));
        }
        for (id, member) in &store.members {
            if self.world.home(*id).is_none_or(|(_, machine)| machine.peer != member.peer) {
                return Some(format!("{id} is not at {}", member.peer));
            }
        }
        if let Some(host) = self.slighted().filter(|_| self.world.voters().len() > 1) {
            return Some(format!("{host} prefers to serve, and another votes in its place"));
        }
        let (is, best) = (self.crowding(), self.least_crowding());
        (store.policy.zones == Zones::Spread && self.world.voters().len() > 1 && is > best)
            .then(|| format!("the votes are crowded: {is}, where {best} is possible"))
    }

    /// A host that prefers to serve and has no vote, though another does not and has one, and the zones would be
    /// used no less evenly the other way round.
    fn slighted(&self) -> Option<String> {
        let voters = self.world.voters();
        let votes = |machine: &Machine| voters.iter().any(|id| machine.disk == DataDir::Of(*id));
        let prefers = |machine: &Machine| machine.volunteers == Volunteers::Prefers;
        let all = self.volunteers();
        let count = |zone: &str| all.iter().filter(|machine| votes(machine) && machine.zone == zone).count();
        let slighted = all.iter().filter(|machine| prefers(machine) && !votes(machine)).find(|machine| {
            all.iter().filter(|other| votes(other) && !prefers(other)).any(|other| {
                let near = self.world.store.policy.zones == Zones::Ignore || other.zone == machine.zone;
                near || count(&machine.zone) < count(&other.zone)
            })
        });
        slighted.map(|machine| machine.peer.clone())
    }

    /// The sum of the squares of the votes in each zone.
    fn crowding(&self) -> usize {
        let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
        for id in self.world.voters() {
            if let Some((_, machine)) = self.world.home(id) {
                *zones.entry(&machine.zone).or_default() += 1;
            }
        }
        zones.values().map(|count| count * count).sum()
    }

    /// The least that it can be: votes are dealt out one by one, to the zone that has fewest.
    fn least_crowding(&self) -> usize {
        let mut room: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for machine in self.volunteers() {
            room.entry(&machine.zone).or_default().1 += 1;
        }
        for _ in 0..self.world.voters().len() {
            let free = room.values_mut().filter(|(votes, hosts)| votes < hosts);
            if let Some((votes, _)) = free.min_by_key(|(votes, _)| *votes) {
                *votes += 1;
            }
        }
        room.values().map(|(votes, _)| votes * votes).sum()
    }

    /// Lets a mesh settle, kills a voter with nobody else harmed; how long until another has its vote.
    pub fn kill_a_voter(mut self) -> Duration {
        // Something always happens.
        (0..3000).for_each(|secs| self.after(SECOND * secs, Next::Wake));
        while self.now < Time::from_secs(1000) || self.unrest().is_some() {
            let unrest = self.unrest();
            self.advance().unwrap_or_else(|error| panic!("{error}: {unrest:?}"));
        }
        let voters = self.world.voters();
        let id = voters[self.rng.usize(0..voters.len())];
        let host = self.world.home(id).expect("it is heard").0.clone();
        let machine = self.world.machines.get_mut(&host).expect("it is there");
        (machine.running, machine.serving) = (false, false);
        let died = self.now;
        self.absent(&host);
        self.after(Duration::from_millis(1), Next::Wake);
        while self.world.voters().contains(&id) {
            self.advance().expect("nothing breaks");
        }
        self.now.since(died)
    }
}

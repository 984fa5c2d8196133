//! What befalls a mesh.

use std::time::Duration;

use mgmt::cluster::mesh::HostName;
use mgmt::cluster::mesh::policy::Zones;
use mgmt::cluster::mesh::steward::{DataDir, Intent, Volunteers};

use super::life::{Life, Next};
use super::tally::Counted;

/// Hosts at the most.
const MOST: usize = 14;

impl Life {
    pub fn trouble(&mut self) {
        if self.healed.is_some() {
            return;
        }
        let hosts: Vec<HostName> = self.world.machines.keys().cloned().collect();
        let host = hosts[self.rng.usize(0..hosts.len())].clone();
        match self.rng.u32(0..100) {
            0..18 => self.kill(&host),
            18..32 => self.stop(&host),
            32..46 => self.cut(&host),
            46..52 => self.flap(&host),
            52..60 => self.lose_disk(&host),
            60..64 => self.leave(&host),
            64..70 => self.change_policy(),
            70..74 => self.break_down(&host),
            74..77 => self.change_wish(&host),
            77..81 => self.change_address(&host, &hosts),
            81..84 => self.power_cut(&hosts),
            84..87 => self.world.store.clients = [0, 0, 2500, 6001, 9999][self.rng.usize(0..5)],
            _ if hosts.len() < MOST => self.arrive(),
            _ => {}
        }
        let most = if self.percent(30) { 2 } else { 40 };
        let time = self.some_ms(5, most * 1000);
        self.after(time, Next::Trouble);
    }

    fn down(&mut self) -> Duration {
        let most = [500, 2500, 4000, 30_000, 120_000][self.rng.usize(0..5)];
        self.some_ms(20, most)
    }

    /// The process ends at once.
    pub fn kill(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if !machine.running {
            return;
        }
        (machine.running, machine.serving) = (false, false);
        self.tell(|| format!("{host} is killed"));
        self.count(Counted::Killed);
        self.absent(host);
        let down = self.down();
        self.after(down, Next::Start(host.clone()));
    }

    /// It stops cleanly, and says so if anybody listens.
    fn stop(&mut self, host: &HostName) {
        let (reached, now) = (self.world.machines[host].is_reached(), self.now);
        if reached
            && self.leading.leader.is_some()
            && self.world.has_quorum()
            && let Some(record) =
                self.world.store.hosts.get_mut(host).filter(|record| record.intent == Intent::Stays)
        {
            record.intent = Intent::Stopped { at: now };
            record.alive = false;
            self.tell(|| format!("{host} says that it stops"));
            self.count(Counted::Stopped);
        }
        self.kill(host);
    }

    fn cut(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if machine.cut {
            return;
        }
        machine.cut = true;
        self.tell(|| format!("{host} is cut off"));
        self.count(Counted::CutOff);
        self.absent(host);
        let down = self.down();
        self.after(down, Next::Reach(host.clone()));
    }

    /// It is cut off again and again.
    fn flap(&mut self, host: &HostName) {
        self.count(Counted::Flapped);
        for _ in 0..self.rng.u32(2..6) {
            self.cut(host);
            let time = self.some_ms(100, 6000);
            self.after(time, Next::Reach(host.clone()));
        }
    }

    /// The disk is lost, or restored from long ago; never so many that the store itself would be lost.
    fn lose_disk(&mut self, host: &HostName) {
        let DataDir::Of(id) = self.world.machines[host].disk else { return };
        let survives = self.world.most(|other| other != id && self.world.home(other).is_some());
        if self.world.change.is_some() || (!survives && self.world.voters().contains(&id)) {
            return;
        }
        self.kill(host);
        self.count(Counted::DiskLost);
        let older = self.rng.bool();
        self.tell(|| format!("{host} loses its disk (older: {older})"));
        let disk = if older { DataDir::Older(id) } else { DataDir::Fresh };
        self.world.machines.get_mut(host).expect("it is there").disk = disk;
    }

    fn leave(&mut self, host: &HostName) {
        let staying =
            self.world.machines.values().filter(|machine| {
                !machine.leaves && machine.running && machine.volunteers != Volunteers::Never
            });
        if staying.count() < 3 || self.world.machines[host].gone {
            return;
        }
        self.tell(|| format!("{host} is to leave"));
        self.count(Counted::Left);
        self.world.machines.get_mut(host).expect("it is there").leaves = true;
        self.after(Duration::from_millis(5), Next::Register(host.clone()));
    }

    fn change_policy(&mut self) {
        let policy = &mut self.world.store.policy;
        match self.rng.u32(0..10) {
            0..6 => policy.voters = [1, 3, 3, 5, 5, 7][self.rng.usize(0..6)],
            6..8 => policy.dead_after_ms = [1000, 3000, 3000, 10_000][self.rng.usize(0..4)],
            _ => policy.zones = if self.rng.bool() { Zones::Spread } else { Zones::Ignore },
        }
        self.tell(|| format!("the policy is {:?}", self.world.store.policy.settings()));
        self.count(Counted::PolicyChanged);
    }

    /// Its store does not start any more, or has no room.
    fn break_down(&mut self, host: &HostName) {
        let full = self.rng.bool();
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if full {
            machine.roomy = false;
        } else {
            machine.broken = true;
        }
        self.tell(|| format!("{host} breaks (full: {full})"));
        let time = self.some_ms(1000, 400_000);
        self.after(time, Next::Mend(host.clone()));
        self.after(Duration::from_millis(5), Next::Register(host.clone()));
    }

    fn change_wish(&mut self, host: &HostName) {
        let wishes = [Volunteers::Never, Volunteers::Yes, Volunteers::Prefers];
        let wish = wishes[self.rng.usize(0..3)];
        let others = self.world.machines.iter().filter(|(name, machine)| {
            *name != host && machine.volunteers != Volunteers::Never && !machine.leaves
        });
        if wish == Volunteers::Never && others.count() < 2 {
            return;
        }
        self.tell(|| format!("{host} volunteers: {wish:?}"));
        self.world.machines.get_mut(host).expect("it is there").volunteers = wish;
        self.after(Duration::from_millis(5), Next::Register(host.clone()));
    }

    /// It moves to another address, perhaps that of another host, which gets its own.
    fn change_address(&mut self, host: &HostName, hosts: &[HostName]) {
        let other = hosts[self.rng.usize(0..hosts.len())].clone();
        if other == *host || self.rng.bool() {
            self.world.revision += 1;
            let peer = format!("http://{host}-{}:2379", self.world.revision);
            self.world.machines.get_mut(host).expect("it is there").peer = peer;
        } else {
            let [one, two] = [host, &other].map(|name| self.world.machines[name].peer.clone());
            self.world.machines.get_mut(host).expect("it is there").peer = two;
            self.world.machines.get_mut(&other).expect("it is there").peer = one;
            self.after(Duration::from_millis(300), Next::Register(other));
        }
        self.after(Duration::from_millis(5), Next::Register(host.clone()));
    }

    /// Many hosts are killed at once.
    fn power_cut(&mut self, hosts: &[HostName]) {
        let spared = self.rng.usize(0..hosts.len());
        for (number, host) in hosts.iter().enumerate() {
            if number != spared {
                self.kill(host);
            }
        }
    }
}

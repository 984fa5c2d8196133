//! Hosts start, register, are called to serve, stop.

use std::collections::BTreeMap;

use mgmt::cluster::mesh::HostName;
use mgmt::cluster::mesh::steward::{DataDir, Host, Intent, Member, Role, Volunteers};
use mgmt::cluster::store::id::MemberId;

use super::life::{Life, Next};
use super::{MS, SECOND};

impl Life {
    /// The first host bootstraps a store of one.
    pub fn found(&mut self) {
        self.arrive();
        let (name, machine) = self.world.machines.iter_mut().next().expect("one has come");
        let (name, id) = (name.clone(), MemberId(self.world.next_member));
        self.world.next_member += 1;
        (machine.running, machine.serving, machine.instance) = (true, true, 1);
        (machine.disk, machine.volunteers) = (DataDir::Of(id), Volunteers::Yes);
        let member = Member {
            host: Some(name.clone()),
            peer: machine.peer.clone(),
            role: Role::Voter,
            lag: None,
            silent_since: None,
        };
        self.world.store.members.insert(id, member);
        self.lead(id);
        self.after(MS, Next::Register(name));
    }

    pub fn start(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if machine.running || machine.gone {
            return;
        }
        machine.running = true;
        machine.serving = false;
        machine.instance += 1;
        self.tell(|| format!("{host} starts"));
        let time = self.some_ms(5, 800);
        self.after(time, Next::Register(host.clone()));
        self.called(host);
    }

    /// Its store is to start, if it has one.
    pub fn called(&mut self, host: &HostName) {
        let slow = if self.rough && self.percent(5) { 40_000 } else { 800 };
        let time = self.some_ms(20, slow);
        let instance = self.world.machines[host].instance;
        self.after(time, Next::Serve(host.clone(), instance));
    }

    pub fn serve(&mut self, host: &HostName, instance: u64) {
        let nominated = self.world.store.nominations.get(host).and_then(|out| out.member);
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if machine.instance != instance || !machine.running || machine.broken || machine.serving {
            return;
        }
        let known = |id: &MemberId| self.world.store.members.contains_key(id);
        let own = match machine.disk {
            DataDir::Of(id) => Some(id).filter(known),
            DataDir::Fresh | DataDir::Older(_) => None,
        };
        let Some(id) = own.or(nominated.filter(known)) else { return };
        let new = own.is_none();
        if new && self.world.store.members[&id].host.is_some() {
            // It served under this id before, and has lost what it had.
            return;
        }
        (machine.serving, machine.disk) = (true, DataDir::Of(id));
        self.tell(|| format!("{host} serves as {id}"));
        self.world.store.members.get_mut(&id).expect("it is there").host = Some(host.clone());
        if new {
            let most = if self.rough && self.percent(8) { 90_000 } else { 2000 };
            self.fall_behind(id, most);
        }
        let time = self.some_ms(5, 100);
        self.after(time, Next::Register(host.clone()));
    }

    /// What a host is gets into the store, as soon as that can be written.
    pub fn register(&mut self, host: &HostName) {
        let machine = &self.world.machines[host];
        if !machine.running || machine.gone {
            return;
        }
        if machine.cut || self.leading.leader.is_none() || !self.world.has_quorum() {
            return self.after(500 * MS, Next::Register(host.clone()));
        }
        let mut machine = machine.clone();
        let known = |id: MemberId| self.world.store.members.contains_key(&id);
        if let DataDir::Of(id) | DataDir::Older(id) = machine.disk
            && !known(id)
        {
            // It was removed while it was away.
            machine.disk = DataDir::Fresh;
            self.world.machines.get_mut(host).expect("it is there").disk = DataDir::Fresh;
        }
        let before = self.world.store.hosts.get(host);
        let stopped =
            before.map(|before| before.intent).filter(|intent| matches!(intent, Intent::Stopped { .. }));
        let will_serve = matches!(machine.disk, DataDir::Of(_)) && !machine.serving;
        let since = match before {
            Some(before) if before.instance == machine.instance => before.since,
            _ => {
                self.world.revision += 1;
                self.world.revision
            }
        };
        let record = Host {
            zone: machine.zone,
            labels: BTreeMap::new(),
            since,
            instance: machine.instance,
            alive: true,
            intent: match stopped {
                _ if machine.leaves => Intent::Leaves,
                Some(stopped) if will_serve => stopped,
                _ => Intent::Stays,
            },
            volunteers: machine.volunteers,
            disk_free_bytes: if machine.roomy { 1 << 40 } else { 0 },
            memory_bytes: 16 << 30,
            peer: Some(machine.peer),
            data: machine.disk,
        };
        self.world.store.hosts.insert(host.clone(), record);
        self.depart(host);
    }

    /// A host that leaves and carries nothing any more is gone.
    fn depart(&mut self, host: &HostName) {
        let serves = self.world.store.members.values().any(|member| member.host.as_ref() == Some(host));
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if machine.leaves && !serves {
            (machine.running, machine.serving, machine.gone) = (false, false, true);
            self.world.store.hosts.remove(host);
            self.tell(|| format!("{host} has left"));
        }
    }

    /// A lease ends fifteen seconds after its host was last reached.
    pub fn expire(&mut self, host: &HostName, absence: u64) {
        let machine = &self.world.machines[host];
        if machine.absences != absence || machine.is_reached() {
            return;
        }
        if self.leading.leader.is_none() {
            return self.after(SECOND, Next::Expire(host.clone(), absence));
        }
        if let Some(record) = self.world.store.hosts.get_mut(host) {
            record.alive = false;
        }
    }

    /// It is not reached any more; its lease ends some time later.
    pub fn absent(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        machine.absences += 1;
        let absence = machine.absences;
        self.after(15 * SECOND, Next::Expire(host.clone(), absence));
    }

    pub fn reach(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        if machine.cut {
            machine.cut = false;
            self.tell(|| format!("{host} is reached again"));
            let time = self.some_ms(5, 500);
            self.after(time, Next::Register(host.clone()));
        }
    }

    pub fn mend(&mut self, host: &HostName) {
        let machine = self.world.machines.get_mut(host).expect("it is there");
        (machine.broken, machine.roomy) = (false, true);
        self.called(host);
        self.after(MS, Next::Register(host.clone()));
    }
}

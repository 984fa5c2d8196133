//! One member: its process, and what waits in it.

use std::collections::{BTreeMap, BTreeSet};

use mgmt::cluster::raft::wire::Entry;
use mgmt::cluster::raft::{
    CatchUp, Input, MemberId, ProposalId, ReadId, Replica, Saved, Settings, SnapshotRule,
};

use super::Time;
use super::clients::Asker;
use super::command::identify;
use super::disk::Disk;
use super::machine::{Machine, Map};

/// Inputs that a frozen process may find when it goes on; what peers send beyond that is lost.
const INBOX: usize = 2_000;

/// A process.
pub struct Process {
    pub replica: Replica,
    pub machine: Box<dyn Machine>,
    pub inbox: Vec<Input>,
    /// It will look into its inbox.
    pub waking: bool,
    /// Proposals that had no answer yet, and who asked, if it was a client.
    pub proposals: BTreeMap<ProposalId, Option<Asker>>,
    pub reads: BTreeMap<ReadId, Asker>,
    pub next_read: u64,
    /// Who watches, and from which revision on.
    pub watchers: BTreeMap<usize, u64>,
    /// The last entry that was applied.
    pub applied: u64,
}

pub struct Member {
    pub id: u64,
    pub disk: Disk,
    pub process: Option<Process>,
    /// Grows with every start, so that what was meant for an earlier process is known.
    pub life: u64,
    /// A frozen process does nothing, while its disk and time go on.
    pub frozen: bool,
    /// Its clock's idea of 100 ms.
    pub tick: Time,
    /// Its disk takes that long beside the usual, until then.
    pub stall: Option<(Time, Time)>,
    /// It is no member any more, as all may know.
    pub removed: bool,
    /// The entry that last said whether it is one.
    pub changed: u64,
    pub rule: SnapshotRule,
    pub keep: u64,
}

impl Member {
    pub fn new(id: u64, saved: &Saved, tick: Time, rule: SnapshotRule, keep: u64) -> Self {
        Self {
            id,
            disk: Disk::new(id, saved),
            process: None,
            life: 0,
            frozen: false,
            tick,
            stall: None,
            removed: false,
            changed: 0,
            rule,
            keep,
        }
    }

    /// Starts the process from what is on disk; the entries that are there.
    pub fn start(&mut self, seed: u64) -> Result<Vec<Entry>, String> {
        let saved = self.disk.recover()?;
        self.life += 1;
        self.frozen = false;
        let mut settings = Settings::new(MemberId(self.id), seed ^ (self.life << 32), identify);
        settings.snapshot = self.rule;
        settings.catch_up = CatchUp { entries: self.keep, bytes: 1 << 20 };
        settings.message_bytes = 2_000;
        settings.messages_in_flight = 8;
        settings.apply_bytes = 4_000;
        let mut machine = Map::default();
        let applied = saved.snapshot.as_ref().map_or(0, |snapshot| snapshot.metadata.index);
        if applied > 0 {
            machine.restore(&self.disk.bodies[&applied]);
        }
        let replica = Replica::new(settings, &saved).map_err(|error| error.to_string())?;
        self.process = Some(Process {
            replica,
            machine: Box::new(machine),
            inbox: Vec::new(),
            waking: false,
            proposals: BTreeMap::new(),
            reads: BTreeMap::new(),
            next_read: 1,
            watchers: BTreeMap::new(),
            applied,
        });
        Ok(saved.entries)
    }

    /// The process, if it is there and does something.
    pub fn awake(&mut self) -> Option<&mut Process> {
        self.process.as_mut().filter(|_| !self.frozen)
    }

    /// Hands something to the process, if there is one; whether it must be woken.
    pub fn hand(&mut self, input: Input) -> bool {
        let Some(process) = &mut self.process else { return false };
        let droppable = matches!(input, Input::Message(_) | Input::Tick);
        if droppable && process.inbox.len() >= INBOX {
            return false;
        }
        process.inbox.push(input);
        !self.frozen && !std::mem::replace(&mut process.waking, true)
    }
}

impl Process {
    /// Who waits here.
    pub fn waiting(&self) -> BTreeSet<Asker> {
        self.proposals.values().flatten().chain(self.reads.values()).copied().collect()
    }
}

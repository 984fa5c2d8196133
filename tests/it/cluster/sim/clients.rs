//! Who uses the cluster, one request at a time each, and what they saw.

use std::collections::BTreeMap;

use mgmt::cluster::raft::ProposalId;

use super::command::Command;

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    Write(Command),
    Read(u8),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this answer, given at this moment.
    Wrote {
        swapped: bool,
        at: u64,
    },
    Read {
        value: Option<u64>,
        at: u64,
    },
    /// Nothing came of it, for certain.
    Void,
    /// Nobody knows.
    Unknown,
}

/// A client, and which of all requests it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    pub client: usize,
    pub deed: usize,
}

/// A request and its end. Moments are numbers of events, which do not coincide.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    pub request: Request,
    pub asked: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Default)]
pub struct Clients {
    /// What each waits for: the number of its request.
    pub waiting: BTreeMap<usize, usize>,
    pub deeds: Vec<Deed>,
    /// When a write was first applied anywhere.
    pub applied: BTreeMap<ProposalId, u64>,
}

impl Clients {
    pub fn ask(&mut self, client: usize, request: Request, asked: u64) -> Asker {
        let deed = self.deeds.len();
        self.deeds.push(Deed { request, asked, outcome: Outcome::Unknown });
        self.waiting.insert(client, deed);
        Asker { client, deed }
    }

    /// Whether it still waits for that.
    pub fn waits(&self, asker: Asker) -> bool {
        self.waiting.get(&asker.client) == Some(&asker.deed)
    }

    /// A client has its answer, if it still waits for it.
    pub fn end(&mut self, asker: Asker, outcome: Outcome) -> bool {
        let waits = self.waits(asker);
        if waits {
            self.waiting.remove(&asker.client);
            self.deeds[asker.deed].outcome = outcome;
        }
        waits
    }
}

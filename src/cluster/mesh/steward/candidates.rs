//! Hosts that could be asked to serve.

use std::collections::{BTreeMap, BTreeSet};

use super::addresses::Address;
use super::host::{Host, Intent, Volunteers};
use super::limits;
use super::memory::Memory;
use super::places::Place;
use super::scene::{Scene, Standing};
use crate::cluster::mesh::HostName;

/// Hosts that could be asked to serve, the longest up in each place; and what one needs to choose among them.
#[derive(Default)]
pub(super) struct Candidates<'a> {
    /// How many there are.
    pub count: usize,
    /// By place, at most [`limits::AT_ONCE`] each: since when up, and who.
    pub best: BTreeMap<Place<'a>, BTreeSet<(u64, &'a HostName)>>,
    /// How many hosts are alive, by zone.
    pub alive: BTreeMap<&'a str, u64>,
}

impl<'a> Candidates<'a> {
    /// Takes one out.
    pub fn take(&mut self, place: Place<'a>, host: &'a HostName) {
        if let Some(best) = self.best.get_mut(&place) {
            best.retain(|(_, other)| *other != host);
            self.count -= 1;
        }
        self.best.retain(|_, best| !best.is_empty());
    }
}

impl<'a> Scene<'a> {
    /// Looks through all hosts.
    pub fn candidates(&self, memory: &Memory) -> Candidates<'a> {
        let mut found = Candidates::default();
        let serving = self.serving();
        for (name, host) in &self.view.hosts {
            if !host.alive {
                continue;
            }
            *found.alive.entry(&host.zone).or_default() += 1;
            if !serving.contains(name) && self.is_eligible(name, host, memory) {
                found.count += 1;
                let place = place_of(host);
                let best = found.best.entry(place).or_default();
                best.insert((host.since, name));
                if best.len() > limits::AT_ONCE {
                    best.pop_last();
                }
            }
        }
        found
    }

    /// Whether anybody may be able to serve who does not yet.
    pub fn has_prospects(&self, memory: &Memory) -> bool {
        let serving = self.serving();
        self.coming().next().is_some()
            || self.bare_nominations().next().is_some()
            || self.view.hosts.iter().any(|(name, host)| {
                host.alive && !serving.contains(name) && self.is_eligible(name, host, memory)
            })
    }

    /// Hosts whose member may still serve.
    fn serving(&self) -> BTreeSet<&HostName> {
        self.members
            .iter()
            .filter(|known| known.standing != Standing::Lost)
            .map(|known| &known.name)
            .collect()
    }

    fn is_eligible(&self, name: &HostName, host: &Host, memory: &Memory) -> bool {
        host.volunteers != Volunteers::Never
            && host.intent == Intent::Stays
            && host.has_room_for(self.view.store_bytes)
            && !memory.resting.contains_key(name)
            && !self.view.nominations.contains_key(name)
            && host.peer.as_deref().is_some_and(|peer| !matches!(self.address(peer, None), Address::Taken))
    }
}

/// Where a host is.
pub(super) fn place_of(host: &Host) -> Place<'_> {
    Place { zone: &host.zone, preferred: host.volunteers == Volunteers::Prefers }
}

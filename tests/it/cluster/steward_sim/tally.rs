//! How often each thing happened, so that nobody takes a life without troubles for a proof.

use std::collections::BTreeMap;
use std::fmt;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Hosts.
    Killed,
    Stopped,
    CutOff,
    Flapped,
    DiskLost,
    Left,
    PolicyChanged,
    /// Leaders.
    LeaderLost,
    QuorumLost,
    HandedOver,
    JointTakenOver,
    OrderLost,
    /// Orders.
    Exchanged,
    Moved,
    Promoted,
    Demoted,
    Readdressed,
    RelayNominated,
    Withdrawn,
    SurplusRemoved,
    LostRemoved,
    NeverStarted,
    Forgotten,
}

impl Counted {
    pub const ALL: [Self; 23] = [
        Self::Killed,
        Self::Stopped,
        Self::CutOff,
        Self::Flapped,
        Self::DiskLost,
        Self::Left,
        Self::PolicyChanged,
        Self::LeaderLost,
        Self::QuorumLost,
        Self::HandedOver,
        Self::JointTakenOver,
        Self::OrderLost,
        Self::Exchanged,
        Self::Moved,
        Self::Promoted,
        Self::Demoted,
        Self::Readdressed,
        Self::RelayNominated,
        Self::Withdrawn,
        Self::SurplusRemoved,
        Self::LostRemoved,
        Self::NeverStarted,
        Self::Forgotten,
    ];
}

/// How often each thing happened, and in how many lives.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Counted, (u64, u64)>,
}

impl Tally {
    /// It happened once more.
    pub fn add(&mut self, what: Counted) {
        self.counts.entry(what).or_insert((0, 1)).0 += 1;
    }

    /// Takes in what happened in other lives.
    pub fn join(&mut self, other: &Self) {
        for (what, (times, lives)) in &other.counts {
            let count = self.counts.entry(*what).or_default();
            count.0 += times;
            count.1 += lives;
        }
    }

    /// In how many lives it happened.
    pub fn lives(&self, what: Counted) -> u64 {
        self.counts.get(&what).map_or(0, |(_, lives)| *lives)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for what in Counted::ALL {
            let (times, lives) = self.counts.get(&what).copied().unwrap_or_default();
            writeln!(f, "{:<16} {times:>9} times in {lives:>6} lives", format!("{what:?}"))?;
        }
        Ok(())
    }
}

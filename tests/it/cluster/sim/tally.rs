//! How often each thing happened, so that nobody takes a life without troubles for a proof.

use std::collections::BTreeMap;
use std::fmt;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Messages.
    Lost,
    /// By a tenth of a second or more.
    Delayed,
    /// Sent later than another from the same member to the same, and there before it.
    Overtaking,
    Doubled,
    /// Between members that cannot reach one another just then.
    Cut,
    /// Processes.
    Crashed,
    /// The last record was half there at the next start.
    Torn,
    /// A crash took bytes that were written and not synced.
    Forgotten,
    Frozen,
    /// A sync took longer than a leader waits.
    Stalled,
    /// Clocks of one cluster of which one goes a quarter faster than another.
    Skewed,
    /// Members.
    Elected,
    HandedOver,
    LearnerAdded,
    LearnerPromoted,
    VoterDemoted,
    Exchanged,
    JointChangeLeft,
    Removed,
    SnapshotMade,
    SnapshotFailed,
    SnapshotSent,
    SnapshotInstalled,
    /// Clients.
    Wrote,
    Refused,
    NeverKnown,
    Read,
    ReadFromFollower,
    /// Asked while another waits for the same key.
    Overlapping,
    Watched,
    WatcherMoved,
}

impl Counted {
    pub const ALL: [Self; 31] = [
        Self::Lost,
        Self::Delayed,
        Self::Overtaking,
        Self::Doubled,
        Self::Cut,
        Self::Crashed,
        Self::Torn,
        Self::Forgotten,
        Self::Frozen,
        Self::Stalled,
        Self::Skewed,
        Self::Elected,
        Self::HandedOver,
        Self::LearnerAdded,
        Self::LearnerPromoted,
        Self::VoterDemoted,
        Self::Exchanged,
        Self::JointChangeLeft,
        Self::Removed,
        Self::SnapshotMade,
        Self::SnapshotFailed,
        Self::SnapshotSent,
        Self::SnapshotInstalled,
        Self::Wrote,
        Self::Refused,
        Self::NeverKnown,
        Self::Read,
        Self::ReadFromFollower,
        Self::Overlapping,
        Self::Watched,
        Self::WatcherMoved,
    ];
}

/// How often each thing happened, and in how many lives.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<Counted, (u64, u64)>,
}

impl Tally {
    /// It happened that many times more.
    pub fn add(&mut self, what: Counted, times: u64) {
        if times > 0 {
            let count = self.counts.entry(what).or_insert((0, 1));
            count.0 += times;
        }
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
            writeln!(f, "{:<18} {times:>9} times in {lives:>6} lives", format!("{what:?}"))?;
        }
        Ok(())
    }
}

#[test]
fn lives_are_counted_beside_times() {
    let mut one = Tally::default();
    one.add(Counted::Lost, 3);
    one.add(Counted::Lost, 2);
    one.add(Counted::Cut, 0);
    let mut all = Tally::default();
    all.join(&one);
    all.join(&one);
    assert_eq!((all.lives(Counted::Lost), all.lives(Counted::Cut)), (2, 0));
    assert!(all.to_string().contains("10 times in      2 lives"));
}

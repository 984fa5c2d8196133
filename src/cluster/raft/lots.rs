//! How long a member waits before it stands for election.
//!
//! The `raft` crate draws from the thread's random numbers; a run that can be repeated draws its own, and puts them in
//! place of the crate's before they count.

use raft::{RawNode, StateRole, Storage};

/// Draws election timeouts.
#[derive(Debug)]
pub(super) struct Lots {
    state: u64,
    from: u64,
    drawn: usize,
    /// For which term and role.
    held: Option<(u64, StateRole)>,
}

impl Lots {
    /// Timeouts from `election_ticks` up to one less than twice as many.
    pub(super) fn new(seed: u64, election_ticks: u32) -> Self {
        Self { state: seed, from: u64::from(election_ticks), drawn: 0, held: None }
    }

    /// To be called after everything that may have changed term or role. `anew`: draws in any case.
    pub(super) fn settle<S: Storage>(&mut self, raw: &mut RawNode<S>, anew: bool) {
        let holds = Some((raw.raft.term, raw.raft.state));
        if anew || self.held != holds {
            self.held = holds;
            let ticks = self.from + self.next() % self.from;
            self.drawn = usize::try_from(ticks).unwrap_or(usize::MAX);
        }
        raw.raft.set_randomized_election_timeout(self.drawn);
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

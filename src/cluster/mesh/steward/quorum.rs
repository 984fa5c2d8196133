//! What may be changed without risking the quorum.

use super::draft::Draft;
use super::remark::Remark;
use super::scene::{Known, Scene};
use crate::cluster::store::id::MemberId;

/// How many of so many voters must agree.
pub(super) fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest odd number up to `most`; 1 at the least.
pub(super) fn odd_floor(most: usize) -> usize {
    if most.is_multiple_of(2) { most.saturating_sub(1).max(1) } else { most }
}

impl<'a> Scene<'a> {
    /// Whether most voters are heard.
    pub fn has_quorum(&self, draft: &mut Draft) -> bool {
        let (heard, voters) = count(self.voters());
        let has = heard >= quorum(voters);
        if !has {
            draft.remark(Remark::NoQuorum { heard, voters });
        }
        has
    }

    /// Whether a change leaves a quorum that is heard, even if one of those that get the vote fails at once.
    pub fn is_safe(&self, promote: &[MemberId], demote: &[MemberId], draft: &mut Draft) -> bool {
        let after = self.members.iter().filter(|known| {
            let votes = self.voters().any(|voter| voter.id == known.id);
            promote.contains(&known.id) || (votes && !demote.contains(&known.id))
        });
        let (heard, voters) = count(after);
        let doubtful = usize::from(!promote.is_empty());
        // Who leaves as the only voter has no choice: the other must vote before it may go.
        let lone = self.voters().all(|known| self.is_me(known) && known.departing);
        let hands_over = lone && voters == 2 && heard == 2;
        let safe = hands_over || heard.saturating_sub(doubtful) >= quorum(voters);
        if !safe {
            draft.remark(Remark::WouldCostQuorum { heard, voters });
        }
        safe
    }
}

fn count<'s, 'a: 's>(voters: impl Iterator<Item = &'s Known<'a>>) -> (usize, usize) {
    voters.fold((0, 0), |(heard, all), known| (heard + usize::from(known.is_here()), all + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_electorate_is_odd_and_never_empty() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(odd_floor), [1, 1, 1, 3, 3, 5, 5]);
    }

    #[test]
    fn most_is_more_than_half() {
        assert_eq!([1, 2, 3, 4, 5].map(quorum), [1, 2, 2, 3, 3]);
    }
}

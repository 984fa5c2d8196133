//! Where votes are, and where they would better be: zones first, then hosts that prefer to serve.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::scene::{Known, Scene};
use crate::cluster::mesh::policy::Zones;
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

/// What matters of a host's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    pub zone: &'a str,
    /// It prefers to serve.
    pub preferred: bool,
}

/// How well placed an electorate is; less is better. The first number grows with how unevenly the zones are used, the
/// second is how many do not prefer to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost(u32, u32);

/// What an electorate costs that has its votes there.
pub(super) fn cost<'a>(zones: Zones, places: impl IntoIterator<Item = Place<'a>>) -> Cost {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut plain = 0;
    for place in places {
        *counts.entry(place.zone).or_default() += 1;
        plain += u32::from(!place.preferred);
    }
    let crowding = match zones {
        // Squares: an even spread over as many zones as there are is the least.
        Zones::Spread => counts.values().map(|count| count * count).sum(),
        Zones::Ignore => 0,
    };
    Cost(crowding, plain)
}

/// A voter and the learner that would take its place.
#[derive(Clone, Copy)]
pub(super) struct Swap<'s, 'a> {
    pub out: &'s Known<'a>,
    pub into: &'s Known<'a>,
    pub cost: Cost,
}

impl<'a> Scene<'a> {
    /// What the electorate costs as it is.
    pub fn present_cost(&self) -> Cost {
        cost(self.view.policy.zones, self.voters().map(Known::place))
    }

    /// What it costs without one, and with others.
    pub fn cost_with<'p>(
        &'p self,
        without: Option<MemberId>,
        with: impl IntoIterator<Item = Place<'p>>,
    ) -> Cost {
        let kept = self.voters().filter(|known| Some(known.id) != without).map(Known::place);
        cost(self.view.policy.zones, kept.chain(with))
    }

    /// Who best takes the place of a voter: by zone, by preference, by how long it is up.
    pub fn successor(&self, out: MemberId) -> Option<&Known<'a>> {
        self.ready().min_by_key(|known| (self.cost_with(Some(out), [known.place()]), known.seniority()))
    }

    /// The exchange after which the votes are in the best places, among learners that are ready and voters that pass.
    pub fn best_swap(&self, voter: impl Fn(&Known<'a>) -> bool) -> Option<Swap<'_, 'a>> {
        let swaps = self.voters().filter(|known| voter(known)).filter_map(|out| {
            let into = self.successor(out.id)?;
            Some(Swap { out, into, cost: self.cost_with(Some(out.id), [into.place()]) })
        });
        // Among equals: who is silent for longest, who is up for the shortest time.
        let silent = |known: &Known<'_>| known.member.silent_since.unwrap_or(Time(u64::MAX));
        swaps.min_by_key(|swap| {
            (swap.cost, silent(swap.out), Reverse(swap.out.seniority()), swap.into.seniority())
        })
    }
}

//! No term has two leaders.

use std::collections::BTreeMap;

use super::{Invariant, Seen, Verdict, hold};

#[derive(Default)]
pub struct OneLeader {
    leaders: BTreeMap<u64, u64>,
}

impl Invariant for OneLeader {
    fn name(&self) -> &'static str {
        "one leader a term"
    }

    fn seen(&mut self, seen: &Seen<'_>) -> Verdict {
        let Seen::Leads { member, term } = seen else { return Ok(()) };
        let leader = *self.leaders.entry(*term).or_insert(*member);
        hold(leader == *member, || format!("{leader} and {member} lead in term {term}"))
    }
}

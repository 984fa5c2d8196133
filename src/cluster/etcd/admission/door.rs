//! Connections that have not shown yet that they speak HTTP: those that agree on keys, and those that say nothing.
//!
//! There may be so many of them; then, for each that comes, the one that has been there longest goes. It is taken from
//! whoever has most of them, so that a flood crowds out itself: who needs a few milliseconds gets in.

use std::collections::BTreeMap;

use super::Source;

/// How many may stand in the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorBounds {
    /// Of all.
    pub all: usize,
    /// Of one source.
    pub of_one: usize,
}

impl Default for DoorBounds {
    /// A handshake that a stranger spins out takes about 80 KiB (rustls reads 64 KiB of one before it is complete): 80 MiB
    /// in all. A program that opens a thousand connections at once from one address is let in nevertheless: a well-behaved
    /// one stands here for milliseconds.
    fn default() -> Self {
        Self { all: 1_024, of_one: 512 }
    }
}

/// Which connection; later ones have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Who stands in the door; `H` is what tells a connection that it must go.
#[derive(Debug)]
pub struct Door<H> {
    bounds: DoorBounds,
    next: u64,
    count: usize,
    standing: BTreeMap<Source, BTreeMap<Ticket, H>>,
}

impl<H> Door<H> {
    /// An empty one.
    pub fn new(bounds: DoorBounds) -> Self {
        Self { bounds, next: 0, count: 0, standing: BTreeMap::new() }
    }

    /// One more comes; also returns who must go for it.
    pub fn enter(&mut self, source: Source, handle: H) -> (Ticket, Option<H>) {
        let own = self.standing.get(&source).map_or(0, BTreeMap::len);
        let crowded = if own >= self.bounds.of_one {
            Some(source)
        } else if self.count >= self.bounds.all {
            // There are not more sources than connections.
            self.standing.iter().max_by_key(|(_, standing)| standing.len()).map(|(source, _)| *source)
        } else {
            None
        };
        let goes = crowded.and_then(|source| {
            let oldest = *self.standing.get(&source)?.first_key_value()?.0;
            self.take(source, oldest)
        });
        let ticket = Ticket(self.next);
        self.next += 1;
        self.standing.entry(source).or_default().insert(ticket, handle);
        self.count += 1;
        (ticket, goes)
    }

    /// One is through, or has gone by itself.
    pub fn leave(&mut self, source: Source, ticket: Ticket) {
        self.take(source, ticket);
    }

    /// All must go.
    pub fn clear(&mut self) {
        self.standing.clear();
        self.count = 0;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn take(&mut self, source: Source, ticket: Ticket) -> Option<H> {
        let standing = self.standing.get_mut(&source)?;
        let handle = standing.remove(&ticket)?;
        if standing.is_empty() {
            self.standing.remove(&source);
        }
        self.count -= 1;
        Some(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(number: u32) -> Source {
        Source::V4(number.into())
    }

    fn door() -> Door<u32> {
        Door::new(DoorBounds { all: 8, of_one: 4 })
    }

    #[test]
    fn the_oldest_of_a_source_that_has_too_many_makes_room() {
        let mut door = door();
        let goes: Vec<_> = (0..6).map(|number| door.enter(from(1), number).1).collect();
        assert_eq!(goes, [None, None, None, None, Some(0), Some(1)]);
        assert_eq!(door.len(), 4);
    }

    #[test]
    fn when_all_is_full_who_has_most_makes_room_and_who_has_least_stays() {
        let mut door = door();
        assert_eq!(door.enter(from(9), 5_000).1, None);
        for number in 0..1_000 {
            let goes = door.enter(from(number % 3), number).1;
            assert_ne!(goes, Some(5_000));
            assert!(door.len() <= 8);
        }
        let goes = door.enter(from(8), 8).1;
        assert!(goes.is_some_and(|goes| (900..1_000).contains(&goes)), "{goes:?}");
    }

    #[test]
    fn nothing_stays_of_those_who_have_gone() {
        let mut door = door();
        let tickets: Vec<_> = (0..4).map(|number| (from(number), door.enter(from(number), 0).0)).collect();
        for (source, ticket) in tickets {
            door.leave(source, ticket);
            door.leave(source, ticket);
        }
        assert!(door.is_empty() && door.standing.is_empty());
    }
}

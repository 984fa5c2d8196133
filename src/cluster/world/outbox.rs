//! What waits to be written: in order, the newest value of each key.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// A write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// What it is to hold; `None`: it is to go.
    pub value: Option<Bytes>,
    /// The key goes with this host's lease.
    pub leased: bool,
}

impl Write {
    /// What it counts, in bytes.
    fn cost(&self) -> u64 {
        (self.key.len() + self.value.as_ref().map_or(0, Bytes::len)) as u64
    }
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many writes wait.
    pub count: usize,
    /// How many bytes they are.
    pub bytes: u64,
}

/// Writes that wait, each with those who wait for it.
#[derive(Debug)]
pub struct Outbox<W> {
    waiting: BTreeMap<Ticket, (Write, Vec<W>)>,
    newest: HashMap<Bytes, Ticket>,
    next: u64,
    bytes: u64,
    limit_bytes: u64,
}

impl<W> Outbox<W> {
    /// An empty one that takes so many bytes of keys and values.
    pub fn new(limit_bytes: u64) -> Self {
        Self { waiting: BTreeMap::new(), newest: HashMap::new(), next: 0, bytes: 0, limit_bytes }
    }

    /// Puts a write at the end. An earlier one of the same key that waits is dropped for it, and who waits for that one
    /// waits for this.
    pub fn push(&mut self, write: Write, waiter: Option<W>) -> Result<Ticket, Full> {
        let earlier = self.newest.get(&write.key).copied();
        let freed = earlier.and_then(|ticket| self.waiting.get(&ticket)).map_or(0, |(write, _)| write.cost());
        let bytes = self.bytes - freed + write.cost();
        if bytes > self.limit_bytes && bytes > self.bytes {
            return Err(Full { count: self.waiting.len(), bytes: self.bytes });
        }
        let mut waiters = Vec::new();
        if let Some((_, earlier)) = earlier.and_then(|ticket| self.waiting.remove(&ticket)) {
            waiters = earlier;
        }
        waiters.extend(waiter);
        let ticket = Ticket(self.next);
        self.next += 1;
        self.bytes = bytes;
        self.newest.insert(write.key.clone(), ticket);
        self.waiting.insert(ticket, (write, waiters));
        Ok(ticket)
    }

    /// The first in line, as many as fit.
    pub fn batch(&self, count: usize, bytes: u64) -> Vec<(Ticket, Write)> {
        let mut left = bytes;
        let fits = |(_, (write, _)): &(&Ticket, &(Write, Vec<W>))| {
            let cost = write.cost();
            let fits = cost <= left || left == bytes;
            left = left.saturating_sub(cost);
            fits
        };
        let first = self.waiting.iter().take(count).take_while(fits);
        first.map(|(ticket, (write, _))| (*ticket, write.clone())).collect()
    }

    /// This write is done: returns who waited for it. One that was replaced in the meantime has left already.
    pub fn done(&mut self, ticket: Ticket) -> Vec<W> {
        let Some((write, waiters)) = self.waiting.remove(&ticket) else { return Vec::new() };
        self.bytes -= write.cost();
        self.newest.remove(&write.key);
        waiters
    }

    /// What is to become of a key, if that waits.
    pub fn pending(&self, key: &[u8]) -> Option<&Write> {
        let ticket = self.newest.get(key)?;
        self.waiting.get(ticket).map(|(write, _)| write)
    }

    /// Whether a place in the queue is still taken.
    pub fn holds(&self, ticket: Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    /// Everything from a place on, in order.
    pub fn since(&self, from: Option<Ticket>) -> impl Iterator<Item = (Ticket, &Write)> {
        let after = from.map_or(0, |ticket| ticket.0 + 1);
        self.waiting.range(Ticket(after)..).map(|(ticket, (write, _))| (*ticket, write))
    }

    /// How many writes wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many bytes of keys and values wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &'static str, value: &'static str) -> Write {
        Write { key: key.into(), value: Some(value.into()), leased: false }
    }

    fn keys(outbox: &Outbox<u8>) -> Vec<Bytes> {
        outbox.batch(9, 999).into_iter().map(|(_, write)| write.key).collect()
    }

    #[test]
    fn only_the_newest_value_of_a_key_waits_and_it_waits_at_the_end() {
        let mut outbox = Outbox::new(100);
        for (waiter, one) in (1..).zip([write("a", "1"), write("b", "1"), write("a", "2")]) {
            outbox.push(one, Some(waiter)).unwrap();
        }
        assert_eq!(keys(&outbox), ["b", "a"]);
        assert_eq!((outbox.len(), outbox.bytes()), (2, 4));
        assert_eq!(outbox.pending(b"a"), Some(&write("a", "2")));
        let tickets: Vec<_> = outbox.batch(9, 99).into_iter().map(|(ticket, _)| ticket).collect();
        assert_eq!(outbox.done(tickets[1]), [1, 3], "who waits for the earlier waits for the later");
        assert_eq!(outbox.bytes(), 2);
    }

    #[test]
    fn a_write_that_was_replaced_while_it_was_under_way_does_not_take_the_newer_one_along() {
        let mut outbox = Outbox::new(100);
        let first = outbox.push(write("a", "1"), Some(1)).unwrap();
        outbox.push(write("a", "2"), Some(2)).unwrap();
        assert!(outbox.done(first).is_empty());
        assert_eq!(outbox.pending(b"a"), Some(&write("a", "2")));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_shrinks_never_is() {
        let mut outbox: Outbox<u8> = Outbox::new(4);
        outbox.push(write("a", "123"), None).unwrap();
        assert_eq!(outbox.push(write("b", ""), None), Err(Full { count: 1, bytes: 4 }));
        outbox.push(write("a", "12"), None).unwrap();
        outbox.push(write("b", ""), None).unwrap();
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_bytes_and_never_empty() {
        let mut outbox: Outbox<u8> = Outbox::new(100);
        for key in ["a", "b", "c"] {
            outbox.push(write(key, "1234"), None).unwrap();
        }
        assert_eq!(outbox.batch(2, 99).len(), 2);
        assert_eq!(outbox.batch(9, 11).len(), 2);
        assert_eq!(outbox.batch(9, 1).len(), 1);
    }
}

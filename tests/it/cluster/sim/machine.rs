//! State machines that the simulated members may run.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::command::{Command, Write};

/// A key got a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// One more with each.
    pub revision: u64,
    pub key: u8,
    pub value: u64,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The condition held.
    pub swapped: bool,
}

/// A state machine. It sees the log, and nothing else.
pub trait Machine {
    fn apply(&mut self, index: u64, data: &[u8]) -> Reply;
    fn snapshot(&self) -> Bytes;
    fn restore(&mut self, snapshot: &[u8]);
    fn get(&self, key: u8) -> Option<u64>;
    /// Up to where events are known.
    fn revision(&self) -> u64;
    /// The events from that revision on.
    fn events(&self, from: u64) -> &[Event];
}

/// A map with revisions, which forgets nothing.
#[derive(Debug, Default)]
pub struct Map {
    index: u64,
    values: BTreeMap<u8, u64>,
    events: Vec<Event>,
}

impl Machine for Map {
    fn apply(&mut self, index: u64, data: &[u8]) -> Reply {
        assert!(index > self.index, "entry {index} is applied after {}", self.index);
        self.index = index;
        let command = Command::decode(data);
        let swapped = match command.write {
            Write::Put => true,
            Write::Swap(expected) => self.get(command.key) == expected,
        };
        if swapped {
            self.values.insert(command.key, command.value);
            let revision = self.revision() + 1;
            self.events.push(Event { revision, key: command.key, value: command.value });
        }
        Reply { swapped }
    }

    fn snapshot(&self) -> Bytes {
        let mut bytes = self.index.to_le_bytes().to_vec();
        for event in &self.events {
            bytes.push(event.key);
            bytes.extend(event.value.to_le_bytes());
        }
        bytes.into()
    }

    fn restore(&mut self, snapshot: &[u8]) {
        let (index, events) = snapshot.split_at(8);
        *self = Self { index: u64::from_le_bytes(index.try_into().unwrap()), ..Self::default() };
        for (event, revision) in events.chunks(9).zip(1..) {
            let value = u64::from_le_bytes(event[1..].try_into().unwrap());
            self.values.insert(event[0], value);
            self.events.push(Event { revision, key: event[0], value });
        }
    }

    fn get(&self, key: u8) -> Option<u64> {
        self.values.get(&key).copied()
    }

    fn revision(&self) -> u64 {
        self.events.len() as u64
    }

    fn events(&self, from: u64) -> &[Event] {
        self.events.get(from.saturating_sub(1) as usize..).unwrap_or_default()
    }
}

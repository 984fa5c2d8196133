//! Counting semaphores with queues.

use std::collections::{BTreeMap, VecDeque};

use super::vertex::Ticket;
use crate::engine::meta::Semaphore;

/// All semaphores that are held or waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Semaphores(BTreeMap<Semaphore, Holders>);

#[derive(Clone, Debug, Default)]
struct Holders {
    held: u32,
    waiting: VecDeque<Ticket>,
}

impl Semaphores {
    /// Takes all of `wanted` or none; if none, the vertex queues for the first that is full. Taking all at once
    /// cannot deadlock.
    pub fn acquire(&mut self, ticket: Ticket, wanted: &[Semaphore]) -> bool {
        let full = wanted.iter().find(|&id| self.0.get(id).is_some_and(|holders| holders.held >= id.count));
        if let Some(id) = full {
            self.0.entry(id.clone()).or_default().waiting.push_back(ticket);
            return false;
        }
        for id in wanted {
            self.0.entry(id.clone()).or_default().held += 1;
        }
        true
    }

    /// Gives all of `held` back.
    pub fn release(&mut self, held: &[Semaphore]) {
        for id in held {
            let Some(holders) = self.0.get_mut(id) else { continue };
            holders.held = holders.held.saturating_sub(1);
            if holders.held == 0 && holders.waiting.is_empty() {
                self.0.remove(id);
            }
        }
    }

    /// Takes the first in line for a semaphore that has room; it may try again.
    pub fn next_in_line(&mut self, id: &Semaphore) -> Option<Ticket> {
        let holders = self.0.get_mut(id)?;
        if holders.held >= id.count {
            return None;
        }
        let next = holders.waiting.pop_front();
        if holders.held == 0 && holders.waiting.is_empty() {
            self.0.remove(id);
        }
        next
    }
}

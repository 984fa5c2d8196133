//! What entries of the log do: the store, and who its members are. Pure.

use super::reconfiguring;
use crate::cluster::etcd::log_entry;
use crate::cluster::raft::wire::{ConfState, Entry, EntryType};
use crate::cluster::store::Store;
use crate::cluster::store::error::StoreError;
use crate::cluster::store::member::{MemberChange, MemberError, Members};
use crate::cluster::store::reply::Applied;
use crate::cluster::store::request::{Change, Command};

/// The state that all members agree on.
#[derive(Debug, Default)]
pub struct Machine {
    /// Keys, leases, users.
    pub store: Store,
    /// Who belongs to the cluster.
    pub members: Members,
    /// Who of them votes, as the consensus has it.
    pub voters: ConfState,
    /// The term of the last entry that was applied.
    pub term: u64,
}

/// What an entry did.
#[derive(Debug)]
pub enum Effect {
    /// Nothing: the first entry of a term, or one that no member understands.
    Nothing,
    /// It changed the store, or was refused.
    Store(Change, Result<Applied, StoreError>),
    /// It changed the members, or was refused.
    Members(Result<(), MemberError>),
}

impl Machine {
    /// Applies the next entry. `known` is its command where it was proposed, so that it need not be read again.
    pub fn apply(&mut self, entry: &Entry, known: Option<Command>, max_learners: usize) -> Effect {
        self.term = entry.term;
        match entry.r#type() {
            EntryType::Normal if entry.data.is_empty() => {
                self.store.skip(entry.index);
                Effect::Nothing
            }
            EntryType::Normal => self.apply_command(entry, known),
            EntryType::ConfChange | EntryType::ConfChangeV2 => {
                self.store.skip(entry.index);
                self.apply_members(entry, max_learners)
            }
        }
    }

    fn apply_command(&mut self, entry: &Entry, known: Option<Command>) -> Effect {
        let command = match known.map_or_else(|| log_entry::decode(&entry.data), Ok) {
            Ok(command) => command,
            Err(error) => {
                // The same on each member of this version.
                tracing::error!(index = entry.index, %error, "an entry of the log is not understood");
                self.store.skip(entry.index);
                return Effect::Nothing;
            }
        };
        let change = command.change.clone();
        let applied = self.store.apply(entry.index, command);
        if let Change::MemberAttributes { id, name, client_urls, level } = &change {
            let attributes = MemberChange::Attributes {
                id: *id,
                name: name.clone(),
                client_urls: client_urls.clone(),
                level: *level,
            };
            // Of one that left meanwhile: of no interest any more.
            let _ = self.members.apply(attributes, usize::MAX);
        }
        Effect::Store(change, applied)
    }

    fn apply_members(&mut self, entry: &Entry, max_learners: usize) -> Effect {
        match reconfiguring::read(entry) {
            Ok(Some(change)) => Effect::Members(self.members.apply(change, max_learners)),
            Ok(None) => Effect::Nothing,
            Err(error) => {
                tracing::error!(index = entry.index, %error, "a change of members is not understood");
                Effect::Nothing
            }
        }
    }
}

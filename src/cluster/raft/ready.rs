//! What Raft wants written, sent and applied, in the order that is safe.
//!
//! A leader's messages go out while its disk writes; it counts its own entry only when it is on disk. A follower's
//! wait for the disk. One exception: a leader whose term is not on disk yet waits too. That is a single voter, which
//! elects itself without asking; it might crash, forget the term, and lead it again with other entries, while a
//! learner has the first ones.

use raft::eraftpb::Entry;

use super::outbox::Held;
use super::{Committed, Output, Replica, Save, convert, wire};

impl Replica {
    /// Takes all that Raft has ready.
    pub(super) fn drain(&mut self, out: &mut Vec<Output>) {
        while self.raw.has_ready() {
            self.take_ready(out);
            self.lots.settle(&mut self.raw, false);
        }
    }

    fn take_ready(&mut self, out: &mut Vec<Output>) {
        let mut ready = self.raw.ready();
        let snapshot = (!ready.snapshot().is_empty()).then(|| ready.snapshot().clone());
        let entries = ready.take_entries();
        let save = Save {
            number: ready.number(),
            hard_state: ready.hs().map(convert::hard_state_from_raft),
            entries: entries.iter().map(convert::entry_from_raft).collect(),
            snapshot: snapshot.as_ref().map(convert::snapshot_from_raft),
            must_sync: ready.must_sync(),
        };
        let log = self.raw.mut_store();
        if let Some(snapshot) = snapshot {
            log.install(snapshot);
        }
        log.append(&entries);
        let at_once = ready.take_messages();
        let later = ready.take_persisted_messages();
        let read = ready.take_read_states();
        let committed = ready.take_committed_entries();
        self.raw.advance_append_async(ready);

        self.answered(&read);
        let at_once = self.to_wire(&at_once);
        let later = self.to_wire(&later);
        self.give(save, at_once, later, out);
        self.apply(&committed, out);
    }

    /// Gives out what may go, and holds what must wait.
    fn give(
        &mut self,
        save: Save,
        at_once: Vec<wire::Message>,
        mut later: Vec<wire::Message>,
        out: &mut Vec<Output>,
    ) {
        if self.outbox.durable_term() < self.raw.raft.term {
            later.extend(at_once);
        } else {
            out.extend(at_once.into_iter().map(Output::Send));
        }
        let writes = save.hard_state.is_some() || !save.entries.is_empty() || save.snapshot.is_some();
        let number = save.number;
        self.outbox.hold(Held {
            number,
            writes,
            term: save.hard_state.map(|state| state.term),
            messages: later,
            snapshot: save.snapshot.clone(),
        });
        if writes {
            out.push(Output::Persist(save));
        }
        // Frees it at once if it writes nothing and stands behind nothing that does.
        self.persisted(0, out);
    }

    /// Saves up to this number are on disk.
    pub(super) fn persisted(&mut self, number: u64, out: &mut Vec<Output>) {
        let Some(released) = self.outbox.release(number) else { return };
        self.raw.on_persist_ready(released.number);
        out.extend(released.messages.into_iter().map(Output::Send));
        let Some(snapshot) = released.snapshot else { return };
        let index = snapshot.metadata.index;
        self.raw.advance_apply_to(index);
        self.applied_term = self.applied_term.max(snapshot.metadata.term);
        out.push(Output::Install(snapshot));
        out.push(Output::Members(self.members()));
        // Whether it holds what was proposed here nobody can say.
        out.extend(self.proposals.take_all().into_iter().map(Output::Unsettled));
    }

    fn apply(&mut self, entries: &[Entry], out: &mut Vec<Output>) {
        let Some(last) = entries.last().map(|entry| entry.index) else { return };
        let mut batch = Vec::with_capacity(entries.len());
        let mut dropped = Vec::new();
        let mut members = false;
        for entry in entries {
            let entry = convert::entry_from_raft(entry);
            if entry.term > self.applied_term {
                self.applied_term = entry.term;
                dropped.extend(self.proposals.lost_before(entry.term));
            }
            let id = match entry.r#type() {
                wire::EntryType::ConfChange | wire::EntryType::ConfChangeV2 => {
                    members = true;
                    self.apply_change(&entry)
                }
                wire::EntryType::Normal if !entry.data.is_empty() => (self.settings.identify)(&entry.data),
                wire::EntryType::Normal => None,
            };
            let proposal = id.filter(|id| self.proposals.settle(*id));
            batch.push(Committed { entry, proposal });
        }
        out.push(Output::Apply(batch));
        out.extend(dropped.into_iter().map(Output::Dropped));
        if members {
            out.push(Output::Members(self.members()));
        }
        let before = self.raw.raft.raft_log.last_index();
        self.raw.advance_apply_to(last);
        if self.raw.raft.raft_log.last_index() > before {
            // A joint change is left by an entry that the crate does not send before the next heartbeat.
            self.raw.raft.bcast_append();
        }
    }

    /// As they are sent.
    fn to_wire(&self, messages: &[raft::eraftpb::Message]) -> Vec<wire::Message> {
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            if let Some(message) = self.mend(convert::message_from_raft(message)) {
                split(message, self.settings.message_bytes, &mut sent);
            }
        }
        sent
    }

    /// The crate (0.7.0) adds entries to an empty message that it has for the same peer, wherever that one stands in
    /// the log. Taken as it is, a follower would confirm entries that it does not have.
    fn mend(&self, mut message: wire::Message) -> Option<wire::Message> {
        if let Some(first) = message.entries.first().filter(|first| first.index != message.index + 1)
            && message.r#type() == wire::MessageType::App
        {
            message.index = first.index - 1;
            // Zero for what is compacted by now: then it is as if the message got lost.
            message.log_term = self.raw.raft.raft_log.term(message.index).ok()?;
            return (message.log_term > 0 || message.index == 0).then_some(message);
        }
        Some(message)
    }
}

/// Cuts a message that is longer than it may be: the crate joins what it has for a peer to one, however long that gets.
fn split(mut message: wire::Message, most: u64, sent: &mut Vec<wire::Message>) {
    loop {
        let mut size = 0;
        let fit = message.entries.iter().take_while(|entry| {
            let first = size == 0;
            size += entry.data.len() as u64 + 64;
            first || size <= most
        });
        let fit = fit.count();
        if fit == message.entries.len() {
            return sent.push(message);
        }
        let rest = message.entries.split_off(fit);
        let last = message.entries.last().expect("one entry fits, however long");
        let next = wire::Message { index: last.index, log_term: last.term, ..message.clone() };
        sent.push(message);
        message = wire::Message { entries: rest, ..next };
    }
}

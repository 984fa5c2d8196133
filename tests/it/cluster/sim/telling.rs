//! Inputs and outputs in a line each.

use mgmt::cluster::raft::wire::{Entry, EntryType, Message};
use mgmt::cluster::raft::{Input, Output};

use super::command::identify;

fn entry(entry: &Entry) -> String {
    let what = match entry.r#type() {
        EntryType::Normal => identify(&entry.data).map_or("nothing".to_owned(), |id| format!("#{}", id.0)),
        _ => "change".to_owned(),
    };
    format!("{}@{} {what}", entry.index, entry.term)
}

fn entries<'a>(all: impl Iterator<Item = &'a Entry>) -> String {
    all.map(entry).collect::<Vec<_>>().join(", ")
}

fn message(message: &Message) -> String {
    let mut text = format!("{:?} {}>{} term {}", message.r#type(), message.from, message.to, message.term);
    text += &format!(" index {} of {} commit {}", message.index, message.log_term, message.commit);
    if message.reject {
        text += &format!(" rejected, {}", message.reject_hint);
    }
    if message.snapshot.metadata.index > 0 {
        text += &format!(" {:?}", message.snapshot.metadata);
    }
    format!("{text} [{}]", entries(message.entries.iter()))
}

pub fn input(id: u64, input: &Input) -> String {
    match input {
        Input::Message(heard) => format!("{id} <- {}", message(heard)),
        Input::Propose { id: proposal, .. } => format!("{id} <- propose #{}", proposal.0),
        other => format!("{id} <- {other:?}"),
    }
}

pub fn output(id: u64, output: &Output) -> String {
    match output {
        Output::Send(sent) => format!("{id} -> {}", message(sent)),
        Output::Persist(save) => {
            let (state, snapshot) = (save.hard_state, save.snapshot.as_ref().map(|s| &s.metadata));
            format!("{id} -> save {} {state:?} {snapshot:?} [{}]", save.number, entries(save.entries.iter()))
        }
        Output::Apply(all) => {
            format!("{id} -> apply [{}]", entries(all.iter().map(|committed| &committed.entry)))
        }
        other => format!("{id} -> {other:?}"),
    }
}

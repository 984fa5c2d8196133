//! Replicas one by one, or a few of them with a perfect network.

mod cluster;
mod exchanging;
mod followers;
mod leaving;
mod lone;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::wire::{ConfChange, ConfChangeType, Message, MessageType};
use super::*;
use cluster::Cluster;

fn identify(data: &Bytes) -> Option<ProposalId> {
    Some(ProposalId(u64::from_le_bytes(data.get(..8)?.try_into().ok()?)))
}

fn proposal(id: u64) -> Input {
    Input::Propose { id: ProposalId(id), data: id.to_le_bytes().to_vec().into() }
}

fn change(id: u64, kind: ConfChangeType, node: u64) -> Input {
    Input::Change(ConfChange { id, r#type: kind.into(), node_id: node, ..Default::default() }.into())
}

fn exchange(id: u64, promote: u64, demote: u64) -> Input {
    Input::Change(Reconfiguration::Exchange {
        id: ProposalId(id),
        promote: MemberId(promote),
        demote: MemberId(demote),
    })
}

fn demotion(id: u64, member: u64) -> Input {
    Input::Change(Reconfiguration::Demotion { id: ProposalId(id), member: MemberId(member) })
}

/// The ids of own proposals that are applied.
fn applied(outputs: &[Output]) -> Vec<u64> {
    let entries = outputs.iter().filter_map(|output| match output {
        Output::Apply(entries) => Some(entries),
        _ => None,
    });
    entries.flatten().filter_map(|committed| committed.proposal).map(|id| id.0).collect()
}

/// Messages of one type.
fn sent(outputs: &[Output], kind: MessageType) -> Vec<&Message> {
    let messages = outputs.iter().filter_map(|output| match output {
        Output::Send(message) => Some(message),
        _ => None,
    });
    messages.filter(|message| message.r#type() == kind).collect()
}

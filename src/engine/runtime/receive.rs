//! Send and receive: values of senders become parameters of receivers, just before these run.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use super::build;
use super::roster::Roster;
use crate::engine::declaration::Receive;
use crate::engine::id::{Label, VertexId};
use crate::engine::params::{ParamError, Params};
use crate::engine::resource::{Outputs, ResourceError};
use crate::engine::sched::Sent;
use crate::engine::value::Value;

#[derive(Debug, thiserror::Error)]
enum ReceiveError {
    #[error("{from} has sent no {key:?} for the parameter {param:?}")]
    Missing { from: Label, key: Arc<str>, param: &'static str },
    #[error("what was received does not fit: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unfit(Vec<ParamError>),
}

/// Gives a vertex the values that its senders sent last, building its resource anew where they changed.
pub(super) fn receive(roster: &mut Roster, id: VertexId) -> Result<(), ResourceError> {
    let Some(entry) = roster.get(id) else { return Ok(()) };
    if entry.senders.is_empty() {
        return Ok(());
    }
    let vertex = entry.vertex.clone();
    let mut received = Params::new();
    for receive in &vertex.lead().receives {
        let value = sent(roster, receive)?;
        let value = match &receive.entry {
            None => value,
            Some(entry) => {
                let map = received.get(receive.param).or_else(|| vertex.lead().params.get(receive.param));
                with_entry(map, entry, value)
            }
        };
        received.set(receive.param, value);
    }
    let Some(entry) = roster.get_mut(id) else { return Ok(()) };
    if entry.received == received {
        return Ok(());
    }
    let mut filled = vertex.lead().clone();
    received.iter().for_each(|(name, value)| filled.params.set(name, value.clone()));
    let built =
        build(&vertex.kind, &[filled]).map_err(|errors| ResourceError::user(ReceiveError::Unfit(errors)))?;
    entry.resource = built;
    entry.received = received;
    Ok(())
}

/// A map with what was received for one of its entries.
fn with_entry(map: Option<&Value>, entry: &Arc<str>, value: Value) -> Value {
    let key = Value::Str(entry.clone());
    let others = match map {
        Some(Value::Map(pairs)) => &**pairs,
        _ => &[],
    };
    let others = others.iter().filter(|(name, _)| *name != key).cloned();
    Value::Map(others.chain([(key.clone(), value)]).collect())
}

fn sent(roster: &Roster, receive: &Receive) -> Result<Value, ResourceError> {
    let value = roster.holder(&receive.from).and_then(|sender| {
        let outputs = &roster.get(sender)?.outputs;
        outputs.iter().find(|output| *output.key == *receive.key)?.value.clone()
    });
    value.ok_or_else(|| {
        let (from, key) = (receive.from.clone(), receive.key.clone());
        ResourceError::transient(ReceiveError::Missing { from, key, param: receive.param })
    })
}

/// Digests of values, keyed afresh in each process, so that a recording gives nothing away.
pub(super) fn digests(outputs: &Outputs) -> Vec<Sent> {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let digest = |value: &Option<Value>| KEY.hash_one(value.as_ref().map(ToString::to_string));
    outputs.iter().map(|output| Sent { key: output.key.into(), digest: digest(&output.value) }).collect()
}

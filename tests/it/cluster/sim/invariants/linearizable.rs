//! What clients saw of each key is what one register would have shown them, one request after the other.
//!
//! A write whose end nobody knows counts from its question to the moment when it was first applied, if ever.

use std::collections::BTreeMap;

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::super::clients::{Clients, Outcome, Request};
use super::super::command::Write;
use super::{Invariant, Last, Seen, Verdict, hold};

pub struct Linearizable;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Write { write: Write, value: u64, swapped: Option<bool> },
    Read(Option<u64>),
}

struct Register;

impl Specification for Register {
    type State = Option<u64>;
    type Operation = Act;

    fn init() -> Self::State {
        None
    }

    fn apply(act: &Act, state: &Self::State) -> (bool, Self::State) {
        match *act {
            Act::Read(seen) => (seen == *state, *state),
            Act::Write { write, value, swapped } => {
                let does = match write {
                    Write::Put => true,
                    Write::Swap(expected) => expected == *state,
                };
                (swapped.is_none_or(|swapped| swapped == does), if does { Some(value) } else { *state })
            }
        }
    }
}

/// Calls and answers, by moment.
type Story = Vec<(u64, (usize, Action<Act>))>;

/// The story of each key.
fn histories(clients: &Clients) -> BTreeMap<u8, Story> {
    let mut keys: BTreeMap<u8, Story> = BTreeMap::new();
    for (number, deed) in clients.deeds.iter().enumerate() {
        let (key, act, end) = match (deed.request, deed.outcome) {
            (Request::Read(key), Outcome::Read { value, at }) => (key, Act::Read(value), at),
            (Request::Write(command), Outcome::Wrote { swapped, at }) => {
                let act = Act::Write { write: command.write, value: command.value, swapped: Some(swapped) };
                (command.key, act, at)
            }
            (Request::Write(command), Outcome::Unknown) => {
                let Some(at) = clients.applied.get(&command.id) else { continue };
                let act = Act::Write { write: command.write, value: command.value, swapped: None };
                (command.key, act, (*at).max(deed.asked + 1))
            }
            _ => continue,
        };
        let history = keys.entry(key).or_default();
        // Each deed is a process of its own: their order in time says all.
        history.push((deed.asked, (number, Action::Call(act))));
        history.push((end, (number, Action::Response(act))));
    }
    for history in keys.values_mut() {
        // A question is before an answer of the same moment: that makes them overlap.
        history.sort_by_key(|(at, (_, action))| (*at, matches!(action, Action::Response(_))));
    }
    keys
}

impl Invariant for Linearizable {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn seen(&mut self, _: &Seen<'_>) -> Verdict {
        Ok(())
    }

    fn end(&mut self, last: &Last<'_>) -> Verdict {
        for (key, history) in histories(last.clients) {
            let actions = history.iter().map(|(_, action)| action.clone()).collect();
            let sound = WGLChecker::<Register>::is_linearizable(History::from_actions(actions));
            hold(sound, || format!("the history of key {key} has no order: {history:?}"))?;
        }
        Ok(())
    }
}

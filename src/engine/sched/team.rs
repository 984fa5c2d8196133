//! Vertices that run together: one watch, one run for all of them that are to run, and an outcome of its own for each.
//!
//! A run of a team begins once nobody of it can be expected to become ready soon, so that as many as can take part.
//! All of a team are equally deep in the graph, so that teams cannot wait for one another in a circle.

use std::collections::HashSet;

use super::step::Scheduler;
use super::vertex::{State, Ticket};
use crate::engine::id::{Generation, VertexId};

impl Scheduler {
    /// Does something with a vertex, if it is still the one that is meant, and with all of its team.
    pub(super) fn with_team(&mut self, ticket: Ticket, mut act: impl FnMut(&mut Self, VertexId, Generation)) {
        let Some(v) = self.occupant(ticket.0, ticket.1) else { return };
        match v.team.clone() {
            None => act(self, ticket.0, ticket.1),
            Some(team) => team.iter().for_each(|&(id, generation)| act(self, id, generation)),
        }
    }

    /// The others of a vertex's team that are there.
    pub(super) fn mates(&self, id: VertexId) -> impl Iterator<Item = Ticket> {
        let team = self.get(id).and_then(|v| v.team.as_deref()).unwrap_or_default();
        team.iter().copied().filter(move |(mate, generation)| {
            *mate != id && self.get(*mate).is_some_and(|v| v.generation == *generation)
        })
    }

    /// Whether the watch that a team shares is armed.
    pub(super) fn set_armed(&mut self, ticket: Ticket, armed: bool) {
        self.with_team(ticket, |this, id, generation| {
            if let Some(v) = this.occupant(id, generation) {
                v.armed = armed;
            }
        });
    }

    /// Whether a run of this vertex's team may begin: none is under way, and nobody is about to become ready. One that
    /// leaves waits for nobody who stays.
    pub(super) fn team_is_ready(&self, (id, _): Ticket) -> bool {
        let leaves = self.is_leaving(id);
        self.mates(id).all(|(mate, _)| {
            let Some(m) = self.get(mate) else { return true };
            !m.state.is_running()
                && (leaves || m.leaving || m.state != State::Waiting || !self.is_coming(mate))
        })
    }

    /// Whether a vertex that waits may be ready soon: nothing before it is waiting for a retry.
    fn is_coming(&self, id: VertexId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![id];
        while let Some(v) = open.pop().and_then(|at| self.get(at)) {
            match v.state {
                State::Retrying { .. } => return false,
                State::Waiting => {
                    let before = v.predecessors.iter().chain(&v.forerunners);
                    open.extend(before.filter(|before| seen.insert(**before)));
                }
                _ => {}
            }
        }
        true
    }

    /// The others of a team that take part in a run that begins: all that are in line.
    pub(super) fn riders(&self, (id, _): Ticket) -> Vec<VertexId> {
        let in_line =
            |(mate, _): &Ticket| self.get(*mate).is_some_and(|m| m.state == State::Dirty && m.queued);
        self.mates(id).filter(in_line).map(|(mate, _)| mate).collect()
    }

    /// Puts those in line again whose team is ready now. Whether there were any.
    pub(super) fn unpark(&mut self) -> bool {
        let parked = std::mem::take(&mut self.parked);
        let (freed, parked): (Vec<_>, Vec<_>) = parked.into_iter().partition(|&ticket| {
            let state = self.get(ticket.0).filter(|v| v.generation == ticket.1).map(|v| v.state);
            state != Some(State::Dirty) || self.team_is_ready(ticket)
        });
        self.parked = parked;
        for &(id, generation) in &freed {
            let Some(v) = self.occupant(id, generation) else { continue };
            let lane = usize::from(v.policy.waits);
            self.ready[lane].push_back((id, generation));
        }
        !freed.is_empty()
    }
}

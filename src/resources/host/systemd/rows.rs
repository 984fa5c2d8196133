//! What is known of the units that are asked about, and who waits for news of them. Pure but for the sinks it hands out.
//!
//! A state counts until an event says that it may have changed, or for a second: whoever polls means to look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ChangeSink, Status};

/// How long a state counts where no event tells.
const GOOD: Duration = Duration::from_secs(1);

/// All units that anyone has mentioned.
#[derive(Default)]
pub(super) struct Rows {
    /// Raised by what concerns all.
    epoch: u64,
    rows: BTreeMap<Arc<str>, Row>,
    /// Other names of a unit, by its real one: events come under that.
    aliases: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    next_sink: u64,
}

#[derive(Default)]
struct Row {
    mentions: usize,
    /// Raised by each event.
    events: u64,
    seen: Option<Seen>,
    sinks: BTreeMap<u64, ChangeSink>,
}

struct Seen {
    ticket: Ticket,
    at: Instant,
    status: Status,
}

/// When a look began: what it finds counts only if nothing has happened since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    epoch: u64,
    events: u64,
}

impl Rows {
    pub fn mention(&mut self, unit: &Arc<str>) {
        self.rows.entry(unit.clone()).or_default().mentions += 1;
    }

    pub fn forget(&mut self, unit: &str) {
        if let Some(row) = self.rows.get_mut(unit) {
            row.mentions -= 1;
            if row.mentions == 0 {
                self.rows.remove(unit);
                self.aliases.retain(|_, names| {
                    names.remove(unit);
                    !names.is_empty()
                });
            }
        }
    }

    /// Adds a sink to a unit, which counts as a mention; the number is for [`unfollow`](Self::unfollow).
    pub fn follow(&mut self, unit: &Arc<str>, sink: ChangeSink) -> u64 {
        self.mention(unit);
        self.next_sink += 1;
        let row = self.rows.get_mut(unit).expect("it was just mentioned");
        row.sinks.insert(self.next_sink, sink);
        self.next_sink
    }

    pub fn unfollow(&mut self, unit: &str, sink: u64) {
        if let Some(row) = self.rows.get_mut(unit) {
            row.sinks.remove(&sink);
        }
        self.forget(unit);
    }

    pub fn is_followed(&self) -> bool {
        self.rows.values().any(|row| !row.sinks.is_empty())
    }

    /// Something happened to a unit: what is known of it does not count any more. Those to tell.
    pub fn changed(&mut self, unit: &str) -> Vec<ChangeSink> {
        let others = self.aliases.get(unit).into_iter().flatten().cloned();
        let mut names: Vec<Arc<str>> = others.collect();
        names.push(unit.into());
        let mut told = Vec::new();
        for name in names {
            if let Some(row) = self.rows.get_mut(&name) {
                row.events += 1;
                told.extend(row.sinks.values().cloned());
            }
        }
        told
    }

    /// Something happened that may concern every unit.
    pub fn all_changed(&mut self) -> Vec<ChangeSink> {
        self.epoch += 1;
        self.rows.values().flat_map(|row| row.sinks.values().cloned()).collect()
    }

    /// What is known of a unit, if it still counts.
    pub fn known(&self, unit: &str, now: Instant) -> Option<&Status> {
        let row = self.rows.get(unit)?;
        let seen = row.seen.as_ref()?;
        let counts = seen.ticket == self.ticket(row) && now.duration_since(seen.at) < GOOD;
        counts.then_some(&seen.status)
    }

    /// What is to be asked so that `unit` is known: all others with it of which nothing is known either. Those whose
    /// state is merely old come along only if it is that with this one too, so that one event costs one small question.
    pub fn to_ask(&self, unit: &Arc<str>, now: Instant) -> Vec<(Arc<str>, Ticket)> {
        let Some(own) = self.rows.get(unit) else {
            return vec![(unit.clone(), Ticket { epoch: self.epoch, events: 0 })];
        };
        let is_dirty = |row: &Row| row.seen.as_ref().is_none_or(|seen| seen.ticket != self.ticket(row));
        let is_old = |row: &Row| row.seen.as_ref().is_none_or(|seen| now.duration_since(seen.at) >= GOOD);
        let with_old = !is_dirty(own);
        let asked = self
            .rows
            .iter()
            .filter(|(name, row)| *name == unit || is_dirty(row) || (with_old && is_old(row)));
        asked.map(|(name, row)| (name.clone(), self.ticket(row))).collect()
    }

    /// What a look that began with this ticket found.
    pub fn learn(&mut self, unit: &Arc<str>, ticket: Ticket, now: Instant, status: &Status) {
        let Some(row) = self.rows.get_mut(unit) else { return };
        row.seen = Some(Seen { ticket, at: now, status: status.clone() });
        if status.id != *unit {
            self.aliases.entry(status.id.clone()).or_default().insert(unit.clone());
        }
    }

    fn ticket(&self, row: &Row) -> Ticket {
        Ticket { epoch: self.epoch, events: row.events }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::resources::host::systemd::{Active, Change, Load};

    fn status(id: &str) -> Status {
        Status { id: id.into(), load: Load::Loaded, active: Active::Active, sub: "running".into() }
    }

    fn names(asked: &[(Arc<str>, Ticket)]) -> Vec<&str> {
        asked.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn what_is_unknown_is_asked_together_and_an_event_makes_one_unknown() {
        let (mut rows, now) = (Rows::default(), Instant::now());
        let units: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).into();
        units.iter().for_each(|unit| rows.mention(unit));
        let asked = rows.to_ask(&units[0], now);
        assert_eq!(names(&asked), ["a", "b", "c"]);
        for (unit, ticket) in &asked {
            rows.learn(unit, *ticket, now, &status(unit));
        }
        assert!(units.iter().all(|unit| rows.known(unit, now).is_some()));
        rows.changed("b");
        assert!(rows.known("b", now).is_none() && rows.known("a", now).is_some());
        assert_eq!(names(&rows.to_ask(&units[1], now)), ["b"]);
        rows.all_changed();
        assert_eq!(names(&rows.to_ask(&units[0], now)), ["a", "b", "c"]);
    }

    #[test]
    fn an_answer_from_before_an_event_does_not_count() {
        let (mut rows, now) = (Rows::default(), Instant::now());
        let unit = Arc::from("a");
        rows.mention(&unit);
        let asked = rows.to_ask(&unit, now);
        rows.changed("a");
        rows.learn(&unit, asked[0].1, now, &status("a"));
        assert!(rows.known("a", now).is_none());
    }

    #[test]
    fn what_is_old_is_asked_anew_together() {
        let (mut rows, now) = (Rows::default(), Instant::now());
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        rows.mention(&a);
        rows.mention(&b);
        for (unit, ticket) in rows.to_ask(&a, now) {
            rows.learn(&unit, ticket, now, &status(&unit));
        }
        let later = now + GOOD;
        assert!(rows.known("a", later).is_none());
        assert_eq!(names(&rows.to_ask(&a, later)), ["a", "b"]);
        rows.changed("a");
        assert_eq!(names(&rows.to_ask(&a, later)), ["a"]);
    }

    #[test]
    fn events_of_the_real_name_reach_those_who_use_another() {
        let (mut rows, now) = (Rows::default(), Instant::now());
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let alias = Arc::from("dbus-x.service");
        let sink: ChangeSink = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let number = rows.follow(&alias, sink);
        assert!(rows.is_followed());
        let asked = rows.to_ask(&alias, now);
        rows.learn(&alias, asked[0].1, now, &status("x.service"));
        for sink in rows.changed("x.service") {
            sink(Change::State);
        }
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert!(rows.known("dbus-x.service", now).is_none());
        rows.unfollow("dbus-x.service", number);
        assert!(!rows.is_followed() && rows.aliases.is_empty());
    }
}

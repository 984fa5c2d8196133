//! The view at one moment: who is there, who is dead, who could do what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::draft::Draft;
use super::host::{DataDir, Host, Volunteers};
use super::limits;
use super::places::Place;
use super::view::{Member, Role, View};
use crate::cluster::mesh::HostName;
use crate::cluster::store::id::MemberId;
use crate::engine::sched::Time;

/// The view at one moment.
pub(super) struct Scene<'a> {
    pub view: &'a View,
    pub now: Time,
    /// By id.
    pub members: Vec<Known<'a>>,
    /// Which of them has an address.
    by_peer: BTreeMap<&'a str, usize>,
}

/// How a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It is heard.
    Here,
    /// It is silent, and is expected back until then.
    Away(Time),
    /// It has been silent for too long.
    Dead,
    /// Its data is gone; it will not be heard again.
    Lost,
}

/// A member, and what is known of its host.
pub(super) struct Known<'a> {
    pub id: MemberId,
    pub member: &'a Member,
    /// Its host, or the one that was nominated for it, or else its id.
    pub name: HostName,
    pub host: Option<&'a Host>,
    pub standing: Standing,
    /// Its host is there and has other data: it is lost, or that will be known soon.
    pub forsaken: bool,
    /// It is to give up its duty.
    pub departing: bool,
}

impl Known<'_> {
    pub fn is_here(&self) -> bool {
        self.standing == Standing::Here
    }

    /// It will not be back soon, if ever.
    pub fn is_dead(&self) -> bool {
        self.standing >= Standing::Dead
    }

    /// A learner that could vote at once.
    pub fn is_ready(&self) -> bool {
        let stops = self.host.is_some_and(|host| host.expected_until().is_some());
        self.is_here() && self.member.lag.is_none() && self.member.host.is_some() && !self.departing && !stops
    }

    /// How long its host is up, the longest first.
    pub fn seniority(&self) -> (u64, MemberId) {
        (self.host.map_or(u64::MAX, |host| host.since), self.id)
    }

    pub fn place(&self) -> Place<'_> {
        Place {
            zone: self.host.map_or("", |host| &host.zone),
            preferred: self.host.is_some_and(|host| host.volunteers == Volunteers::Prefers),
        }
    }
}

impl<'a> Scene<'a> {
    pub fn new(view: &'a View, now: Time, draft: &mut Draft) -> Self {
        let members: Vec<_> = view.members.iter().map(|(id, member)| know(view, now, *id, member)).collect();
        let by_peer = members.iter().enumerate().map(|(at, known)| (known.member.peer.as_str(), at));
        let by_peer = by_peer.collect();
        let scene = Self { view, now, members, by_peer };
        for known in &scene.members {
            if let Standing::Away(until) = known.standing {
                draft.wake_at(until, now);
            }
        }
        scene
    }

    pub fn get(&self, id: MemberId) -> Option<&Known<'a>> {
        self.members.binary_search_by_key(&id, |known| known.id).ok().map(|at| &self.members[at])
    }

    /// The member that is reached there.
    pub fn at(&self, peer: &str) -> Option<&Known<'a>> {
        self.by_peer.get(peer).map(|at| &self.members[*at])
    }

    pub fn voters(&self) -> impl Iterator<Item = &Known<'a>> + Clone {
        self.members.iter().filter(|known| known.member.role == Role::Voter)
    }

    pub fn learners(&self) -> impl Iterator<Item = &Known<'a>> {
        self.members.iter().filter(|known| known.member.role == Role::Learner)
    }

    pub fn ready(&self) -> impl Iterator<Item = &Known<'a>> {
        self.learners().filter(|known| known.is_ready())
    }

    /// Learners that are no use yet and may be soon: they catch up, or are expected back.
    pub fn coming(&self) -> impl Iterator<Item = &Known<'a>> {
        self.learners().filter(|known| {
            let late = known.member.lag.is_some_and(|lag| self.now.since(lag.since) >= limits::CATCH_UP);
            !known.is_dead() && !known.departing && !known.is_ready() && !late
        })
    }

    /// A vote that will never be cast again, and whose host has another member that votes or could.
    pub fn is_replaced(&self, known: &Known<'_>) -> bool {
        known.standing == Standing::Lost
            && self.members.iter().any(|other| {
                let serves = other.member.role == Role::Voter || other.is_ready();
                other.id != known.id && other.name == known.name && serves
            })
    }

    pub fn is_me(&self, known: &Known<'_>) -> bool {
        known.id == self.view.me
    }

    /// The nominations for which no member was added yet.
    pub fn bare_nominations(&self) -> impl Iterator<Item = &'a HostName> {
        let bare = |member: Option<MemberId>| member.is_none_or(|id| !self.view.members.contains_key(&id));
        self.view.nominations.iter().filter(move |(_, out)| bare(out.member)).map(|(host, _)| host)
    }
}

fn know<'a>(view: &'a View, now: Time, id: MemberId, member: &'a Member) -> Known<'a> {
    let nomination = view.nominations.iter().find(|(_, out)| out.member == Some(id));
    let nominated = nomination.map(|(host, _)| host.clone());
    let name =
        member.host.clone().or(nominated).unwrap_or_else(|| id.to_string().parse().expect("an id is digits"));
    let host = view.hosts.get(&name);
    // One that is coming up for the first time has not told of its data yet.
    let forsaken = nomination.is_none()
        && member.silent_since.is_some()
        && host.is_some_and(|host| host.alive && host.data != DataDir::Of(id));
    let standing = match member.silent_since {
        None => Standing::Here,
        Some(_) if id == view.me => Standing::Here,
        Some(since) => {
            let comes_up = nomination.map(|(_, out)| out.since + limits::COME_UP);
            let expected = host.and_then(Host::expected_until).filter(|_| !forsaken).max(comes_up);
            // What was added and is not nominated any more is not waited for.
            let given_up = nomination.is_none() && member.host.is_none() && member.role == Role::Learner;
            let patience = if given_up { Duration::ZERO } else { view.policy.dead_after() };
            let dead_at = since + patience;
            let until = expected.map_or(dead_at, |expected| dead_at.max(expected));
            match (now < until, forsaken) {
                (true, _) => Standing::Away(until),
                (false, true) => Standing::Lost,
                (false, false) => Standing::Dead,
            }
        }
    };
    let departing = host.is_some_and(Host::gives_up_duty);
    Known { id, member, name, host, standing, forsaken, departing }
}

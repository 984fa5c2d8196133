//! The members, and how they change.

use std::collections::{BTreeMap, BTreeSet};

use super::{LogLevel, Member, MemberError};
use crate::cluster::store::id::MemberId;

/// The members that the log has made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    members: BTreeMap<MemberId, Member>,
    removed: BTreeSet<MemberId>,
}

/// A change of the members, as it goes through the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A new one, with a vote or as a learner.
    Add(Member),
    /// A learner gets a vote.
    Promote(MemberId),
    /// A learner gets the vote of a voter, which becomes a learner.
    Exchange {
        /// A learner.
        promote: MemberId,
        /// A voter.
        demote: MemberId,
    },
    /// A voter becomes a learner.
    Demote(MemberId),
    /// One leaves, for good: its number is never taken again.
    Remove(MemberId),
    /// Where other members reach one.
    PeerUrls {
        /// Whom.
        id: MemberId,
        /// Where; sorted, and else whatever the client said.
        peer_urls: Vec<String>,
    },
    /// What a member that has started tells of itself.
    Attributes {
        /// Which.
        id: MemberId,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
        /// Which commands of the log it understands.
        level: LogLevel,
    },
}

impl Members {
    /// What was kept: members, and the numbers of those that left.
    pub fn restore(
        members: impl IntoIterator<Item = Member>,
        removed: impl IntoIterator<Item = MemberId>,
    ) -> Self {
        let members = members.into_iter().map(|member| (member.id, member)).collect();
        Self { members, removed: removed.into_iter().collect() }
    }

    /// The members, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The numbers of those that left.
    pub fn removed(&self) -> impl Iterator<Item = MemberId> {
        self.removed.iter().copied()
    }

    /// Whether one of this number has left.
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains(&id)
    }

    /// A member.
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The members with a vote.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.iter().filter(|member| !member.learner)
    }

    /// The members without.
    pub fn learners(&self) -> impl Iterator<Item = &Member> {
        self.iter().filter(|member| member.learner)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a change fits what is there. `max_learners` must be the same on every member.
    pub fn validate(&self, change: &MemberChange, max_learners: usize) -> Result<(), MemberError> {
        match change {
            MemberChange::Add(member) => self.validate_new(member, max_learners),
            MemberChange::Promote(id) => self.validate_learner(*id),
            MemberChange::Exchange { promote, demote } => {
                self.validate_learner(*promote)?;
                self.validate_voter(*demote)
            }
            MemberChange::Demote(id) => {
                self.validate_voter(*id)?;
                // That learners are too many is looked at before it is proposed: the consensus does not know it.
                if self.voters().count() > 1 { Ok(()) } else { Err(MemberError::NotEnoughStarted) }
            }
            MemberChange::Remove(id) | MemberChange::Attributes { id, .. } => self.known(*id).map(|_| ()),
            MemberChange::PeerUrls { id, peer_urls } => {
                self.known(*id)?;
                self.free_urls(*id, peer_urls)
            }
        }
    }

    /// Applies a change; one that does not fit changes nothing.
    pub fn apply(&mut self, change: MemberChange, max_learners: usize) -> Result<(), MemberError> {
        self.validate(&change, max_learners)?;
        match change {
            MemberChange::Add(member) => {
                self.members.insert(member.id, member);
            }
            MemberChange::Promote(id) => self.alter(id, |member| member.learner = false),
            MemberChange::Exchange { promote, demote } => {
                self.alter(promote, |member| member.learner = false);
                self.alter(demote, |member| member.learner = true);
            }
            MemberChange::Demote(id) => self.alter(id, |member| member.learner = true),
            MemberChange::Remove(id) => {
                self.members.remove(&id);
                self.removed.insert(id);
            }
            MemberChange::PeerUrls { id, peer_urls } => self.alter(id, |member| member.peer_urls = peer_urls),
            MemberChange::Attributes { id, name, client_urls, level } => self.alter(id, |member| {
                member.name = name;
                member.client_urls = client_urls;
                member.level = level;
            }),
        }
        Ok(())
    }

    fn alter(&mut self, id: MemberId, alter: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.get_mut(&id) {
            alter(member);
        }
    }

    fn known(&self, id: MemberId) -> Result<&Member, MemberError> {
        self.members.get(&id).ok_or(MemberError::NotFound)
    }

    fn validate_learner(&self, id: MemberId) -> Result<(), MemberError> {
        if self.known(id)?.learner { Ok(()) } else { Err(MemberError::NotLearner) }
    }

    fn validate_voter(&self, id: MemberId) -> Result<(), MemberError> {
        if self.known(id)?.learner { Err(MemberError::NotVoter) } else { Ok(()) }
    }

    fn validate_new(&self, member: &Member, max_learners: usize) -> Result<(), MemberError> {
        if self.is_removed(member.id) {
            return Err(MemberError::NotFound);
        }
        if self.members.contains_key(&member.id) {
            return Err(MemberError::Exists);
        }
        self.free_urls(member.id, &member.peer_urls)?;
        if member.learner && self.learners().count() >= max_learners {
            return Err(MemberError::TooManyLearners);
        }
        Ok(())
    }

    /// Whether no other member is reached by one of these.
    fn free_urls(&self, id: MemberId, urls: &[String]) -> Result<(), MemberError> {
        let taken = self
            .iter()
            .filter(|member| member.id != id)
            .any(|member| member.peer_urls.iter().any(|url| urls.contains(url)));
        if taken { Err(MemberError::PeerUrlExists) } else { Ok(()) }
    }
}

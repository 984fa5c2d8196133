//! Who the members are, and changing that.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Handle;
use crate::cluster::etcd::node::{Member, MemberChange, Node as _, NodeError};
use crate::cluster::node::inbox::Letter;
use crate::cluster::node::reconfiguring;
use crate::cluster::node::shared::Shared;
use crate::cluster::raft::ProposalId;
use crate::cluster::store::id::MemberId;
use crate::cluster::store::member::check::{Progress, STEADY_S, Situation, check};
use crate::cluster::store::member::{self, PeerUrls};

/// How often leadership is asked to go where it should while it does not.
const TRANSFER_AGAIN: Duration = Duration::from_millis(500);

impl Handle {
    /// Whether a member was removed: it is refused.
    pub fn is_removed(&self, member: MemberId) -> bool {
        self.shared.read().members.is_removed(member)
    }

    /// Whether a member is called so, as far as is known: one that has just been added has no name yet, and this log may be too
    /// far behind to know of it.
    pub fn is_called(&self, member: MemberId, host: &str) -> bool {
        let shared = self.shared.read();
        shared.members.get(member).is_none_or(|member| member.name.is_empty() || member.name == host)
    }

    /// The members, by id.
    pub(super) fn list_members(&self) -> Vec<Member> {
        self.shared.read().members.iter().cloned().collect()
    }

    /// Changes who is a member, once it was looked at whether the cluster would live on.
    pub(super) async fn change_members_now(
        &self,
        wanted: MemberChange,
    ) -> Result<(Vec<Member>, MemberId), NodeError> {
        let (change, id) = self.change_of(wanted)?;
        let entry = {
            let machine = self.shared.read();
            check(&machine.members, &change, &self.situation(&machine.members))?;
            let id = ProposalId(self.shared.ids.next());
            reconfiguring::write(id, &change).expect("no change of attributes")
        };
        let (answer, answered) = oneshot::channel();
        self.shared.inbox.ask(Letter::Change { change: entry, answer }).map_err(Self::returned)?;
        self.in_time(answered).await?;
        self.one_electorate().await?;
        Ok((self.list_members(), id))
    }

    /// Returns once no joint change is under way here. Who was just answered finds its own in the status.
    async fn one_electorate(&self) -> Result<(), NodeError> {
        let mut status = self.shared.standing.subscribe();
        let over = status.wait_for(|status| !status.joint || status.has_ended());
        match tokio::time::timeout(self.patience(), over).await {
            Ok(Ok(status)) if !status.has_ended() => Ok(()),
            Ok(_) => Err(NodeError::Stopped),
            Err(_) => Err(NodeError::Timeout),
        }
    }

    fn change_of(&self, wanted: MemberChange) -> Result<(member::MemberChange, MemberId), NodeError> {
        Ok(match wanted {
            MemberChange::Add { peer_urls, learner } => {
                let urls = PeerUrls::parse(&peer_urls).map_err(|_| member::MemberError::BadUrls)?;
                let member = member::Member::joining(&urls, learner, Shared::unix_s());
                let id = member.id;
                (member::MemberChange::Add(member), id)
            }
            MemberChange::Remove(id) => (member::MemberChange::Remove(id), id),
            MemberChange::Promote(id) => (member::MemberChange::Promote(id), id),
            // What they are checked by only a leader knows.
            MemberChange::Exchange { .. } | MemberChange::Demote(_) if !self.leads() => {
                return Err(NodeError::NotLeader);
            }
            MemberChange::Exchange { promote, demote } => {
                (member::MemberChange::Exchange { promote, demote }, promote)
            }
            MemberChange::Demote(id) => (member::MemberChange::Demote(id), id),
            MemberChange::Update { id, mut peer_urls } => {
                peer_urls.sort_unstable();
                (member::MemberChange::PeerUrls { id, peer_urls }, id)
            }
        })
    }

    fn leads(&self) -> bool {
        self.standing().leader == Some(self.shared.identity.member)
    }

    fn situation(&self, members: &member::Members) -> Situation {
        let me = self.shared.identity.member;
        let reached_for = |id| self.shared.transport.reached_for(id);
        let status = self.shared.standing.borrow().clone();
        let progress = (status.standing.leader == Some(me)).then(|| Progress {
            leader: status.last,
            matched: status
                .progress
                .iter()
                .map(|it| (MemberId(it.member.0), it.matched))
                .collect::<BTreeMap<_, _>>(),
            heard: status
                .progress
                .iter()
                .filter(|it| it.silence_ticks < u64::from(self.shared.config.election_ticks))
                .map(|it| MemberId(it.member.0))
                .collect(),
        });
        let others = || members.iter().map(|member| member.id).filter(|id| *id != me);
        let steady = |id: &MemberId| reached_for(*id).is_some_and(|time| time.as_secs() >= STEADY_S);
        Situation {
            me,
            strict: self.shared.config.strict_reconfig,
            max_learners: self.shared.config.max_learners,
            reached: others().filter(|id| reached_for(*id).is_some()).collect(),
            steady: others().filter(steady).collect(),
            progress,
        }
    }

    /// Gives leadership to the voter that has been reached for the longest, if this member leads and there is one: who
    /// is about to end leaves no gap.
    pub async fn step_aside(&self) {
        let me = self.shared.identity.member;
        let voters = self.shared.read().voters.voters.clone();
        let others = voters.into_iter().map(MemberId).filter(|id| *id != me);
        let reached = others.filter_map(|id| Some((self.shared.transport.reached_for(id)?, id)));
        let Some((_, heir)) = reached.max().filter(|_| self.standing().leader == Some(me)) else { return };
        match self.hand_leadership(heir).await {
            Ok(()) => tracing::info!(to = %heir, "leadership was handed over"),
            Err(error) => {
                tracing::warn!(to = %heir, %error, "leadership was not handed over: the others will elect")
            }
        }
    }

    /// Gives leadership to another member; returns once it leads.
    pub(super) async fn hand_leadership(&self, to: MemberId) -> Result<(), NodeError> {
        let me = self.shared.identity.member;
        if self.standing().leader != Some(me) {
            return Err(NodeError::NotLeader);
        }
        if to == me {
            return Ok(());
        }
        if !self.shared.read().voters.voters.contains(&to.0) {
            return Err(NodeError::BadTransferee);
        }
        let mut status = self.shared.standing.subscribe();
        let given = async {
            loop {
                self.shared.inbox.tell(Letter::Transfer { to });
                let there =
                    status.wait_for(|status| status.standing.leader == Some(to) || status.has_ended());
                if let Ok(status) = tokio::time::timeout(TRANSFER_AGAIN, there).await {
                    return status.is_ok_and(|status| !status.has_ended());
                }
            }
        };
        let election = self.shared.config.tick * self.shared.config.election_ticks;
        match tokio::time::timeout(election * 5, given).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NodeError::Stopped),
            Err(_) => Err(NodeError::Timeout),
        }
    }
}

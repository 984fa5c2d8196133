//! For whom a call is answered.
//!
//! The services hand changes to the node without saying who asked: with authentication off there is no caller. So a call
//! runs in the scope of its origin, and the node looks there. What runs in no scope is the member's own.

use super::{Class, Identity, Reason, TurnedAway};
use crate::cluster::store::request::Change;

/// What the paths of locks and elections begin with, as gRPC and as JSON.
const TURNS: [&str; 4] = ["/v3lockpb.", "/v3electionpb.", "/v3/lock/", "/v3/election/"];

tokio::task_local! {
    static ORIGIN: Origin;
}

/// For whom a call is answered.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Whose fair share it comes out of.
    pub identity: Identity,
    /// Whether all that it changes is critical, whatever its keys are.
    pub critical: bool,
    turned_away: TurnedAway,
}

impl Origin {
    /// Of a call at a path.
    pub fn new(identity: Identity, path: &str, turned_away: TurnedAway) -> Self {
        Self { identity, critical: TURNS.iter().any(|turn| path.starts_with(turn)), turned_away }
    }

    /// Of what runs now; `None`: it is the member's own.
    pub fn current() -> Option<Self> {
        ORIGIN.try_with(Self::clone).ok()
    }

    /// Runs something for it.
    pub fn scope<F: Future>(self, call: F) -> impl Future<Output = F::Output> {
        ORIGIN.scope(self, call)
    }

    /// The class of a change that it makes, of so many bytes.
    pub fn class(&self, change: &Change, bytes: u64) -> Class {
        if self.critical { Class::Critical } else { Class::of(change, bytes) }
    }

    /// There was no room for a change that it makes.
    pub fn refused(&self) {
        self.turned_away.count(Reason::Changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::etcd::admission::Source;

    fn origin(path: &str) -> Origin {
        Origin::new(Identity::At(Source::Local), path, TurnedAway::default())
    }

    #[tokio::test]
    async fn what_runs_in_no_scope_is_the_members_own() {
        assert!(Origin::current().is_none());
        let found = origin("/etcdserverpb.KV/Put").scope(async { Origin::current() }).await.unwrap();
        assert_eq!((found.identity, found.critical), (Identity::At(Source::Local), false));
    }

    #[test]
    fn locks_and_elections_are_critical() {
        assert!(origin("/v3lockpb.Lock/Lock").critical);
        assert!(origin("/v3/election/campaign").critical);
        assert!(!origin("/v3/kv/put").critical);
    }
}

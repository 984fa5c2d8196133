//! The kind `secret`: a text that only this host can read.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::doc_of;
use super::world_call::ask;
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::params::OutputDecl;
use crate::engine::world::{Follow, HostName, SecretState, WorldError};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Type, Value, Wake, Wakes,
};

crate::entry! {
    /// Sends a secret of the mesh to others.
    ///
    /// An administrator puts it with `mgmt secret put NAME --to HOSTS`; the mesh stores it encrypted for each of those
    /// hosts, and this one decrypts its own with a key that never leaves it. It is kept in memory only, and never logged
    /// or shown; what receives it is masked. A new one is noticed at once. While the store is away, the one that was
    /// seen last counts. What no administrator of the mesh has signed, or is older than what this host has seen, is
    /// refused.
    ///
    /// It is seldom declared: wherever a parameter takes a string, `{secret: NAME}` stands for it, and in the values of
    /// a map of strings, such as the `env` of an exec.
    ///
    /// ```yaml
    /// resources:
    ///   file:
    ///   - name: /etc/app/password
    ///     content: {secret: db-password}
    ///     mode: "0600"
    /// ```
    pub struct SecretParams {
        /// What the secret is called. The resource's name if not given.
        secret: Arc<str>,
    }
}

/// The kind `secret`.
#[derive(Debug)]
pub struct SecretKind(KindDoc);

impl SecretKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        let value = OutputDecl { name: "value", ty: Type::Str, doc: "The secret.", secret: true };
        Self(doc_of::<SecretParams>("secret", vec![value]))
    }
}

impl Kind for SecretKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let SecretParams { secret } = SecretParams::decode(&declaration.params)?;
        let name = if secret.is_empty() { declaration.label.name.clone() } else { secret };
        Ok(Box::new(SecretResource { name, followed: Mutex::default() }))
    }

    fn capabilities(&self, _: &Declaration) -> Capabilities {
        Capabilities::default()
    }
}

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("there is no secret {name:?} for {host}")]
    Absent { name: Arc<str>, host: HostName },
    #[error("the secret {name:?} is not taken: {why}")]
    Unread { name: Arc<str>, why: Arc<str> },
}

#[derive(Debug)]
struct SecretResource {
    name: Arc<str>,
    /// Followed once for watch and check: another mirror might begin with what was seen before, and show an older one.
    followed: Mutex<Option<Follow<SecretState>>>,
}

impl SecretResource {
    fn follow(&self, cx: &Cx) -> Result<Follow<SecretState>, WorldError> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followed) = &*followed {
            return Ok(followed.clone());
        }
        Ok(followed.insert(cx.world().secrets().follow(&self.name)?).clone())
    }

    fn sent(&self, cx: &Cx, state: &SecretState) -> Result<Outputs, ResourceError> {
        let (name, host) = (self.name.clone(), cx.world().host().clone());
        let error = match state {
            SecretState::There(secret) => {
                let mut outputs = Outputs::none();
                outputs.send(0, "value", Some(Value::str(secret.reveal())));
                return Ok(outputs);
            }
            SecretState::Absent => SecretError::Absent { name, host: host.clone() },
            SecretState::Unread(why) => SecretError::Unread { name, why: why.clone() },
        };
        let hint = format!("an administrator puts it: mgmt secret put '{}' --to {host} FILE", self.name);
        Err(ResourceError::transient(error).with_hint(hint))
    }
}

#[async_trait]
impl Resource for SecretResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let follow = self.follow(cx)?;
        let known = follow.now().map(|seen| seen.value);
        let wakes = stream::unfold((follow, known), |(mut follow, known)| async move {
            loop {
                let value = follow.changed().await?.value;
                // The store coming or going changes no secret.
                if known.as_ref() != Some(&value) {
                    return Some((Ok(Wake::default()), (follow, Some(value))));
                }
            }
        });
        Ok(Wakes::stream(wakes.boxed()))
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut follow = match self.follow(cx) {
            Ok(follow) => follow,
            // Part of a plan, which has no world to look at.
            Err(WorldError::Nowhere { .. }) if cx.noop => {
                let mut drift = Drift::none();
                drift.add("value", Shown::text("unknown"), Shown::text("as the mesh has it"));
                return Ok(Found::drift(drift));
            }
            Err(error) => return Err(error.into()),
        };
        let seen = ask(cx, |by| async move { follow.first(by).await }).await?;
        Ok(Found { drift: Drift::none(), outputs: self.sent(cx, &seen.value)? })
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        // A check finds nothing to do where there is a world.
        let mut follow = self.follow(cx)?;
        let seen = ask(cx, |by| async move { follow.first(by).await }).await?;
        self.sent(cx, &seen.value)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::engine::world::{Followed, Secret, Secrets, Seen, follow};
    use crate::resources::testing::{Bench, PartWorld};

    #[derive(Debug)]
    struct OneSecret(Followed<SecretState>);

    impl Secrets for OneSecret {
        fn follow(&self, name: &str) -> Result<Follow<SecretState>, WorldError> {
            assert_eq!(name, "db");
            Ok(self.0.subscribe())
        }
    }

    fn scene() -> (Arc<OneSecret>, Bench) {
        let secrets = Arc::new(OneSecret(follow().0));
        let world = PartWorld { secrets: Some(secrets.clone()), ..PartWorld::of("web-1") };
        (secrets, Bench::in_world(Arc::new(world)))
    }

    fn there(text: &str) -> Seen<SecretState> {
        Seen::fresh(SecretState::There(Secret::of(Zeroizing::new(text.into())).unwrap()))
    }

    #[tokio::test]
    async fn a_secret_is_sent_and_each_new_one_wakes() {
        let (secrets, bench) = scene();
        let subject = bench.build(&SecretKind::new(), "db", &[]);
        secrets.0.tell(there("one"));
        let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
        assert_eq!(subject.run().await.sent("value"), Some(&Value::str("one")));
        secrets.0.tell(there("two"));
        assert!(wakes.next().await.is_some_and(|wake| wake.is_ok()));
        assert_eq!(subject.run().await.sent("value"), Some(&Value::str("two")));
        assert!(!format!("{:?}", subject.resource).contains("two"));
    }

    #[tokio::test]
    async fn one_that_is_missing_or_refused_says_what_to_do() {
        let (secrets, bench) = scene();
        let subject = bench.build(&SecretKind::new(), "db", &[]);
        secrets.0.tell(Seen::fresh(SecretState::Absent));
        let error = subject.try_run(subject.cx()).await.unwrap_err();
        assert_eq!(error.to_string(), "there is no secret \"db\" for web-1");
        assert!(error.hint().unwrap().contains("mgmt secret put 'db' --to web-1"), "{error:?}");
        secrets.0.tell(Seen::fresh(SecretState::Unread("it is old".into())));
        assert_eq!(subject.failure().await, "the secret \"db\" is not taken: it is old");
    }

    #[tokio::test]
    async fn a_plan_has_no_world_to_read_it_from() {
        let bench = Bench::new();
        let subject = bench.build(&SecretKind::new(), "db", &[]);
        assert_eq!(subject.noop().await.shown(), ["value: unknown -> as the mesh has it"]);
    }
}

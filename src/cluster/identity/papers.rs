//! Why a host's key is trusted: the chain from it to an administrator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Administrators, DenyList, Domain, Fingerprint, IdentityError, Invite, MeshId, Signature, Signed,
};
use super::{SigningKey, UnixSeconds, VerifyingKey};
use crate::engine::world::{ContentHash, HostName};

/// What a host's keys are: signed by the key of the invite that it joined with, or by an administrator (the first host).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// Whose.
    pub host: HostName,
    /// With what it signs what it exports.
    pub key: VerifyingKey,
    /// With what it connects.
    pub tls: Fingerprint,
    /// For what secrets are encrypted: an X25519 key in age's form, `age1…`; `None`: it joined with a version that made none.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Whether it is to carry the store. An invite must allow it too.
    #[serde(default)]
    pub serve: bool,
    /// When it joined, by its clock.
    pub at: UnixSeconds,
}

/// The longest text of a recipient, in bytes: age's form of 32 bytes has 62.
const LONGEST_RECIPIENT: usize = 64;

/// The chain that makes others trust a host's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Papers {
    /// The host's keys, signed by the invite's key; without an invite, by an administrator.
    pub host_key: Signed<HostKey>,
    /// That statement, signed by the host's key too: else who has an invite could pass another's key for its own.
    pub possession: Signature,
    /// The invite that it joined with, signed by an administrator.
    pub invite: Option<Signed<Invite>>,
}

/// What follows from papers that hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose key.
    pub host: HostName,
    /// The key that its exports are signed with.
    pub key: VerifyingKey,
    /// The key of its certificates.
    pub tls: Fingerprint,
    /// For what secrets are encrypted.
    pub recipient: Option<String>,
    /// Whether it may carry the store.
    pub serve: bool,
    /// Where an administrator says that it stands; empty: nobody said it.
    pub zone: String,
    /// What an administrator says of it.
    pub labels: BTreeMap<String, String>,
}

impl Papers {
    /// Of a host that joins with an invite.
    ///
    /// # Errors
    /// None that can happen: the statement is small.
    pub fn invited(
        host_key: &HostKey,
        own: &SigningKey,
        invite: Signed<Invite>,
        invite_key: &SigningKey,
        mesh: &MeshId,
    ) -> Result<Self, IdentityError> {
        let host_key = Signed::new(host_key, Domain::HostKey, mesh, invite_key)?;
        let possession = own.sign(Domain::JoinRequest, mesh, host_key.statement().as_bytes())?;
        Ok(Self { host_key, possession, invite: Some(invite) })
    }

    /// Of a host that an administrator vouches for: the first one.
    ///
    /// # Errors
    /// None that can happen: the statement is small.
    pub fn vouched(
        host_key: &HostKey,
        own: &SigningKey,
        administrator: &SigningKey,
        mesh: &MeshId,
    ) -> Result<Self, IdentityError> {
        let host_key = Signed::new(host_key, Domain::HostKey, mesh, administrator)?;
        let possession = own.sign(Domain::JoinRequest, mesh, host_key.statement().as_bytes())?;
        Ok(Self { host_key, possession, invite: None })
    }

    /// What follows from them. Whether the invite's time was over, or its uses, is asked when the host joins: later the papers
    /// stay good until the host is evicted.
    ///
    /// # Errors
    /// Why they do not hold: the first link that does not.
    pub fn verify(
        &self,
        administrators: &Administrators,
        mesh: &MeshId,
        denied: &DenyList,
    ) -> Result<Standing, IdentityError> {
        let (statement, invite) = match &self.invite {
            None => (administrators.verify(&self.host_key, Domain::HostKey, mesh)?, None),
            Some(signed) => {
                let invite = administrators.verify(signed, Domain::Invite, mesh)?;
                invite.check()?;
                let statement = self.host_key.verify(Domain::HostKey, mesh, &invite.key)?;
                if !invite.hosts.matches(&statement.host) {
                    let (host, hosts) = (statement.host, invite.hosts);
                    return Err(IdentityError::InviteOtherName { host, hosts });
                }
                (statement, Some(invite))
            }
        };
        let HostKey { host, key, tls, recipient, serve, .. } = statement;
        let own =
            key.verify(Domain::JoinRequest, mesh, self.host_key.statement().as_bytes(), &self.possession);
        own.map_err(|_| IdentityError::NotItsKey { host: host.clone() })?;
        if recipient.as_ref().is_some_and(|text| text.len() > LONGEST_RECIPIENT) {
            return Err(IdentityError::BadKey { what: "a recipient of secrets" });
        }
        let eviction = denied.denies_key(&key.fingerprint()).or_else(|| denied.denies_key(&tls));
        if let Some(eviction) = eviction {
            return Err(IdentityError::Evicted { host, at: eviction.at });
        }
        let granted = invite.as_ref().is_none_or(|invite| invite.serve);
        let (zone, labels) = invite.map(|invite| (invite.zone, invite.labels)).unwrap_or_default();
        Ok(Standing { host, key, tls, recipient, serve: serve && granted, zone, labels })
    }

    /// What tells these papers from all others: under this, what follows from them can be remembered, until the administrators
    /// or the deny list change.
    pub fn digest(&self) -> ContentHash {
        let mut parts = self.host_key.digest().0.to_vec();
        parts.extend_from_slice(self.possession.as_bytes());
        if let Some(invite) = &self.invite {
            parts.extend_from_slice(&invite.digest().0);
        }
        ContentHash::of(&parts)
    }

    /// As it was stored or sent.
    ///
    /// # Errors
    /// When it has more than 1 MiB, or is none.
    pub fn from_json(text: &[u8]) -> Result<Self, IdentityError> {
        let limit = super::signing::MOST_SIGNED;
        if text.len() > limit {
            return Err(IdentityError::StatementTooLarge { bytes: text.len(), limit });
        }
        serde_json::from_slice(text).map_err(|source| IdentityError::NotSigned { source })
    }

    /// As it is stored and sent.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts can be written")
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, mesh, name};
    use super::super::{AdministratorChain, Change, Eviction, Pin};
    use super::*;

    struct Scene {
        ann: SigningKey,
        chain: AdministratorChain,
        invite: Invite,
        invite_key: SigningKey,
        own: SigningKey,
    }

    impl Scene {
        fn new() -> Self {
            let [ann, invite_key, own] = [(); 3].map(|()| SigningKey::generate().unwrap());
            let invite = Invite {
                key: invite_key.verifying_key(),
                hosts: "web-*".parse().unwrap(),
                uses: 1,
                expires: NOW,
                zone: "north".into(),
                labels: BTreeMap::from([("role".into(), "web".into())]),
                serve: false,
            };
            let chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
            Self { ann, chain, invite, invite_key, own }
        }

        fn key(&self, host: &str) -> HostKey {
            HostKey {
                host: host.parse().unwrap(),
                key: self.own.verifying_key(),
                tls: Fingerprint::of_spki(b"tls"),
                recipient: None,
                serve: true,
                at: NOW,
            }
        }

        fn signed_invite(&self) -> Signed<Invite> {
            Signed::new(&self.invite, Domain::Invite, &mesh(), &self.ann).unwrap()
        }

        fn papers(&self, host: &str) -> Papers {
            let invite = self.signed_invite();
            Papers::invited(&self.key(host), &self.own, invite, &self.invite_key, &mesh()).unwrap()
        }

        fn verify(&self, papers: &Papers) -> Result<Standing, IdentityError> {
            let administrators = self.chain.replay(&mesh(), &Pin::default()).unwrap();
            papers.verify(&administrators, &mesh(), &DenyList::default())
        }
    }

    #[test]
    fn a_hosts_key_chains_to_an_invite_and_an_administrator() {
        let scene = Scene::new();
        let papers = Papers::from_json(scene.papers("web-1").to_json().as_bytes()).unwrap();
        let standing = scene.verify(&papers).unwrap();
        assert_eq!(standing.host.as_str(), "web-1");
        assert_eq!(standing.key, scene.own.verifying_key());
        assert_eq!((standing.zone.as_str(), standing.labels["role"].as_str()), ("north", "web"));
        assert!(!standing.serve, "it asked for what its invite does not grant");
    }

    #[test]
    fn who_may_serve_was_granted_it_and_asked_for_it() {
        for (granted, asked) in [(true, true), (true, false), (false, true)] {
            let mut scene = Scene::new();
            scene.invite.serve = granted;
            let key = HostKey { serve: asked, ..scene.key("web-1") };
            let invite = scene.signed_invite();
            let papers = Papers::invited(&key, &scene.own, invite, &scene.invite_key, &mesh()).unwrap();
            assert_eq!(scene.verify(&papers).unwrap().serve, granted && asked);
        }
    }

    #[test]
    fn the_first_host_is_vouched_for_by_the_administrator() {
        let scene = Scene::new();
        let papers = Papers::vouched(&scene.key("db-1"), &scene.own, &scene.ann, &mesh()).unwrap();
        assert!(scene.verify(&papers).unwrap().serve);
        let papers = Papers::vouched(&scene.key("db-1"), &scene.own, &scene.own, &mesh()).unwrap();
        assert!(matches!(scene.verify(&papers), Err(IdentityError::NotAdministrator { .. })));
    }

    #[test]
    fn a_host_has_no_name_that_its_invite_is_not_for() {
        let scene = Scene::new();
        let refused = scene.verify(&scene.papers("db-1"));
        assert!(matches!(refused, Err(IdentityError::InviteOtherName { .. })));
    }

    #[test]
    fn an_invite_that_nobody_signed_or_of_another_key_vouches_for_nothing() {
        let scene = Scene::new();
        let stranger = SigningKey::generate().unwrap();
        let own_invite = Signed::new(&scene.invite, Domain::Invite, &mesh(), &stranger).unwrap();
        let papers = Papers { invite: Some(own_invite), ..scene.papers("web-1") };
        assert!(matches!(scene.verify(&papers), Err(IdentityError::NotAdministrator { .. })));
        let key = scene.key("web-1");
        let papers = Papers::invited(&key, &scene.own, scene.signed_invite(), &stranger, &mesh()).unwrap();
        assert!(matches!(scene.verify(&papers), Err(IdentityError::WrongSigner { .. })));
        let boundless = Invite { uses: 0, ..scene.invite.clone() };
        let boundless = Signed::new(&boundless, Domain::Invite, &mesh(), &scene.ann).unwrap();
        let papers = Papers { invite: Some(boundless), ..scene.papers("web-1") };
        assert!(matches!(scene.verify(&papers), Err(IdentityError::BadInvite { .. })));
    }

    #[test]
    fn nobody_passes_anothers_key_for_the_own() {
        let scene = Scene::new();
        // Who has an invite signs another host's key as web-2's, without having it.
        let thief = SigningKey::generate().unwrap();
        let invite = scene.signed_invite();
        let key = scene.key("web-2");
        let papers = Papers::invited(&key, &thief, invite, &scene.invite_key, &mesh()).unwrap();
        assert!(matches!(scene.verify(&papers), Err(IdentityError::NotItsKey { .. })));
        let other = Papers { possession: scene.papers("web-1").possession, ..scene.papers("web-2") };
        assert!(matches!(scene.verify(&other), Err(IdentityError::NotItsKey { .. })));
        assert_ne!(other.digest(), scene.papers("web-2").digest());
    }

    #[test]
    fn an_evicted_key_is_refused_whatever_its_papers() {
        let scene = Scene::new();
        let administrators = scene.chain.replay(&mesh(), &Pin::default()).unwrap();
        let tls = Fingerprint::of_spki(b"tls");
        for key in [scene.own.fingerprint(), tls] {
            let mut denied = DenyList::default();
            let eviction = Eviction {
                seq: 1,
                host: "web-1".parse().unwrap(),
                serials: Vec::new(),
                keys: vec![key],
                at: NOW,
            };
            let signed = Signed::new(&eviction, Domain::Eviction, &mesh(), &scene.ann).unwrap();
            denied.take(signed, &administrators, &mesh()).unwrap();
            let refused = scene.papers("web-1").verify(&administrators, &mesh(), &denied);
            assert!(matches!(refused, Err(IdentityError::Evicted { at: NOW, .. })));
        }
    }

    #[test]
    fn hosts_stay_when_who_invited_them_leaves_if_the_invite_is_kept() {
        for keep in [true, false] {
            let mut scene = Scene::new();
            let papers = scene.papers("web-1");
            let bob = SigningKey::generate().unwrap();
            let change = Change::Add { name: name("bob"), key: bob.verifying_key() };
            scene.chain.append(&mesh(), change, &scene.ann, NOW).unwrap();
            let kept = keep.then(|| scene.signed_invite().digest()).into_iter().collect();
            scene.chain.append(&mesh(), Change::Remove { name: name("ann"), keep: kept }, &bob, NOW).unwrap();
            assert_eq!(scene.verify(&papers).is_ok(), keep);
        }
    }

    #[test]
    fn a_recipient_that_is_too_long_is_none() {
        let scene = Scene::new();
        let key = HostKey { recipient: Some("a".repeat(65)), ..scene.key("web-1") };
        let papers = Papers::vouched(&key, &scene.own, &scene.ann, &mesh()).unwrap();
        assert!(matches!(scene.verify(&papers), Err(IdentityError::BadKey { .. })));
        assert!(Papers::from_json(&vec![b' '; 2 << 20]).is_err());
    }
}

//! An invite, and the token for who is invited.

use std::collections::BTreeMap;

use super::JoinError;
use crate::cluster::identity::{
    Administrators, Domain, HostPattern, IdentityError, Invite, JoinToken, MeshId, Roots, Signed, SigningKey,
    UnixSeconds,
};
use crate::cluster::world::keys;
use crate::engine::world::DeployId;

/// Whom an invite is for, and what it gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What who joins may be called.
    pub hosts: HostPattern,
    /// How many may join.
    pub uses: u32,
    /// Until when.
    pub expires: UnixSeconds,
    /// Where they stand; empty: they say it.
    pub zone: String,
    /// What is said of them.
    pub labels: BTreeMap<String, String>,
    /// Whether they may carry the store.
    pub serve: bool,
}

/// Who invites, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Inviting<'a> {
    /// To which mesh.
    pub mesh: &'a MeshId,
    /// The key of one who administers it.
    pub administrator: &'a SigningKey,
    /// Who they are.
    pub administrators: &'a Administrators,
    /// What its certificates are signed with.
    pub roots: &'a Roots,
    /// Where hosts of it are: `host:port`.
    pub seeds: &'a [String],
    /// Older deploys are not run by who joins.
    pub lowest_deploy: DeployId,
}

/// An invite that counts as soon as the store has it.
#[derive(Debug)]
pub struct Invitation {
    /// For who is invited. It is nowhere else: whoever loses it needs another invite.
    pub token: JoinToken,
    /// Under which key the store is to have the invite.
    pub key: String,
    /// The invite, signed.
    pub value: String,
}

/// Makes an invite.
///
/// # Errors
/// When who invites is no administrator, or the terms or seeds are out of bounds.
pub fn invite(by: &Inviting<'_>, terms: Terms) -> Result<Invitation, JoinError> {
    let signer = by.administrator.fingerprint();
    if by.administrators.name_of(&signer).is_none() {
        return Err(IdentityError::NotAdministrator { by: signer }.into());
    }
    let key = SigningKey::generate()?;
    let Terms { hosts, uses, expires, zone, labels, serve } = terms;
    let invite = Invite { key: key.verifying_key(), hosts, uses, expires, zone, labels, serve };
    invite.check()?;
    let token = JoinToken {
        seeds: by.seeds.to_vec(),
        key,
        authorities: by.roots.fingerprints(),
        administrator: *by.administrators.first(),
        mesh: *by.mesh,
        lowest_deploy: by.lowest_deploy,
    };
    // One that cannot be written down is of no use: better known before the store has its invite.
    token.to_text()?;
    let value = Signed::new(&invite, Domain::Invite, by.mesh, by.administrator)?.to_json();
    Ok(Invitation { token, key: keys::invite(&invite.id()), value })
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, Scene, mesh, terms};
    use super::*;

    #[tokio::test]
    async fn only_an_administrator_invites_and_only_within_bounds() {
        let scene = Scene::start().await;
        let (administrators, authority) = (scene.administrators(), scene.authority());
        let seeds = ["a:1".to_owned()];
        let good = Inviting {
            mesh: &mesh(),
            administrator: &scene.ann,
            administrators: &administrators,
            roots: authority.roots(),
            seeds: &seeds,
            lowest_deploy: DeployId(7),
        };
        let made = invite(&good, terms()).unwrap();
        let signed: Signed<Invite> = Signed::from_json(made.value.as_bytes()).unwrap();
        let read = administrators.verify(&signed, Domain::Invite, &mesh()).unwrap();
        assert_eq!(read.key, made.token.key.verifying_key());
        assert_eq!((read.expires, made.token.lowest_deploy), (terms().expires, DeployId(7)));
        assert_eq!(made.key, keys::invite(&read.id()));
        assert!(read.expires > NOW);
        let stranger = SigningKey::generate().unwrap();
        let refused = invite(&Inviting { administrator: &stranger, ..good }, terms());
        assert!(matches!(refused, Err(JoinError::Identity(IdentityError::NotAdministrator { .. }))));
        let refused = invite(&good, Terms { uses: 0, ..terms() });
        assert!(matches!(refused, Err(JoinError::Identity(IdentityError::BadInvite { .. }))));
        let refused = invite(&Inviting { seeds: &[], ..good }, terms());
        assert!(matches!(refused, Err(JoinError::Identity(IdentityError::BadToken { .. }))));
    }
}

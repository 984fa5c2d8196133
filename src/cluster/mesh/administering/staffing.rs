//! Who else decides.

use std::collections::BTreeSet;

use super::certifying::certify;
use super::evicting::evictions;
use super::office::{OPS, Office, TRIES};
use crate::cluster::identity::{
    AdministratorChange, AdministratorName, CertificateKey, Change, Fingerprint, IdentityError, Invite,
    KeyFolder, KvGrant, RootsStatement, Signed, SigningKey, UnixSeconds, VerifyingKey, key_files,
};
use crate::cluster::joining::Enrolled;
use crate::cluster::mesh::MeshError;
use crate::cluster::tls;
use crate::cluster::world::{keys, txn};
use crate::engine::world::ContentHash;

/// Somebody who decides.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Colleague {
    /// What they are called.
    pub name: AdministratorName,
    /// Their key.
    pub key: Fingerprint,
    /// Since when, by the clock of who added them.
    pub since: UnixSeconds,
}

/// Somebody who decides no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dismissed {
    /// How many statements of theirs go on counting: hosts stand on them, or are out by them.
    pub kept: usize,
    /// How many of their invites were taken back: nobody has joined with them.
    pub taken_back: usize,
}

/// Makes the keys of an administrator in a folder, unless some lie there; returns what others may know of them.
///
/// # Errors
/// When the system refuses.
pub fn make_keys(to: &KeyFolder) -> Result<VerifyingKey, MeshError> {
    if let Some((key, _)) = to.load_admin()? {
        return Ok(key.verifying_key());
    }
    let (key, connects) = (SigningKey::generate()?, CertificateKey::generate()?);
    to.store_admin(&key, &connects)?;
    Ok(key.verifying_key())
}

impl Office {
    /// Everybody who decides, in the order in which they came.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn colleagues(&self) -> Result<Vec<Colleague>, MeshError> {
        let (chain, _, administrators) = self.administrators().await?;
        let added = chain.changes().iter().filter_map(|signed| {
            // The chain was verified: all that is in it was signed.
            let change: AdministratorChange = serde_json::from_str(signed.statement()).ok()?;
            let Change::Add { name, key } = change.change else { return None };
            let key = key.fingerprint();
            (administrators.name_of(&key) == Some(&name)).then_some(Colleague { name, key, since: change.at })
        });
        Ok(added.collect())
    }

    /// Adds somebody: makes keys for them in a folder, unless they lie there, and gets a certificate for them. Interrupted, it goes
    /// on where it was.
    ///
    /// # Errors
    /// When somebody of that name is there, or was; when another's keys lie in the folder; or the store does not answer.
    pub async fn add(&self, name: &AdministratorName, to: &KeyFolder) -> Result<Fingerprint, MeshError> {
        let key = make_keys(to)?;
        self.appoint(name, &key, to).await?;
        certify(to, &self.client.link().places()).await?;
        self.note(&format!("added the administrator {name}")).await;
        Ok(key.fingerprint())
    }

    /// Adds somebody whose keys were made elsewhere, and are known by their public half only. The folder gets what they need beside
    /// their keys, none of it secret: which mesh it is, its roots, and who administers it.
    ///
    /// # Errors
    /// As for [`Office::add`].
    pub async fn add_key(
        &self,
        name: &AdministratorName,
        key: &VerifyingKey,
        to: &KeyFolder,
    ) -> Result<Fingerprint, MeshError> {
        if to.load_admin()?.is_some_and(|(other, _)| other.verifying_key() != *key) {
            return Err(MeshError::OthersKeys { path: to.path_of(key_files::ADMIN_KEY) });
        }
        self.appoint(name, key, to).await?;
        self.note(&format!("added the administrator {name}, with a key made elsewhere")).await;
        Ok(key.fingerprint())
    }

    /// Signs that somebody decides from now on, and puts what they need to know of the mesh into a folder.
    async fn appoint(
        &self,
        name: &AdministratorName,
        key: &VerifyingKey,
        to: &KeyFolder,
    ) -> Result<(), MeshError> {
        let operation = "add an administrator";
        let mut added = false;
        for _ in 0..TRIES {
            let (mut chain, written, administrators) = self.administrators().await?;
            added = administrators.key_of(name) == Some(key);
            if added {
                to.store_administrators(&chain)?;
                break;
            }
            let change = Change::Add { name: name.clone(), key: *key };
            chain.append(&self.mesh, change, &self.key, tls::now())?;
            let compare = vec![txn::is_unchanged(keys::ADMINISTRATORS, written)];
            self.commit(operation, compare, vec![txn::put(keys::ADMINISTRATORS, chain.to_json())]).await?;
        }
        if !added {
            return Err(MeshError::Contended { operation });
        }
        to.store_mesh(&self.mesh)?;
        to.store_roots(&self.folder.roots(&self.mesh)?)?;
        Ok(())
    }

    /// Removes somebody. What hosts stand on that they have signed goes on counting, and so do their evictions and what they let
    /// hosts write; what nobody has used yet does not.
    ///
    /// # Errors
    /// When nobody is called so, it is the last one, or the store does not answer.
    pub async fn dismiss(&self, name: &AdministratorName) -> Result<Dismissed, MeshError> {
        let operation = "remove an administrator";
        for _ in 0..TRIES {
            let (mut chain, written, administrators) = self.administrators().await?;
            let unknown = || IdentityError::AdministratorUnknown { name: name.clone() };
            let whose = administrators.key_of(name).ok_or_else(unknown)?.fingerprint();
            let Kept { keep, unused, seen } = self.signed_by(&whose).await?;
            let kept = keep.len();
            let change = Change::Remove { name: name.clone(), keep: keep.into_iter().collect() };
            chain.append(&self.mesh, change, &self.key, tls::now())?;
            let mut compare = vec![txn::is_unchanged(keys::ADMINISTRATORS, written)];
            // A host that has joined since with an invite of theirs would lose what it stands on.
            compare.extend(
                [keys::ENROLLED, keys::DENIED, keys::ROOTS, keys::KV_GRANTS]
                    .map(|prefix| txn::none_since(prefix, seen)),
            );
            if !self.commit(operation, compare, vec![txn::put(keys::ADMINISTRATORS, chain.to_json())]).await?
            {
                continue;
            }
            self.folder.store_administrators(&chain)?;
            for some in unused.chunks(OPS) {
                let gone = some.iter().map(txn::delete).collect();
                self.commit("take back invites", Vec::new(), gone).await?;
            }
            self.note(&format!("removed the administrator {name}")).await;
            return Ok(Dismissed { kept, taken_back: unused.len() });
        }
        Err(MeshError::Contended { operation })
    }

    /// What somebody has signed.
    async fn signed_by(&self, whose: &Fingerprint) -> Result<Kept, MeshError> {
        let operation = "read what they have signed";
        let mut kept = Kept::default();
        let hosts = self.read_under(operation, keys::ENROLLED).await?;
        for (key, entry) in &hosts {
            kept.seen = kept.seen.max(entry.written.0);
            let Ok(enrolled) = serde_json::from_slice::<Enrolled>(&entry.value) else {
                tracing::warn!(?key, "it cannot be understood");
                continue;
            };
            match &enrolled.papers.invite {
                Some(invite) if invite.by() == whose => drop(kept.keep.insert(invite.digest())),
                None if enrolled.papers.host_key.by() == whose => {
                    kept.keep.insert(enrolled.papers.host_key.digest());
                }
                _ => {}
            }
        }
        let denied = self.read(operation, keys::DENIED).await?;
        kept.seen = kept.seen.max(denied.written);
        let theirs = evictions(&denied)?.into_iter().filter(|signed| signed.by() == whose);
        kept.keep.extend(theirs.map(|signed| signed.digest()));
        let roots = self.read(operation, keys::ROOTS).await?;
        kept.seen = kept.seen.max(roots.written);
        let roots = roots.value.and_then(|value| Signed::<RootsStatement>::from_json(&value).ok());
        kept.keep.extend(roots.filter(|signed| signed.by() == whose).map(|signed| signed.digest()));
        for (_, entry) in self.read_under(operation, keys::KV_GRANTS).await? {
            kept.seen = kept.seen.max(entry.written.0);
            let signed = Signed::<KvGrant>::from_json(&entry.value).ok();
            kept.keep.extend(signed.filter(|signed| signed.by() == whose).map(|signed| signed.digest()));
        }
        for (key, entry) in self.read_under(operation, keys::INVITES).await? {
            let signed = Signed::<Invite>::from_json(&entry.value).ok();
            let unused = signed.is_some_and(|it| it.by() == whose && !kept.keep.contains(&it.digest()));
            kept.unused.extend(String::from_utf8(key.to_vec()).ok().filter(|_| unused));
        }
        Ok(kept)
    }
}

/// What somebody has signed.
#[derive(Default)]
struct Kept {
    /// That goes on counting.
    keep: BTreeSet<ContentHash>,
    /// Keys of invites that nobody has used.
    unused: Vec<String>,
    /// The newest revision of what was read.
    seen: i64,
}

/// Moves an administrator's keys from a folder into another one: they are there, whole, before they are gone here.
///
/// # Errors
/// When none lie there, another's lie in the other one, or the system refuses.
pub fn export(from: &KeyFolder, to: &KeyFolder) -> Result<(), MeshError> {
    let mesh = from.mesh()?;
    let (key, connects) = from.admin()?;
    if to.load_admin()?.is_some_and(|(other, _)| other.fingerprint() != key.fingerprint()) {
        return Err(MeshError::OthersKeys { path: to.path_of(key_files::ADMIN_KEY) });
    }
    to.store_mesh(&mesh)?;
    to.store_roots(&from.roots(&mesh)?)?;
    to.store_administrators(&from.administrator_chain()?)?;
    let certificate = from.load_admin_certificate(&mesh)?;
    to.store_admin_certificate(&certificate.ok_or_else(|| from.missing(key_files::ADMIN_CERTIFICATE))?)?;
    if let Some(reads) = from.load_admin_recipient()? {
        to.store_admin_recipient(&reads)?;
    }
    to.store_admin(&key, &connects)?;
    from.remove_admin()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::identity::RecipientKey;
    use crate::cluster::joining::{Founder, found};

    #[test]
    fn an_administrators_keys_are_moved_and_nothing_else() {
        let (prefix, safe) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = KeyFolder::open(prefix.path()).unwrap();
        let founder = Founder {
            host: &"a".parse().unwrap(),
            administrator: &"ann".parse().unwrap(),
            names: &[],
            addresses: &[],
            validity: crate::cluster::identity::HOST_VALIDITY,
            now: tls::now(),
        };
        let made = found(&from, &founder).unwrap();
        let key = from.load_admin().unwrap().unwrap().0.fingerprint();
        let reads = RecipientKey::generate().unwrap();
        from.store_admin_recipient(&reads).unwrap();
        let to = KeyFolder::make(&safe.path().join("keys")).unwrap();
        export(&from, &to).unwrap();
        assert!(from.load_admin().unwrap().is_none());
        assert!(from.load_admin_certificate(&made.mesh).unwrap().is_none());
        assert!(
            from.load_host_keys().unwrap().is_some() && from.load_authority(&made.mesh).unwrap().is_some()
        );
        assert_eq!(to.load_admin().unwrap().unwrap().0.fingerprint(), key);
        assert!(from.load_admin_recipient().unwrap().is_none());
        assert_eq!(to.load_admin_recipient().unwrap().unwrap().public(), reads.public());
        assert!(to.load_host_keys().unwrap().is_none() && to.load_authority(&made.mesh).unwrap().is_none());
        // What comes with them is enough to take part.
        let passport = crate::cluster::tls::Passport::of_administrator(&to).unwrap().unwrap();
        assert_eq!(passport.mesh, made.mesh);
    }

    #[test]
    fn anothers_keys_are_not_written_over() {
        let (prefix, safe) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = KeyFolder::open(prefix.path()).unwrap();
        from.store_mesh(&crate::cluster::identity::MeshId::random().unwrap()).unwrap();
        let keys = || (SigningKey::generate().unwrap(), CertificateKey::generate().unwrap());
        let to = KeyFolder::make(&safe.path().join("keys")).unwrap();
        for folder in [&from, &to] {
            let (signing, tls) = keys();
            folder.store_admin(&signing, &tls).unwrap();
        }
        assert!(matches!(export(&from, &to), Err(MeshError::OthersKeys { .. })));
        assert!(from.load_admin().unwrap().is_some());
    }
}

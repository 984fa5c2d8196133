//! The mesh's roots, as an administrator has signed them: no server can plant one.

use serde::{Deserialize, Serialize};

use super::{Administrators, Domain, IdentityError, KeyFolder, MeshId, Roots, Signed, SigningKey};

/// What is signed of the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootsStatement {
    /// Which list it is: a host that has seen one takes no earlier one.
    pub seq: u64,
    /// What certificates are signed with, PEM, the newest first.
    pub roots: String,
    /// Roots that were, PEM, the latest first.
    #[serde(default)]
    pub past: String,
    /// How they lead to those that are, PEM, the newest first.
    #[serde(default)]
    pub links: String,
}

/// A list of roots that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootList {
    signed: Signed<RootsStatement>,
    seq: u64,
    roots: Roots,
}

impl RootList {
    /// Signs a list, which is to follow the one before it; 1: there is none.
    ///
    /// # Errors
    /// None that can happen: roots are small.
    pub fn sign(roots: Roots, seq: u64, mesh: &MeshId, key: &SigningKey) -> Result<Self, IdentityError> {
        let statement =
            RootsStatement { seq, roots: roots.to_pem(), past: roots.past_pem(), links: roots.links_pem() };
        Ok(Self { signed: Signed::new(&statement, Domain::Roots, mesh, key)?, seq, roots })
    }

    /// What somebody says, if an administrator has signed it.
    ///
    /// # Errors
    /// When none has, or they are no roots of this mesh.
    pub fn verify(
        signed: Signed<RootsStatement>,
        administrators: &Administrators,
        mesh: &MeshId,
    ) -> Result<Self, IdentityError> {
        let statement = administrators.verify(&signed, Domain::Roots, mesh)?;
        Self::of(signed, statement, mesh)
    }

    /// From where only what was verified is kept.
    pub(super) fn kept(text: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        let signed = Signed::from_json(text.as_bytes())?;
        let bad = |source| IdentityError::BadStatement { domain: Domain::Roots, source };
        let statement = serde_json::from_str(signed.statement()).map_err(bad)?;
        Self::of(signed, statement, mesh)
    }

    fn of(
        signed: Signed<RootsStatement>,
        statement: RootsStatement,
        mesh: &MeshId,
    ) -> Result<Self, IdentityError> {
        let RootsStatement { seq, roots, past, links } = statement;
        let roots = Roots::from_pem(&roots, mesh)?.after(&past, &links, mesh)?;
        Ok(Self { signed, seq, roots })
    }

    /// This one, or a later one that is kept in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn or_later(&self, folder: &KeyFolder) -> Result<Self, IdentityError> {
        let mesh = folder.load_mesh()?;
        // One of another mesh, or one that cannot be read, is no later one.
        let there = mesh.and_then(|mesh| folder.load_roots(&mesh).ok().flatten());
        Ok(there.filter(|there| there.seq > self.seq).unwrap_or_else(|| self.clone()))
    }

    /// The roots.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Which list it is.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// As it was signed.
    pub fn signed(&self) -> &Signed<RootsStatement> {
        &self.signed
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, mesh, name};
    use super::super::{AdministratorChain, Pin};
    use super::*;

    fn administrators(ann: &SigningKey) -> Administrators {
        let chain = AdministratorChain::begin(&mesh(), name("ann"), ann, NOW).unwrap();
        chain.replay(&mesh(), &Pin::default()).unwrap()
    }

    #[test]
    fn a_list_is_read_as_an_administrator_has_signed_it_and_from_nobody_else() {
        let (ann, eve) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let one = authority();
        let (two, link) = one.rotate(NOW).unwrap();
        let roots = one.roots().followed_by(two.roots().newest().clone(), link).unwrap().without_old();
        let list = RootList::sign(roots, 3, &mesh(), &ann).unwrap();
        let read = RootList::verify(list.signed().clone(), &administrators(&ann), &mesh()).unwrap();
        assert_eq!((&read, read.seq()), (&list, 3));
        assert_eq!(RootList::kept(&list.signed().to_json(), &mesh()).unwrap(), list);
        let planted = RootList::sign(authority().roots().clone(), 4, &mesh(), &eve).unwrap();
        let refused = RootList::verify(planted.signed().clone(), &administrators(&ann), &mesh());
        assert!(matches!(refused, Err(IdentityError::NotAdministrator { .. })));
    }
}

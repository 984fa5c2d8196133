//! What a host keeps of its identity, and when it has one.
//!
//! | in the folder | then |
//! |---|---|
//! | no mesh | it has not joined: whatever else is there is of an attempt that was not finished |
//! | a mesh, no certificate of it | it has begun to make that mesh, and goes on ([`found`](super::found)) |
//! | both | it has an identity |

use super::JoinError;
use crate::cluster::identity::key_files::HOST_SIGNING_KEY;
use crate::cluster::identity::{
    AdministratorChain, Administrators, Certificate, DenyList, HostKeys, IdentityError, KeyFolder, MeshId,
    Papers, RootList,
};
use crate::engine::world::DeployId;

/// An identity: verified, and not yet kept.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// In which mesh.
    pub mesh: MeshId,
    /// The host's certificate.
    pub certificate: Certificate,
    /// Why others trust its keys.
    pub papers: Papers,
    /// What the mesh's certificates are signed with.
    pub roots: RootList,
    /// How the administrators came to be.
    pub chain: AdministratorChain,
    /// Who they are.
    pub administrators: Administrators,
    /// Who is out, as far as the server said.
    pub denied: DenyList,
    /// Where hosts are that carry the store: `host:port`.
    pub seeds: Vec<String>,
    /// Older deploys are not run: the token says it, so there is none when a certificate was renewed.
    pub lowest_deploy: Option<DeployId>,
}

impl Enrolment {
    /// Keeps it. The mesh comes last when a host joins: if this is interrupted, the host has not joined, and does it again with
    /// the same keys ([`own_keys`]), which uses no more of its invite. When a certificate is renewed each file is good beside the
    /// older ones.
    ///
    /// # Errors
    /// When the keys in the folder are others, or the system refuses.
    pub fn keep(&self, folder: &KeyFolder) -> Result<(), JoinError> {
        let keys = folder.load_host_keys()?;
        if keys.is_none_or(|keys| keys.tls.fingerprint() != *self.certificate.key()) {
            return Err(JoinError::OtherKeys { path: folder.path_of(HOST_SIGNING_KEY) });
        }
        // What was known to be out stays out, if the server has left it out.
        let mut denied = self.denied.clone();
        if folder.load_mesh()? == Some(self.mesh) {
            denied.merge(folder.load_denied()?, &self.administrators, &self.mesh).warn("the folder of keys");
        }
        let Self { certificate, papers, chain, lowest_deploy, .. } = self;
        let roots = self.roots.or_later(folder)?;
        folder.store_enrolment(certificate, papers, &roots, chain, &denied, *lowest_deploy)?;
        folder.store_mesh(&self.mesh)?;
        Ok(())
    }
}

/// This host's keys: those in the folder; new ones, and kept, if there are none. To be had before anybody is asked, so that a host
/// whose answer was lost asks again with the same keys, and its name is not taken by itself.
///
/// # Errors
/// When the folder cannot be read or written, or the system has no random numbers.
pub fn own_keys(folder: &KeyFolder) -> Result<HostKeys, JoinError> {
    if let Some(keys) = folder.load_host_keys()? {
        return Ok(keys);
    }
    let keys = HostKeys::generate()?;
    folder.store_host_keys(&keys)?;
    Ok(keys)
}

/// Whether the host has an identity, and in which mesh.
///
/// # Errors
/// When the folder cannot be read.
pub fn has_identity(folder: &KeyFolder) -> Result<Option<MeshId>, JoinError> {
    let Some(mesh) = folder.load_mesh()? else { return Ok(None) };
    Ok(own_certificate(folder, &mesh)?.map(|_| mesh))
}

/// This host's certificate in a mesh; one that is of another mesh was left there by an attempt to join that one.
pub(super) fn own_certificate(folder: &KeyFolder, mesh: &MeshId) -> Result<Option<Certificate>, JoinError> {
    match folder.load_host_certificate(mesh) {
        Err(IdentityError::BadFile { source, .. }) if matches!(*source, IdentityError::OtherMesh { .. }) => {
            Ok(None)
        }
        loaded => Ok(loaded?),
    }
}

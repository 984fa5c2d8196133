//! What this host shows of itself, and whom it believes.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::TlsError;
use crate::cluster::identity::{
    Administrators, Certificate, CertificateKey, DenyList, KeyFolder, MeshId, Pin, Principal, Root, Roots,
    UnixSeconds,
};

/// The most roots that are remembered to be gone: a process sees few changes.
const MOST_GONE: usize = 64;

/// What a connection shows and whom it believes. It is replaced whole: [`MeshTls::replace`](super::MeshTls::replace).
#[derive(Clone, Debug)]
pub struct Passport {
    /// The mesh.
    pub mesh: MeshId,
    /// Its roots: who signs certificates.
    pub roots: Roots,
    /// Those that it had while this host ran: nobody goes on with a certificate of theirs.
    gone: Vec<Root>,
    /// Whose this is.
    pub certificate: Certificate,
    /// Who is out.
    pub denied: DenyList,
    /// Who administers; `None`: this host does not know, and believes what the authority has signed.
    pub administrators: Option<Arc<Administrators>>,
    key: Arc<CertifiedKey>,
}

impl Passport {
    /// Of a certificate and its key.
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn new(
        mesh: MeshId,
        roots: Roots,
        certificate: Certificate,
        key: &CertificateKey,
        denied: DenyList,
    ) -> Result<Self, TlsError> {
        let private = PrivatePkcs8KeyDer::from(key.to_der().to_vec()).into();
        let signing = any_supported_type(&private).map_err(TlsError::Keys)?;
        let own = CertificateDer::from(certificate.der().to_vec());
        // Who joins knows the fingerprint of a root only, and perhaps of an older one.
        let above = roots.shown().map(|shown| CertificateDer::from(shown.to_vec()));
        let chain = std::iter::once(own).chain(above).collect();
        let key = CertifiedKey::new(chain, signing);
        key.keys_match().map_err(TlsError::Keys)?;
        let (gone, administrators, key) = (Vec::new(), None, Arc::new(key));
        Ok(Self { mesh, roots, gone, certificate, denied, administrators, key })
    }

    /// What a host shows, from the folder of its keys; `None`: it has no identity yet.
    ///
    /// # Errors
    /// When the keys are not ours alone, or do not belong together.
    pub fn of_host(folder: &KeyFolder) -> Result<Option<Self>, TlsError> {
        let Some(mesh) = folder.load_mesh()? else { return Ok(None) };
        let Some(certificate) = folder.load_host_certificate(&mesh)? else { return Ok(None) };
        let Some(keys) = folder.load_host_keys()? else { return Ok(None) };
        Self::of(folder, mesh, certificate, &keys.tls).map(Some)
    }

    /// What an administrator shows, where their keys lie there; `None`: they do not.
    ///
    /// # Errors
    /// As for [`Passport::of_host`].
    pub fn of_administrator(folder: &KeyFolder) -> Result<Option<Self>, TlsError> {
        let Some(mesh) = folder.load_mesh()? else { return Ok(None) };
        let Some(certificate) = folder.load_admin_certificate(&mesh)? else { return Ok(None) };
        let Some((_, key)) = folder.load_admin()? else { return Ok(None) };
        Self::of(folder, mesh, certificate, &key).map(Some)
    }

    fn of(
        folder: &KeyFolder,
        mesh: MeshId,
        certificate: Certificate,
        key: &CertificateKey,
    ) -> Result<Self, TlsError> {
        let roots = folder.roots(&mesh)?.roots().clone();
        let (mut denied, mut known) = (DenyList::default(), None);
        if let Some(chain) = folder.load_administrators()? {
            let administrators = chain.replay(&mesh, &Pin::default())?;
            denied = folder.denied(&administrators, &mesh)?;
            known = Some(Arc::new(administrators));
        }
        Ok(Self { administrators: known, ..Self::new(mesh, roots, certificate, key, denied)? })
    }

    /// In place of another one: what that one's roots signed counts no more where they are not among these.
    pub(super) fn after(self, before: &Self) -> Self {
        let is_gone = |root: &&Root| self.roots.iter().all(|own| own != *root);
        let gone = before.roots.iter().chain(&before.gone).filter(is_gone).take(MOST_GONE).cloned().collect();
        Self { gone, ..self }
    }

    /// With another list of who is out.
    #[must_use]
    pub fn denying(&self, denied: DenyList) -> Self {
        Self { denied, ..self.clone() }
    }

    /// With who administers now.
    #[must_use]
    pub fn administered_by(&self, administrators: Administrators) -> Self {
        Self { administrators: Some(Arc::new(administrators)), ..self.clone() }
    }

    /// What rustls shows.
    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.key.clone()))
    }

    /// Whether a certificate that was signed by the mesh is still believed: asked at each connection, also of one that goes on
    /// with an older session, and of open ones when this passport is replaced.
    ///
    /// # Errors
    /// When it is out or over, a root has signed it that is gone, or it names somebody who administers no more.
    pub fn believes(&self, certificate: &Certificate, now: UnixSeconds) -> Result<(), TlsError> {
        if let Some(eviction) = self.denied.denies(certificate) {
            return Err(TlsError::Evicted { at: eviction.at });
        }
        if self.gone.iter().any(|root| root.is_issuer_of(certificate)) {
            return Err(TlsError::OldAuthority);
        }
        if now >= certificate.not_after() {
            return Err(TlsError::Expired { since: certificate.not_after() });
        }
        // A name is given once, so an old certificate never passes for another person's.
        if let (Some(known), Principal::Administrator(name)) = (&self.administrators, certificate.principal())
            && known.key_of(name).is_none()
        {
            return Err(TlsError::Dismissed { name: name.clone() });
        }
        Ok(())
    }
}

/// The cryptography: ring's.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

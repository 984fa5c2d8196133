//! A person's certificate: given by a server to who has the key that the mesh knows.

use crate::cluster::identity::{
    AdministratorName, Administrators, CertificateKey, IdentityError, KeyFolder, MeshId, RootList, SigningKey,
};
use crate::cluster::joining::{self, Certified, Person};
use crate::cluster::link::Link;
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::asking::ask_around;
use crate::cluster::peer::PeerTls;
use crate::cluster::tls::{self, JoinTls, Passport, TlsError};

/// Gets a certificate for the administrator whose keys lie in a folder, from one of these hosts (`host:port`), and keeps it there:
/// the first one, or one for another year. Their old one need not be good any more.
///
/// # Errors
/// When no keys of somebody who administers the mesh lie there, or no host gives a certificate.
pub async fn certify(folder: &KeyFolder, at: &[String]) -> Result<AdministratorName, MeshError> {
    let own = own_papers(folder)?;
    let person = own.person();
    let got = ask_around(at, &own.join_tls()?, |line| joining::certify(line, &person)).await?;
    keep(folder, &got)?;
    Ok(own.name)
}

/// Has a link show the certificate of the administrator whose keys lie in a folder from now on; `false`: none lies there, or the
/// link does not speak the mesh's TLS.
///
/// # Errors
/// When what lies in the folder cannot be read, or does not fit together.
pub fn show(folder: &KeyFolder, link: &Link) -> Result<bool, MeshError> {
    let (passport, tls) = (Passport::of_administrator(folder)?, link.tls());
    let (Some(passport), Some(PeerTls::Mesh(tls))) = (passport, tls.as_deref()) else { return Ok(false) };
    tls.replace(passport)?;
    Ok(true)
}

/// What lies in an administrator's folder.
pub(in crate::cluster::mesh) struct OwnPapers {
    pub mesh: MeshId,
    pub signing: SigningKey,
    pub connecting: CertificateKey,
    pub roots: RootList,
    /// Who administers, as was seen last.
    pub administrators: Administrators,
    /// Whose folder it is.
    pub name: AdministratorName,
}

impl OwnPapers {
    /// Whose they are, as one who asks a server.
    pub fn person(&self) -> Person<'_> {
        Person {
            mesh: &self.mesh,
            name: &self.name,
            signing: &self.signing,
            tls: &self.connecting,
            roots_seq: self.roots.seq(),
            pin: self.administrators.pin(),
            now: tls::now(),
        }
    }

    /// Connections without a certificate, to servers of the roots that lie there.
    pub fn join_tls(&self) -> Result<JoinTls, TlsError> {
        JoinTls::new(self.mesh, self.roots.roots().fingerprints())
    }
}

/// Reads an administrator's folder, which must be whole.
pub(in crate::cluster::mesh) fn own_papers(folder: &KeyFolder) -> Result<OwnPapers, MeshError> {
    let mesh = folder.mesh()?;
    let (signing, connecting) = folder.admin()?;
    let roots = folder.roots(&mesh)?;
    let administrators = folder.administrators(&mesh)?;
    let by = signing.fingerprint();
    let name = administrators.name_of(&by).ok_or(IdentityError::NotAdministrator { by })?.clone();
    Ok(OwnPapers { mesh, signing, connecting, roots, administrators, name })
}

/// The certificate comes last: each file is good beside the older ones.
fn keep(folder: &KeyFolder, got: &Certified) -> Result<(), MeshError> {
    folder.store_roots(&got.roots.or_later(folder)?)?;
    folder.store_administrators(&got.chain)?;
    let mut denied = got.denied.clone();
    // What was known to be out stays out, if the server has left it out.
    let mesh = folder.mesh()?;
    denied.merge(folder.load_denied()?, &got.administrators, &mesh).warn("the folder of keys");
    folder.store_denied(&denied)?;
    Ok(folder.store_admin_certificate(&got.certificate)?)
}

//! A person's certificate: given by a server to who has the key that the mesh knows.

use crate::cluster::identity::{
    AdministratorName, Administrators, CertificateKey, IdentityError, KeyFolder, MeshId, RootList, SigningKey,
};
use crate::cluster::joining::{self, Certified, Person};
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::asking::ask_around;
use crate::cluster::mesh::desk::place;
use crate::cluster::tls::{self, JoinTls};

/// Gets a certificate for the administrator whose keys lie in a folder, from one of these hosts, and keeps it there: the first one,
/// or one for another year. Their old one need not be good any more.
///
/// # Errors
/// When no keys of somebody who administers the mesh lie there, or no host gives a certificate.
pub async fn certify(folder: &KeyFolder, at: &[Endpoint]) -> Result<AdministratorName, MeshError> {
    let OwnPapers { mesh, signing, connecting, roots, administrators, name } = own_papers(folder)?;
    let person = Person {
        mesh: &mesh,
        name: &name,
        signing: &signing,
        tls: &connecting,
        roots_seq: roots.seq(),
        pin: administrators.pin(),
        now: tls::now(),
    };
    let seeds: Vec<String> = at.iter().map(|at| place(&at.url)).collect();
    let join_tls = JoinTls::new(mesh, roots.roots().fingerprints())?;
    let got = ask_around(&seeds, &join_tls, |line| joining::certify(line, &person)).await?;
    keep(folder, &got)?;
    Ok(name)
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

//! A person's certificate: given by a server to who has the key that the mesh knows.

use crate::cluster::identity::{
    AdministratorName, Administrators, CertificateKey, IdentityError, KeyFolder, MeshId, Pin, Roots,
    SigningKey, key_files,
};
use crate::cluster::joining::{self, Certified, JoinError, Person};
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::MeshError;
use crate::cluster::mesh::desk::place;
use crate::cluster::mesh::own_identity::{call, fingerprints};
use crate::cluster::tls::{self, JoinTls};

/// The most hosts that are asked: those that are known, and those that they tell of.
const MOST_ASKED: usize = 16;

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
        roots: &roots,
        pin: Pin { first: Some(*administrators.first()), known: Some(*administrators.head()) },
        now: tls::now(),
    };
    let join_tls = JoinTls::new(mesh, fingerprints(&roots))?;
    let got = ask_around(at, &join_tls, &person).await?;
    keep(folder, &got)?;
    Ok(name)
}

/// What lies in an administrator's folder.
pub(super) struct OwnPapers {
    pub mesh: MeshId,
    pub signing: SigningKey,
    pub connecting: CertificateKey,
    pub roots: Roots,
    /// Who administers, as was seen last.
    pub administrators: Administrators,
    /// Whose folder it is.
    pub name: AdministratorName,
}

/// Reads an administrator's folder, which must be whole.
pub(super) fn own_papers(folder: &KeyFolder) -> Result<OwnPapers, MeshError> {
    let missing = |name: &str| IdentityError::MissingKey { path: folder.path_of(name) };
    let mesh = folder.load_mesh()?.ok_or_else(|| missing(key_files::MESH))?;
    let (signing, connecting) = folder.load_admin()?.ok_or_else(|| missing(key_files::ADMIN_KEY))?;
    let roots = folder.load_roots(&mesh)?.ok_or_else(|| missing(key_files::ROOTS))?;
    let chain = folder.load_administrators()?.ok_or_else(|| missing(key_files::ADMINISTRATORS))?;
    let administrators = chain.replay(&mesh, &Pin::default())?;
    let by = signing.fingerprint();
    let name = administrators.name_of(&by).ok_or(IdentityError::NotAdministrator { by })?.clone();
    Ok(OwnPapers { mesh, signing, connecting, roots, administrators, name })
}

/// Asks one after another; who carries no store tells of others.
async fn ask_around(at: &[Endpoint], tls: &JoinTls, person: &Person<'_>) -> Result<Certified, MeshError> {
    let mut known: Vec<String> = at.iter().map(|at| place(&at.url)).collect();
    let mut last = MeshError::Unreached { why: "there is nobody to ask".to_owned() };
    let mut next = 0;
    while let Some(seed) = known.get(next).filter(|_| next < MOST_ASKED).cloned() {
        next += 1;
        let asked = match call(&seed, tls).await {
            Ok(line) => joining::certify(line, person).await,
            Err(why) => {
                last = MeshError::Unreached { why: format!("{seed}: {why}") };
                continue;
            }
        };
        match asked {
            Ok(got) => return Ok(got),
            Err(JoinError::CarriesNone { seeds, .. }) => {
                known.extend(seeds.into_iter().filter(|seed| *seed != known[next - 1]).collect::<Vec<_>>());
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// The certificate comes last: each file is good beside the older ones.
fn keep(folder: &KeyFolder, got: &Certified) -> Result<(), MeshError> {
    folder.store_roots(&got.roots)?;
    folder.store_administrators(&got.chain)?;
    let mut denied = got.denied.clone();
    // What was known to be out stays out, if the server has left it out.
    let mesh = folder.load_mesh()?.ok_or(MeshError::Apart)?;
    drop(denied.merge(folder.load_denied()?, &got.administrators, &mesh));
    folder.store_denied(&denied)?;
    Ok(folder.store_admin_certificate(&got.certificate)?)
}

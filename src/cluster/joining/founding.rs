//! A new mesh: all that its first host needs.

use std::net::IpAddr;
use std::time::Duration;

use super::JoinError;
use super::enrolment::{own_certificate, own_keys};
use super::registry::Enrolled;
use crate::cluster::identity::key_files::{ADMINISTRATORS, AUTHORITY, HOST_PAPERS, HOST_SIGNING_KEY};
use crate::cluster::identity::{
    AdministratorChain, AdministratorName, Administrators, Authority, Certificate, CertificateKey, DenyList,
    Grant, HostKeys, KeyFolder, MeshId, Papers, Pin, Principal, RootList, SigningKey, Standing, SubjectKey,
    UnixSeconds,
};
use crate::cluster::world::keys;
use crate::engine::world::HostName;

/// Who makes a mesh.
#[derive(Clone, Copy, Debug)]
pub struct Founder<'a> {
    /// What the first host is called.
    pub host: &'a HostName,
    /// What the first administrator is called.
    pub administrator: &'a AdministratorName,
    /// What else the host is called.
    pub names: &'a [HostName],
    /// Where it is reached.
    pub addresses: &'a [IpAddr],
    /// How long its certificate is good.
    pub validity: Duration,
    /// What time it is.
    pub now: UnixSeconds,
}

/// A mesh that was made.
#[derive(Debug)]
pub struct Founding {
    /// Which one.
    pub mesh: MeshId,
    /// What its certificates are signed with.
    pub authority: Authority,
    /// How its administrators came to be.
    pub chain: AdministratorChain,
    /// Who they are.
    pub administrators: Administrators,
    /// The first host's keys.
    pub keys: HostKeys,
    /// Why others trust them.
    pub papers: Papers,
    /// The first host's certificate.
    pub certificate: Certificate,
    /// What the store is to have first: keys and values. Only in a store that does not have them.
    pub first_writes: Vec<(String, String)>,
}

/// Makes a mesh in a folder, or goes on where that was interrupted, or tells what was made: whatever was written once stays, so
/// the store gets the same each time. The mesh's id comes first and the host's certificate last ([`has_identity`]).
///
/// [`has_identity`]: super::has_identity
///
/// # Errors
/// When the folder holds the identity of a mesh that another host has made, or of another host; when the system refuses; or when
/// it has no random numbers.
pub fn found(folder: &KeyFolder, founder: &Founder<'_>) -> Result<Founding, JoinError> {
    let mesh = match folder.load_mesh()? {
        Some(mesh) => mesh,
        None => {
            // What is left of an attempt to join another mesh would look as if it were this one's.
            folder.remove_host_identity()?;
            let mesh = MeshId::random()?;
            folder.store_mesh(&mesh)?;
            mesh
        }
    };
    if own_certificate(folder, &mesh)?.is_none() {
        make(folder, &mesh, founder)?;
    }
    read(folder, mesh, founder.host)
}

/// Makes what is not there.
fn make(folder: &KeyFolder, mesh: &MeshId, founder: &Founder<'_>) -> Result<(), JoinError> {
    // A host that has joined and lost its certificate must not make a second authority for that mesh.
    let papers = folder.load_papers()?;
    if papers.as_ref().is_some_and(|papers| papers.invite.is_some()) {
        return Err(JoinError::NotFounder { path: folder.path_of(HOST_PAPERS) });
    }
    let authority = match folder.load_authority(mesh)? {
        Some(authority) => authority,
        None => {
            let authority = Authority::new(*mesh, founder.now)?;
            folder.store_authority(&authority)?;
            authority
        }
    };
    let (ann, chain) = administrator(folder, mesh, founder, &authority)?;
    folder.store_denied(&DenyList::default())?;
    // One of another mesh is left of an attempt to join that.
    if !matches!(folder.load_roots(mesh), Ok(Some(_))) {
        folder.store_roots(&RootList::sign(authority.roots().clone(), 1, mesh, &ann)?)?;
    }
    let keys = own_keys(folder)?;
    let administrators = chain.replay(mesh, &Pin::default())?;
    let is_good = |papers: &Papers| {
        let standing = papers.verify(&administrators, mesh, &DenyList::default());
        standing.is_ok_and(|standing| is_of(&standing, &keys) && standing.host == *founder.host)
    };
    if !papers.as_ref().is_some_and(is_good) {
        let statement = keys.statement(founder.host.clone(), true, founder.now);
        folder.store_papers(&Papers::vouched(&statement, &keys.signing, &ann, mesh)?)?;
    }
    let grant = Grant {
        names: founder.names.iter().filter(|name| *name != founder.host).cloned().collect(),
        addresses: founder.addresses.to_vec(),
        validity: founder.validity,
        ..Grant::host(founder.host.clone(), true)
    };
    let certificate = authority.issue(&SubjectKey::of(&keys.tls), &grant, founder.now)?;
    Ok(folder.store_host_certificate(&certificate)?)
}

/// The first administrator: keys, the chain that begins with them, and a certificate.
fn administrator(
    folder: &KeyFolder,
    mesh: &MeshId,
    founder: &Founder<'_>,
    authority: &Authority,
) -> Result<(SigningKey, AdministratorChain), JoinError> {
    let (ann, tls) = match folder.load_admin()? {
        Some(keys) => keys,
        None => {
            let (ann, tls) = (SigningKey::generate()?, CertificateKey::generate()?);
            folder.store_admin(&ann, &tls)?;
            (ann, tls)
        }
    };
    // One of another mesh is left of an attempt to join that.
    let pin = Pin { first: Some(ann.fingerprint()), known: None };
    let there = folder.load_administrators()?.filter(|chain| chain.replay(mesh, &pin).is_ok());
    let chain = match there {
        Some(chain) => chain,
        None => {
            let chain = AdministratorChain::begin(mesh, founder.administrator.clone(), &ann, founder.now)?;
            folder.store_administrators(&chain)?;
            chain
        }
    };
    if folder.load_admin_certificate(mesh)?.is_none() {
        let grant = Grant::administrator(founder.administrator.clone());
        folder.store_admin_certificate(&authority.issue(&SubjectKey::of(&tls), &grant, founder.now)?)?;
    }
    Ok((ann, chain))
}

fn is_of(standing: &Standing, keys: &HostKeys) -> bool {
    standing.key == keys.signing.verifying_key() && standing.tls == keys.tls.fingerprint()
}

/// What was made, from the folder alone.
fn read(folder: &KeyFolder, mesh: MeshId, host: &HostName) -> Result<Founding, JoinError> {
    let missing = |name: &str| JoinError::Missing { path: folder.path_of(name) };
    let not_founder = |name: &str| JoinError::NotFounder { path: folder.path_of(name) };
    let certificate = own_certificate(folder, &mesh)?.ok_or_else(|| missing(HOST_PAPERS))?;
    let papers = folder.load_papers()?.ok_or_else(|| missing(HOST_PAPERS))?;
    if papers.invite.is_some() {
        return Err(not_founder(HOST_PAPERS));
    }
    let authority = folder.load_authority(&mesh)?.ok_or_else(|| not_founder(AUTHORITY))?;
    let chain = folder.load_administrators()?.ok_or_else(|| missing(ADMINISTRATORS))?;
    let keys = folder.load_host_keys()?.ok_or_else(|| missing(HOST_SIGNING_KEY))?;
    if *certificate.key() != keys.tls.fingerprint() {
        return Err(JoinError::OtherKeys { path: folder.path_of(HOST_SIGNING_KEY) });
    }
    if *certificate.principal() != Principal::Host(host.clone()) {
        let found = certificate.principal().to_string();
        return Err(JoinError::OtherHost { path: folder.path().to_owned(), found, host: host.clone() });
    }
    let administrators = chain.replay(&mesh, &Pin::default())?;
    let roots = folder.roots(&mesh)?;
    let key = keys.signing.fingerprint();
    let enrolled = Enrolled::new(papers.clone(), key, &certificate, authority.roots().newest());
    let first_writes = vec![
        (keys::ADMINISTRATORS.to_owned(), chain.to_json()),
        (keys::DENIED.to_owned(), "[]".to_owned()),
        (keys::ROOTS.to_owned(), roots.signed().to_json()),
        (keys::enrolled(host), enrolled.to_json()),
    ];
    Ok(Founding { mesh, authority, chain, administrators, keys, papers, certificate, first_writes })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::scene::{NOW, host};
    use super::super::{has_identity, tests::folder};
    use super::*;
    use crate::cluster::identity::{HOST_VALIDITY, key_files};

    fn founded(folder: &KeyFolder, name: &str) -> Result<Founding, JoinError> {
        let founder = Founder {
            host: &host(name),
            administrator: &"ann".parse().unwrap(),
            names: &[],
            addresses: &["192.0.2.1".parse().unwrap()],
            validity: HOST_VALIDITY,
            now: NOW,
        };
        found(folder, &founder)
    }

    #[test]
    fn a_new_mesh_holds_together() {
        let (_prefix, folder) = folder();
        assert_eq!(has_identity(&folder).unwrap(), None);
        let made = founded(&folder, "db-1").unwrap();
        assert_eq!(has_identity(&folder).unwrap(), Some(made.mesh));
        made.authority.roots().verify(&made.certificate).unwrap();
        assert!(made.certificate.may_serve());
        let standing = made.papers.verify(&made.administrators, &made.mesh, &DenyList::default()).unwrap();
        assert!(standing.serve && is_of(&standing, &made.keys));
        let admin = folder.load_admin_certificate(&made.mesh).unwrap().unwrap();
        made.authority.roots().verify(&admin).unwrap();
        let written: Vec<&str> = made.first_writes.iter().map(|(key, _)| key.as_str()).collect();
        let expected = ["administrators", "denied", "roots", "host/db-1"];
        assert_eq!(written, expected.map(|key| format!("/_mgmt/pki/{key}")));
        let shown = format!("{made:?}");
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    }

    #[test]
    fn an_interrupted_founding_goes_on_where_it_was() {
        let (_prefix, whole) = folder();
        let made = founded(&whole, "db-1").unwrap();
        // In the order in which they are written: whatever the last one was, all before it stay as they are.
        let files = [
            key_files::MESH,
            key_files::AUTHORITY,
            key_files::ADMIN_TLS_KEY,
            key_files::ADMIN_KEY,
            key_files::ADMINISTRATORS,
            key_files::ADMIN_CERTIFICATE,
            key_files::DENIED,
            key_files::ROOTS,
            key_files::ROOT_LIST,
            key_files::HOST_TLS_KEY,
            key_files::HOST_RECIPIENT,
            key_files::HOST_SIGNING_KEY,
            key_files::HOST_PAPERS,
            key_files::HOST_CERTIFICATE,
        ];
        assert_eq!(fs::read_dir(whole.path()).unwrap().count(), files.len());
        for written in 1..=files.len() {
            let (_prefix, part) = folder();
            for name in &files[..written] {
                fs::copy(whole.path_of(name), part.path_of(name)).unwrap();
            }
            let again = founded(&part, "db-1").unwrap();
            assert_eq!(again.mesh, made.mesh);
            // Of keys that belong together the last one says that all are there.
            let whole_pairs = files[..written].iter().filter(|name| {
                (**name != key_files::ADMIN_TLS_KEY || written > 3)
                    && (![key_files::HOST_TLS_KEY, key_files::HOST_RECIPIENT].contains(*name) || written > 11)
            });
            for name in whole_pairs {
                let (before, after) = (fs::read(whole.path_of(name)), fs::read(part.path_of(name)));
                assert_eq!(before.unwrap(), after.unwrap(), "{name} after {written} files");
            }
            assert_eq!(part.roots(&made.mesh).unwrap().roots(), again.authority.roots());
            let twice = founded(&part, "db-1").unwrap();
            assert_eq!(twice.first_writes, again.first_writes);
            if written == files.len() {
                assert_eq!(again.first_writes, made.first_writes);
            }
        }
    }

    #[test]
    fn what_is_left_of_another_mesh_is_no_part_of_a_new_one() {
        let (_prefix, folder) = folder();
        let first = founded(&folder, "db-1").unwrap();
        fs::remove_file(folder.path_of(key_files::MESH)).unwrap();
        fs::remove_file(folder.path_of(key_files::AUTHORITY)).unwrap();
        folder.remove_admin().unwrap();
        let second = founded(&folder, "db-1").unwrap();
        assert_ne!(first.mesh, second.mesh);
        second.authority.roots().verify(&second.certificate).unwrap();
        second.papers.verify(&second.administrators, &second.mesh, &DenyList::default()).unwrap();
    }

    #[test]
    fn a_mesh_is_told_again_to_its_first_host_only() {
        let (_prefix, folder) = folder();
        founded(&folder, "db-1").unwrap();
        assert!(matches!(founded(&folder, "db-2"), Err(JoinError::OtherHost { .. })));
        // The administrator's keys were moved away, as they should be.
        folder.remove_admin().unwrap();
        founded(&folder, "db-1").unwrap();
        folder.remove_authority().unwrap();
        assert!(matches!(founded(&folder, "db-1"), Err(JoinError::NotFounder { .. })));
    }
}

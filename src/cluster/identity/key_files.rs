//! What is in the folder of keys, each file as what it is.

use zeroize::Zeroizing;

use super::{AdministratorChain, Administrators, Authority, Certificate, CertificateKey, DenyList, Eviction};
use super::{
    HostKeys, IdentityError, KeyFolder, MeshId, Papers, Pin, RecipientKey, RootList, Signed, SigningKey,
};
use crate::engine::world::DeployId;

/// The id of the mesh.
pub const MESH: &str = "mesh.id";
/// The roots, for other programs; what counts here is the list.
pub const ROOTS: &str = "roots.pem";
/// The roots, as an administrator has signed them: what every host knows.
pub const ROOT_LIST: &str = "roots.json";
/// The authority's key, and its root, in one file so that they always fit: on hosts that carry the store only.
pub const AUTHORITY: &str = "authority.pem";
/// The authority that is to follow, on the server that has made it, until the mesh has it.
pub const NEXT_AUTHORITY: &str = "authority-next.pem";
/// With what this host signs.
pub const HOST_SIGNING_KEY: &str = "host-signing.key";
/// With what it connects.
pub const HOST_TLS_KEY: &str = "host-tls.key";
/// With what it reads secrets.
pub const HOST_RECIPIENT: &str = "host-recipient.key";
/// Its certificate.
pub const HOST_CERTIFICATE: &str = "host.pem";
/// Why its key is trusted.
pub const HOST_PAPERS: &str = "host-papers.json";
/// With what an administrator signs: to be moved away.
pub const ADMIN_KEY: &str = "admin.key";
/// With what an administrator connects.
pub const ADMIN_TLS_KEY: &str = "admin-tls.key";
/// With what an administrator reads again the secrets that they have put.
pub const ADMIN_RECIPIENT: &str = "admin-recipient.key";
/// An administrator's certificate.
pub const ADMIN_CERTIFICATE: &str = "admin.pem";
/// How the administrators came to be.
pub const ADMINISTRATORS: &str = "administrators.json";
/// Below which number no deploy is run: the token said it.
pub const LOWEST_DEPLOY: &str = "lowest-deploy";
/// Who is out.
pub const DENIED: &str = "denied.json";

/// The largest key, certificate or id, in bytes.
const SMALL: usize = 64 << 10;
/// The largest list of statements, in bytes.
const LARGE: usize = 64 << 20;

impl KeyFolder {
    /// The text of a file, made something of.
    fn load<T>(
        &self,
        name: &str,
        limit: usize,
        read: impl FnOnce(&str) -> Result<T, IdentityError>,
    ) -> Result<Option<T>, IdentityError> {
        let Some(content) = self.read(name, limit)? else { return Ok(None) };
        let text = std::str::from_utf8(&content).map_err(|_| IdentityError::NoText);
        let bad = |source| IdentityError::BadFile { path: self.path_of(name), source: Box::new(source) };
        text.and_then(read).map(Some).map_err(bad)
    }

    /// The mesh that this host is of.
    ///
    /// # Errors
    /// When the file is not ours alone, or cannot be understood; so it is for all that are loaded here.
    pub fn load_mesh(&self) -> Result<Option<MeshId>, IdentityError> {
        self.load(MESH, SMALL, |text| text.trim_end().parse())
    }

    /// Keeps the mesh that this host is of.
    ///
    /// # Errors
    /// When the system refuses; so it is for all that are stored here.
    pub fn store_mesh(&self, mesh: &MeshId) -> Result<(), IdentityError> {
        self.write(MESH, format!("{mesh}\n").as_bytes())
    }

    /// Below which number no deploy is run here; `None`: no token said it.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_lowest_deploy(&self) -> Result<Option<DeployId>, IdentityError> {
        let number = |text: &str| text.trim_end().parse().map(DeployId);
        self.load(LOWEST_DEPLOY, SMALL, |text| {
            number(text).map_err(|_| IdentityError::BadKey { what: "a number of a deploy" })
        })
    }

    /// The roots of the mesh.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_roots(&self, mesh: &MeshId) -> Result<Option<RootList>, IdentityError> {
        self.load(ROOT_LIST, SMALL, |text| RootList::kept(text, mesh))
    }

    /// Keeps the roots of the mesh.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_roots(&self, list: &RootList) -> Result<(), IdentityError> {
        let (roots, list) = (list.roots().to_pem(), list.signed().to_json());
        self.write_together(&[(ROOTS, roots.as_bytes()), (ROOT_LIST, list.as_bytes())])
    }

    /// The authority, where this host has it.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_authority(&self, mesh: &MeshId) -> Result<Option<Authority>, IdentityError> {
        self.authority_in(AUTHORITY, mesh)
    }

    /// The authority that is to follow, where this host has made it.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_next_authority(&self, mesh: &MeshId) -> Result<Option<Authority>, IdentityError> {
        self.authority_in(NEXT_AUTHORITY, mesh)
    }

    fn authority_in(&self, name: &str, mesh: &MeshId) -> Result<Option<Authority>, IdentityError> {
        self.load(name, SMALL, |text| {
            let key = text.find("-----BEGIN CERTIFICATE").map_or(text, |at| &text[..at]);
            Authority::from_pem(*mesh, text, key)
        })
    }

    /// Keeps the authority. One that was to follow is none any more.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_authority(&self, authority: &Authority) -> Result<(), IdentityError> {
        self.store_authority_in(AUTHORITY, authority)?;
        self.remove(NEXT_AUTHORITY).map(drop)
    }

    /// Keeps the authority that is to follow.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_next_authority(&self, authority: &Authority) -> Result<(), IdentityError> {
        self.store_authority_in(NEXT_AUTHORITY, authority)
    }

    fn store_authority_in(&self, name: &str, authority: &Authority) -> Result<(), IdentityError> {
        let (key, roots) = (authority.key_pem(), authority.roots().to_pem());
        let mut text = Zeroizing::new(String::with_capacity(key.len() + roots.len()));
        text.push_str(&key);
        text.push_str(&roots);
        self.write(name, text.as_bytes())
    }

    /// Forgets the authority: this host carries the store no more. Tells whether there was one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_authority(&self) -> Result<bool, IdentityError> {
        self.remove(NEXT_AUTHORITY)?;
        self.remove(AUTHORITY)
    }

    /// This host's own keys. The one that signs is stored last: without it nothing was stored whole.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`]; and when the key of its certificates is missing.
    pub fn load_host_keys(&self) -> Result<Option<HostKeys>, IdentityError> {
        let Some(signing) = self.load(HOST_SIGNING_KEY, SMALL, SigningKey::from_pem)? else {
            return Ok(None);
        };
        let missing = || self.missing(HOST_TLS_KEY);
        let tls = self.load(HOST_TLS_KEY, SMALL, CertificateKey::from_pem)?.ok_or_else(missing)?;
        let recipient = self.load(HOST_RECIPIENT, SMALL, RecipientKey::from_text)?;
        Ok(Some(HostKeys { signing, tls, recipient }))
    }

    /// Keeps this host's own keys.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_host_keys(&self, keys: &HostKeys) -> Result<(), IdentityError> {
        let (tls, signing) = (keys.tls.to_pem(), keys.signing.to_pem());
        let recipient = keys.recipient.as_ref().map(RecipientKey::to_text);
        let mut files = vec![(HOST_TLS_KEY, tls.as_bytes())];
        files.extend(recipient.as_ref().map(|text| (HOST_RECIPIENT, text.as_bytes())));
        files.push((HOST_SIGNING_KEY, signing.as_bytes()));
        self.write_together(&files)
    }

    /// Keeps what a host is given when it joins, or has a new certificate: who it is, and whom it believes. Which mesh it is of
    /// comes after that ([`KeyFolder::store_mesh`]).
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_enrolment(
        &self,
        certificate: &Certificate,
        papers: &Papers,
        roots: &RootList,
        administrators: &AdministratorChain,
        denied: &DenyList,
        lowest_deploy: Option<DeployId>,
    ) -> Result<(), IdentityError> {
        let mut texts = vec![
            (ROOTS, roots.roots().to_pem()),
            (ROOT_LIST, roots.signed().to_json()),
            (ADMINISTRATORS, administrators.to_json()),
            (DENIED, denied_text(denied)),
            (HOST_PAPERS, papers.to_json()),
            (HOST_CERTIFICATE, certificate.to_pem()),
        ];
        texts.extend(lowest_deploy.map(|lowest| (LOWEST_DEPLOY, format!("{lowest}\n"))));
        let files: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        self.write_together(&files)
    }

    /// This host's certificate.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_host_certificate(&self, mesh: &MeshId) -> Result<Option<Certificate>, IdentityError> {
        self.load(HOST_CERTIFICATE, SMALL, |text| Certificate::from_pem(text, mesh))
    }

    /// Keeps this host's certificate.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_host_certificate(&self, certificate: &Certificate) -> Result<(), IdentityError> {
        self.write(HOST_CERTIFICATE, certificate.to_pem().as_bytes())
    }

    /// Forgets the mesh: this host has left it. Its own keys stay, so that it may come back under its name. Where an
    /// administrator's keys lie, only the authority goes: a person still needs to know which mesh they are for, and whom to
    /// believe there.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn forget_mesh(&self) -> Result<(), IdentityError> {
        if self.load_admin()?.is_some() {
            return self.remove_authority().map(drop);
        }
        // The mesh first: without it all else is of an attempt that was not finished.
        for name in [MESH, HOST_CERTIFICATE, HOST_PAPERS, AUTHORITY, NEXT_AUTHORITY, DENIED, ROOT_LIST, ROOTS]
        {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Forgets this host's certificate and papers: it has no identity then. Its keys stay. Tells whether there was any of them.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_host_identity(&self) -> Result<bool, IdentityError> {
        let removed = [HOST_CERTIFICATE, HOST_PAPERS].map(|name| self.remove(name));
        removed.into_iter().try_fold(false, |any, removed| Ok(removed? || any))
    }

    /// Why this host's key is trusted.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_papers(&self) -> Result<Option<Papers>, IdentityError> {
        self.load(HOST_PAPERS, 2 << 20, |text| Papers::from_json(text.as_bytes()))
    }

    /// Keeps why this host's key is trusted.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_papers(&self, papers: &Papers) -> Result<(), IdentityError> {
        self.write(HOST_PAPERS, papers.to_json().as_bytes())
    }

    /// An administrator's keys, where they lie here: for signing, and for connecting.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`]; and when only the first is there.
    pub fn load_admin(&self) -> Result<Option<(SigningKey, CertificateKey)>, IdentityError> {
        let Some(signing) = self.load(ADMIN_KEY, SMALL, SigningKey::from_pem)? else { return Ok(None) };
        let missing = || self.missing(ADMIN_TLS_KEY);
        let tls = self.load(ADMIN_TLS_KEY, SMALL, CertificateKey::from_pem)?.ok_or_else(missing)?;
        Ok(Some((signing, tls)))
    }

    /// Keeps an administrator's keys.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_admin(&self, signing: &SigningKey, tls: &CertificateKey) -> Result<(), IdentityError> {
        let (tls, signing) = (tls.to_pem(), signing.to_pem());
        self.write_together(&[(ADMIN_TLS_KEY, tls.as_bytes()), (ADMIN_KEY, signing.as_bytes())])
    }

    /// The key with which an administrator reads again the secrets that they have put; `None`: they have put none with this version.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_admin_recipient(&self) -> Result<Option<RecipientKey>, IdentityError> {
        self.load(ADMIN_RECIPIENT, SMALL, RecipientKey::from_text)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_admin_recipient(&self, key: &RecipientKey) -> Result<(), IdentityError> {
        self.write(ADMIN_RECIPIENT, key.to_text().as_bytes())
    }

    /// Forgets an administrator's keys and certificate: they were moved away. Tells whether there were any.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove_admin(&self) -> Result<bool, IdentityError> {
        let removed =
            [ADMIN_KEY, ADMIN_TLS_KEY, ADMIN_RECIPIENT, ADMIN_CERTIFICATE].map(|name| self.remove(name));
        removed.into_iter().try_fold(false, |any, removed| Ok(removed? || any))
    }

    /// An administrator's certificate.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_admin_certificate(&self, mesh: &MeshId) -> Result<Option<Certificate>, IdentityError> {
        self.load(ADMIN_CERTIFICATE, SMALL, |text| Certificate::from_pem(text, mesh))
    }

    /// Keeps an administrator's certificate.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_admin_certificate(&self, certificate: &Certificate) -> Result<(), IdentityError> {
        self.write(ADMIN_CERTIFICATE, certificate.to_pem().as_bytes())
    }

    /// How the administrators came to be, as was last seen: its head is to be pinned when another chain is read.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_administrators(&self) -> Result<Option<AdministratorChain>, IdentityError> {
        self.load(ADMINISTRATORS, LARGE, |text| AdministratorChain::from_json(text.as_bytes()))
    }

    /// Keeps how the administrators came to be.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_administrators(&self, chain: &AdministratorChain) -> Result<(), IdentityError> {
        self.write(ADMINISTRATORS, chain.to_json().as_bytes())
    }

    /// Who is out: to be merged into a list ([`DenyList::merge`]), which verifies it. None is stored: nobody.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn load_denied(&self) -> Result<Vec<Signed<Eviction>>, IdentityError> {
        let denied = self.load(DENIED, LARGE, |text| {
            serde_json::from_str(text).map_err(|source| IdentityError::NotSigned { source })
        })?;
        Ok(denied.unwrap_or_default())
    }

    /// Who is out, verified. What does not count is told.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`].
    pub fn denied(&self, administrators: &Administrators, mesh: &MeshId) -> Result<DenyList, IdentityError> {
        let mut denied = DenyList::default();
        denied.merge(self.load_denied()?, administrators, mesh).warn("the folder of keys");
        Ok(denied)
    }

    /// Which mesh it is for.
    ///
    /// # Errors
    /// As for [`KeyFolder::load_mesh`]; and when it is not there. So it is for all that must be there.
    pub fn mesh(&self) -> Result<MeshId, IdentityError> {
        self.load_mesh()?.ok_or_else(|| self.missing(MESH))
    }

    /// The roots, which must be there.
    ///
    /// # Errors
    /// As for [`KeyFolder::mesh`].
    pub fn roots(&self, mesh: &MeshId) -> Result<RootList, IdentityError> {
        self.load_roots(mesh)?.ok_or_else(|| self.missing(ROOT_LIST))
    }

    /// An administrator's keys, which must be there.
    ///
    /// # Errors
    /// As for [`KeyFolder::mesh`].
    pub fn admin(&self) -> Result<(SigningKey, CertificateKey), IdentityError> {
        self.load_admin()?.ok_or_else(|| self.missing(ADMIN_KEY))
    }

    /// How the administrators came to be, which must be there.
    ///
    /// # Errors
    /// As for [`KeyFolder::mesh`].
    pub fn administrator_chain(&self) -> Result<AdministratorChain, IdentityError> {
        self.load_administrators()?.ok_or_else(|| self.missing(ADMINISTRATORS))
    }

    /// Who administers, which must be there.
    ///
    /// # Errors
    /// As for [`KeyFolder::mesh`]; and when it does not hold.
    pub fn administrators(&self, mesh: &MeshId) -> Result<Administrators, IdentityError> {
        self.administrator_chain()?.replay(mesh, &Pin::default())
    }

    /// That a file is not there.
    pub fn missing(&self, name: &str) -> IdentityError {
        IdentityError::MissingKey { path: self.path_of(name) }
    }

    /// Keeps who is out.
    ///
    /// # Errors
    /// As for [`KeyFolder::store_mesh`].
    pub fn store_denied(&self, list: &DenyList) -> Result<(), IdentityError> {
        self.write(DENIED, denied_text(list).as_bytes())
    }
}

fn denied_text(list: &DenyList) -> String {
    let all: Vec<&Signed<Eviction>> = list.iter().collect();
    serde_json::to_string(&all).expect("texts can be written")
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, grant, mesh, name};
    use super::super::{Domain, SubjectKey};
    use super::*;

    fn folder() -> (tempfile::TempDir, KeyFolder) {
        let prefix = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(prefix.path()).unwrap();
        (prefix, folder)
    }

    #[test]
    fn an_empty_folder_holds_nothing() {
        let (_prefix, folder) = folder();
        assert!(folder.load_mesh().unwrap().is_none());
        assert!(folder.load_roots(&mesh()).unwrap().is_none());
        assert!(folder.load_authority(&mesh()).unwrap().is_none());
        assert!(folder.load_host_keys().unwrap().is_none());
        assert!(folder.load_host_certificate(&mesh()).unwrap().is_none());
        assert!(folder.load_papers().unwrap().is_none());
        assert!(folder.load_admin().unwrap().is_none());
        assert!(folder.load_admin_certificate(&mesh()).unwrap().is_none());
        assert!(folder.load_administrators().unwrap().is_none());
        assert!(folder.load_denied().unwrap().is_empty());
        assert!(!folder.remove_admin().unwrap() && !folder.remove_authority().unwrap());
        assert!(!folder.remove_host_identity().unwrap());
    }

    #[test]
    fn what_a_host_keeps_is_there_again() {
        let (_prefix, folder) = folder();
        folder.store_mesh(&mesh()).unwrap();
        assert_eq!(folder.load_mesh().unwrap(), Some(mesh()));
        let authority = authority();
        let (next, _) = authority.rotate(NOW).unwrap();
        folder.store_next_authority(&next).unwrap();
        let read = folder.load_next_authority(&mesh()).unwrap().unwrap();
        assert_eq!((read.roots(), read.key_pem()), (next.roots(), next.key_pem()));
        folder.store_authority(&authority).unwrap();
        assert!(folder.load_next_authority(&mesh()).unwrap().is_none(), "it follows no more");
        let again = folder.load_authority(&mesh()).unwrap().unwrap();
        assert_eq!(again.roots(), authority.roots());
        assert_eq!(again.key_pem(), authority.key_pem());
        let list = RootList::sign(authority.roots().clone(), 1, &mesh(), &SigningKey::generate().unwrap());
        folder.store_roots(list.as_ref().unwrap()).unwrap();
        assert_eq!(folder.load_roots(&mesh()).unwrap(), list.ok());
        assert!(folder.remove_authority().unwrap());
        let keys = HostKeys::generate().unwrap();
        folder.store_host_keys(&keys).unwrap();
        let read = folder.load_host_keys().unwrap().unwrap();
        assert_eq!(read.signing.fingerprint(), keys.signing.fingerprint());
        assert_eq!(read.tls.fingerprint(), keys.tls.fingerprint());
        assert_eq!(read.recipient.unwrap().public(), keys.recipient.as_ref().unwrap().public());
        let certificate = authority.issue(&SubjectKey::of(&keys.tls), &grant("a"), NOW).unwrap();
        folder.store_host_certificate(&certificate).unwrap();
        assert_eq!(folder.load_host_certificate(&mesh()).unwrap(), Some(certificate));
        assert!(folder.remove_host_identity().unwrap());
        assert!(folder.load_host_certificate(&mesh()).unwrap().is_none());
        assert!(folder.load_host_keys().unwrap().is_some());
    }

    #[test]
    fn what_an_administrator_keeps_is_there_again_until_it_is_moved_away() {
        let (_prefix, folder) = folder();
        let (ann, tls) = (SigningKey::generate().unwrap(), CertificateKey::generate().unwrap());
        folder.store_admin(&ann, &tls).unwrap();
        let read = folder.load_admin().unwrap().unwrap();
        assert_eq!((read.0.fingerprint(), read.1.fingerprint()), (ann.fingerprint(), tls.fingerprint()));
        let granted = super::super::Grant::administrator(name("ann"));
        let certificate = authority().issue(&SubjectKey::of(&tls), &granted, NOW).unwrap();
        folder.store_admin_certificate(&certificate).unwrap();
        assert_eq!(folder.load_admin_certificate(&mesh()).unwrap(), Some(certificate));
        let chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        folder.store_administrators(&chain).unwrap();
        assert_eq!(folder.load_administrators().unwrap().as_ref(), Some(&chain));
        let host = HostKeys::generate().unwrap();
        let said = host.statement("a".parse().unwrap(), true, NOW);
        let papers = Papers::vouched(&said, &host.signing, &ann, &mesh()).unwrap();
        folder.store_papers(&papers).unwrap();
        assert_eq!(folder.load_papers().unwrap(), Some(papers));
        assert!(folder.remove_admin().unwrap());
        assert!(folder.load_admin().unwrap().is_none());
    }

    #[test]
    fn who_is_out_stays_out() {
        let (_prefix, folder) = folder();
        let ann = SigningKey::generate().unwrap();
        let chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        let administrators = chain.replay(&mesh(), &Pin::default()).unwrap();
        let host = "a".parse().unwrap();
        let out = Eviction { seq: 1, host, serials: vec![], keys: vec![ann.fingerprint()], at: NOW };
        let mut list = DenyList::default();
        let signed = Signed::new(&out, Domain::Eviction, &mesh(), &ann).unwrap();
        list.take(signed, &administrators, &mesh()).unwrap();
        folder.store_denied(&list).unwrap();
        let mut again = DenyList::default();
        assert_eq!(again.merge(folder.load_denied().unwrap(), &administrators, &mesh()).new, 1);
        assert!(again.denies_key(&ann.fingerprint()).is_some());
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_named() {
        let (_prefix, folder) = folder();
        let key = SigningKey::generate().unwrap();
        for name in [MESH, HOST_SIGNING_KEY, ADMINISTRATORS, DENIED, AUTHORITY] {
            folder.write(name, b"nonsense").unwrap();
        }
        folder.write(HOST_CERTIFICATE, b"\xff").unwrap();
        let errors = [
            folder.load_mesh().map(drop),
            folder.load_host_keys().map(drop),
            folder.load_administrators().map(drop),
            folder.load_denied().map(drop),
            folder.load_authority(&mesh()).map(drop),
            folder.load_host_certificate(&mesh()).map(drop),
        ];
        for error in errors {
            assert!(matches!(error, Err(IdentityError::BadFile { .. })), "{error:?}");
        }
        let Err(IdentityError::BadFile { source, .. }) = folder.load_host_certificate(&mesh()) else {
            panic!()
        };
        assert!(matches!(*source, IdentityError::NoText), "{source}");
        folder.write(HOST_SIGNING_KEY, key.to_pem().as_bytes()).unwrap();
        assert!(matches!(folder.load_host_keys(), Err(IdentityError::MissingKey { .. })));
        folder.write(HOST_TLS_KEY, CertificateKey::generate().unwrap().to_pem().as_bytes()).unwrap();
        folder.write(HOST_RECIPIENT, b"age1x\nAAAA\n").unwrap();
        assert!(matches!(folder.load_host_keys(), Err(IdentityError::BadFile { .. })));
        folder.write(ADMIN_KEY, key.to_pem().as_bytes()).unwrap();
        assert!(matches!(folder.load_admin(), Err(IdentityError::MissingKey { .. })));
    }
}

//! The mesh's authority: it says whose key is whose, for some days.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{
    Certificate, CertificateKey, IdentityError, Link, MOST_LINKS, MeshId, Principal, Root, Roots, SubjectKey,
    UnixSeconds,
};
use crate::engine::world::HostName;

/// How long a host's certificate is good.
pub const HOST_VALIDITY: Duration = Duration::from_secs(7 * 86_400);
/// How long an administrator's is.
pub const ADMINISTRATOR_VALIDITY: Duration = Duration::from_secs(365 * 86_400);
/// The longest that any certificate but a root is good.
const LONGEST_VALIDITY: Duration = Duration::from_secs(400 * 86_400);
/// How long a root is.
const ROOT_VALIDITY: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How far back certificates are dated: a host whose clock is late takes them too.
pub const BACKDATED: Duration = Duration::from_secs(3_600);
/// The most names, and the most addresses, of one certificate.
const MOST_NAMES: usize = 64;

/// What a certificate is to say: decided by who issues it, never by who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub principal: Principal,
    /// What else a host is called; its name is there anyway.
    pub names: Vec<HostName>,
    /// Where a host is reached.
    pub addresses: Vec<IpAddr>,
    /// For how long.
    pub validity: Duration,
    /// Whether a host may carry the store: an administrator said so in its invite.
    pub may_serve: bool,
}

impl Grant {
    /// For a host: seven days.
    pub fn host(name: HostName, may_serve: bool) -> Self {
        let principal = Principal::Host(name);
        Self { principal, names: Vec::new(), addresses: Vec::new(), validity: HOST_VALIDITY, may_serve }
    }

    /// For an administrator: a year.
    pub fn administrator(name: super::AdministratorName) -> Self {
        let principal = Principal::Administrator(name);
        let validity = ADMINISTRATOR_VALIDITY;
        Self { principal, names: Vec::new(), addresses: Vec::new(), validity, may_serve: false }
    }

    fn check(&self) -> Result<(), IdentityError> {
        let bad = |why| Err(IdentityError::BadGrant { why });
        let is_host = matches!(self.principal, Principal::Host(_));
        if !is_host && (self.may_serve || !self.names.is_empty() || !self.addresses.is_empty()) {
            return bad("only a host is reached somewhere, or carries the store");
        }
        if self.names.len() > MOST_NAMES || self.addresses.len() > MOST_NAMES {
            return bad("it has more than 64 names or addresses");
        }
        if self.validity.as_secs() == 0 || self.validity > LONGEST_VALIDITY {
            return bad("it is for no time, or for more than 400 days");
        }
        Ok(())
    }
}

/// The mesh's authority: a root, and its key. Only hosts that carry the store have it.
pub struct Authority {
    mesh: MeshId,
    roots: Roots,
    key: CertificateKey,
}

impl Authority {
    /// Of a new mesh.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(mesh: MeshId, now: UnixSeconds) -> Result<Self, IdentityError> {
        let key = CertificateKey::generate()?;
        let roots = Roots::of(root(&mesh, &key, now)?);
        Ok(Self { mesh, roots, key })
    }

    /// From its files.
    ///
    /// # Errors
    /// When one cannot be read, or the key is not that of the newest root.
    pub fn from_pem(mesh: MeshId, roots: &str, key: &str) -> Result<Self, IdentityError> {
        let roots = Roots::from_pem(roots, &mesh)?;
        let key = CertificateKey::from_pem(key)?;
        if key.fingerprint() != *roots.newest().fingerprint() {
            return Err(IdentityError::OtherAuthorityKey { root: *roots.newest().fingerprint() });
        }
        Ok(Self { mesh, roots, key })
    }

    /// The mesh.
    pub fn mesh(&self) -> &MeshId {
        &self.mesh
    }

    /// What is known to others: its root alone.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// What is not.
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.key.to_pem()
    }

    /// The authority after this one, and the link to its root: who believes this one can believe that.
    ///
    /// # Errors
    /// When the system has no random numbers, or the root's time is over.
    pub fn rotate(&self, now: UnixSeconds) -> Result<(Self, Link), IdentityError> {
        let last = self.roots.newest().not_after();
        if now >= last {
            return Err(IdentityError::AuthorityExpired { since: last });
        }
        let failed = |source| IdentityError::Issue { operation: "make a root", source };
        let next = Self::new(self.mesh, now)?;
        let params = root_params(&self.mesh, &next.key, now, now.later(ROOT_VALIDITY).min(last))?;
        let link = params.signed_by(next.key.pair(), &self.issuer()?).map_err(failed)?;
        let link = Link::from_der(link.der(), &self.mesh)?;
        Ok((next, link))
    }

    fn issuer(&self) -> Result<Issuer<'_, &KeyPair>, IdentityError> {
        let failed = |source| IdentityError::Issue { operation: "read the root", source };
        let root = CertificateDer::from(self.roots.newest().der().to_vec());
        Issuer::from_ca_cert_der(&root, self.key.pair()).map_err(failed)
    }

    /// Says whose a key is.
    ///
    /// # Errors
    /// When nobody is named, the grant is out of bounds, or the root's time is over.
    pub fn issue(
        &self,
        key: &SubjectKey,
        grant: &Grant,
        now: UnixSeconds,
    ) -> Result<Certificate, IdentityError> {
        grant.check()?;
        let nobody = IdentityError::BadGrant { why: "nobody is named" };
        let (Some(uri), Some(user)) = (grant.principal.uri(&self.mesh), grant.principal.etcd_user()) else {
            return Err(nobody);
        };
        let last = self.roots.newest().not_after();
        if now >= last {
            return Err(IdentityError::AuthorityExpired { since: last });
        }
        let failed = |source| IdentityError::Issue { operation: "issue a certificate", source };
        let mut params = CertificateParams::default();
        dated(&mut params, now, now.later(grant.validity).min(last))?;
        params.distinguished_name = DistinguishedName::new();
        // A real etcd takes this for the user: so it is `host:<name>`, and never a bare name that could be `root`.
        params.distinguished_name.push(DnType::CommonName, user);
        params.subject_alt_names.push(SanType::URI(uri.try_into().map_err(failed)?));
        if let Principal::Host(name) = &grant.principal {
            for name in std::iter::once(name).chain(&grant.names) {
                let name = name.as_str().to_owned().try_into().map_err(failed)?;
                params.subject_alt_names.push(SanType::DnsName(name));
            }
        }
        params.subject_alt_names.extend(grant.addresses.iter().copied().map(SanType::IpAddress));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if grant.may_serve {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key.key(), &self.issuer()?).map_err(failed)?;
        Certificate::from_der(certificate.der(), &self.mesh)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("mesh", &self.mesh).field("key", &self.key).finish_non_exhaustive()
    }
}

/// A root that signs itself.
fn root(mesh: &MeshId, key: &CertificateKey, now: UnixSeconds) -> Result<Root, IdentityError> {
    let failed = |source| IdentityError::Issue { operation: "make a root", source };
    let params = root_params(mesh, key, now, now.later(ROOT_VALIDITY))?;
    let certificate = params.self_signed(key.pair()).map_err(failed)?;
    Root::from_der(certificate.der(), mesh)
}

/// What a root says, and a link to it.
fn root_params(
    mesh: &MeshId,
    key: &CertificateKey,
    now: UnixSeconds,
    until: UnixSeconds,
) -> Result<CertificateParams, IdentityError> {
    let failed = |source| IdentityError::Issue { operation: "make a root", source };
    let mut params = CertificateParams::default();
    dated(&mut params, now, until)?;
    params.distinguished_name = DistinguishedName::new();
    // Each root is called otherwise, so that a verifier tries the right one.
    let short: String = key.fingerprint().as_bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name.push(DnType::CommonName, format!("mgmt {mesh} {short}"));
    params.subject_alt_names = vec![SanType::URI(Root::uri(mesh).try_into().map_err(failed)?)];
    // Links lead from one to another.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(MOST_LINKS as u8));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// From an hour ago until then, under a random number.
fn dated(params: &mut CertificateParams, now: UnixSeconds, until: UnixSeconds) -> Result<(), IdentityError> {
    // rcgen's moments are the `time` crate's; from its first one we come to any without depending on that ourselves.
    let moment = |at: UnixSeconds| date_time_ymd(1970, 1, 1) + Duration::from_secs(at.0);
    params.not_before = moment(now.earlier(BACKDATED));
    params.not_after = moment(until);
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(IdentityError::Random)?;
    // Positive, and of full length: the first bit is clear, the second one set.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, grant, host, mesh, name};
    use super::*;

    fn subject() -> SubjectKey {
        SubjectKey::from_request(&CertificateKey::generate().unwrap().request().unwrap()).unwrap()
    }

    fn shown(certificate: &Certificate) -> (String, Vec<String>) {
        let (der, mut names) = (certificate.der().clone(), Vec::new());
        let read = super::super::certificate::parse(&der).unwrap();
        for name in &read.subject_alternative_name().unwrap().unwrap().value.general_names {
            names.push(name.to_string());
        }
        (read.subject().to_string(), names)
    }

    #[test]
    fn a_host_gets_seven_days_from_an_hour_ago() {
        let it = authority().issue(&subject(), &grant("web-1"), NOW).unwrap();
        assert_eq!(it.not_before(), NOW.earlier(BACKDATED));
        assert_eq!(it.not_after(), UnixSeconds(NOW.0 + 7 * 86_400));
        let (subject, names) = shown(&it);
        assert_eq!(subject, "CN=host:web-1");
        assert_eq!(names.len(), 2, "{names:?}");
        let ann =
            authority().issue(&super::tests::subject(), &Grant::administrator(name("ann")), NOW).unwrap();
        assert_eq!(ann.not_after(), UnixSeconds(NOW.0 + 365 * 86_400));
        assert_eq!(shown(&ann).0, "CN=admin:ann");
        assert!(!ann.may_serve());
    }

    #[test]
    fn what_a_request_asks_for_is_not_granted() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["db-1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let uri = host("db-1").uri(&mesh()).unwrap();
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        let request = params.serialize_request(&pair).unwrap();
        let key = SubjectKey::from_request(request.der()).unwrap();
        let it = authority().issue(&key, &grant("web-1"), NOW).unwrap();
        assert_eq!(*it.principal(), host("web-1"));
        assert!(!it.may_serve());
        assert!(!shown(&it).1.iter().any(|name| name.contains("db-1")));
    }

    #[test]
    fn a_server_is_reached_under_its_names_and_addresses() {
        let grant = Grant {
            names: vec!["web-1.example.org".parse().unwrap()],
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            ..Grant::host("web-1".parse().unwrap(), true)
        };
        let it = authority().issue(&subject(), &grant, NOW).unwrap();
        assert!(it.may_serve());
        assert_eq!(shown(&it).1.len(), 5);
    }

    #[test]
    fn no_two_certificates_have_one_number() {
        let (authority, key) = (authority(), subject());
        let issue = || authority.issue(&key, &grant("a"), NOW).unwrap();
        assert_ne!(issue().serial(), issue().serial());
    }

    #[test]
    fn an_authority_is_read_as_it_was_written() {
        let (one, _) = authority().rotate(NOW).unwrap();
        let again = Authority::from_pem(mesh(), &one.roots().to_pem(), &one.key_pem()).unwrap();
        let it = again.issue(&subject(), &grant("a"), NOW).unwrap();
        one.roots().verify(&it).unwrap();
        let old = authority();
        let refused = Authority::from_pem(mesh(), &one.roots().to_pem(), &old.key_pem());
        assert!(matches!(refused, Err(IdentityError::OtherAuthorityKey { .. })));
        assert!(!format!("{one:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_authority_follows_another_and_nobody_whose_time_is_over() {
        let first = authority();
        let (second, link) = first.rotate(NOW).unwrap();
        assert_ne!(first.roots(), second.roots());
        first.roots().followed_by(second.roots().newest().clone(), link).unwrap();
        let refused = first.rotate(first.roots().newest().not_after());
        assert!(matches!(refused, Err(IdentityError::AuthorityExpired { .. })));
    }

    #[test]
    fn no_certificate_outlives_its_root() {
        let authority = authority();
        let last = authority.roots().newest().not_after();
        let late = last.earlier(Duration::from_secs(86_400));
        assert_eq!(authority.issue(&subject(), &grant("a"), late).unwrap().not_after(), last);
        let refused = authority.issue(&subject(), &grant("a"), last);
        assert!(matches!(refused, Err(IdentityError::AuthorityExpired { .. })));
    }

    #[test]
    fn tls_takes_hosts_as_clients_and_only_who_may_serve_as_a_server() {
        use rustls::client::WebPkiServerVerifier;
        use rustls::client::danger::ServerCertVerifier as _;
        use rustls::pki_types::{ServerName, UnixTime};
        use rustls::server::WebPkiClientVerifier;
        let (authority, _) = authority().rotate(NOW).unwrap();
        let mut store = rustls::RootCertStore::empty();
        for root in authority.roots().iter() {
            store.add(CertificateDer::from(root.der().to_vec())).unwrap();
        }
        let (store, provider) = (std::sync::Arc::new(store), rustls::crypto::ring::default_provider());
        let provider = std::sync::Arc::new(provider);
        let clients = WebPkiClientVerifier::builder_with_provider(store.clone(), provider.clone());
        let clients = clients.build().unwrap();
        let servers = WebPkiServerVerifier::builder_with_provider(store, provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW.0));
        let name = ServerName::try_from("web-1").unwrap();
        for may_serve in [true, false] {
            let granted = Grant::host("web-1".parse().unwrap(), may_serve);
            let it = authority.issue(&subject(), &granted, NOW).unwrap();
            let der = CertificateDer::from(it.der().to_vec());
            clients.verify_client_cert(&der, &[], now).unwrap();
            let as_server = servers.verify_server_cert(&der, &[], &name, &[], now);
            assert_eq!(as_server.is_ok(), may_serve, "{as_server:?}");
        }
    }

    #[test]
    fn a_grant_out_of_bounds_is_none() {
        let ann = Grant::administrator(name("ann"));
        for bad in [
            Grant { principal: Principal::Nobody, ..ann.clone() },
            Grant { may_serve: true, ..ann.clone() },
            Grant { names: vec!["a".parse().unwrap()], ..ann.clone() },
            Grant { addresses: vec!["192.0.2.1".parse().unwrap()], ..ann.clone() },
            Grant { validity: Duration::ZERO, ..grant("a") },
            Grant { validity: LONGEST_VALIDITY + Duration::from_secs(1), ..grant("a") },
            Grant { names: vec!["a".parse().unwrap(); 65], ..grant("a") },
        ] {
            let refused = authority().issue(&subject(), &bad, NOW);
            assert!(matches!(refused, Err(IdentityError::BadGrant { .. })), "{bad:?}");
        }
    }
}

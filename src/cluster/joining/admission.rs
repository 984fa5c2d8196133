//! What a desk checks before it gives anybody an identity: pure.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::{Binding, Call, Certify, Join, Renew, Rotate};
use super::reason::{Reason, Refusal};
use super::registry::{Enrolled, Use, View};
use crate::cluster::identity::{
    AdministratorName, Administrators, Certificate, DenyList, Domain, Fingerprint, HostKey, IdentityError,
    MeshId, Papers, Principal, Signature, Signed, Standing, SubjectKey, UnixSeconds,
};
use crate::engine::world::HostName;

/// The most names, and the most addresses, that a host may claim.
const MOST_CLAIMED: usize = 16;
/// The most digits of a request for a certificate: 8 KiB in base64, which is more than is read of one.
const MOST_DIGITS: usize = 12 << 10;

/// Where a host says that it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub names: Vec<HostName>,
    pub addresses: Vec<IpAddr>,
}

impl Claims {
    /// What a host claims of itself, if it may. Addresses, whichever: nobody is known by an address, and who dials one still asks
    /// for the name in the certificate's URI. A name only if it is the host's own, or that with a domain behind it (`web-1` may be
    /// `web-1.example.org`): neither a shorter one nor one within its own as a domain, since those may be other hosts.
    fn of(host: &HostName, names: Vec<HostName>, addresses: Vec<IpAddr>) -> Result<Self, Refusal> {
        if names.len() > MOST_CLAIMED || addresses.len() > MOST_CLAIMED {
            return Err(Refusal::bad("a host has at most 16 names and 16 addresses"));
        }
        let is_own = |name: &HostName| {
            let rest = name.as_str().strip_prefix(host.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !names.iter().all(is_own) {
            return Err(Refusal::bad("a host has its own name only, and that with a domain behind it"));
        }
        Ok(Self { names: names.into_iter().filter(|name| name != host).collect(), addresses })
    }
}

/// Whose key a certificate is asked for: in the hands of who asks, as the request's own signature shows.
fn subject(request: &str) -> Result<SubjectKey, Refusal> {
    if request.len() > MOST_DIGITS {
        return Err(Refusal::bad("the request for a certificate is too long"));
    }
    let der =
        STANDARD.decode(request).map_err(|_| Refusal::bad("the request for a certificate is no base64"))?;
    Ok(SubjectKey::from_request(&der)?)
}

fn same_mesh(found: &MeshId, own: &MeshId) -> Result<(), Refusal> {
    if found == own { Ok(()) } else { Err(Reason::OtherMesh.into()) }
}

/// Who asks to join, as far as that can be seen without the store: they have the invite's key here and now, and it vouches for
/// these keys.
#[derive(Debug)]
pub(super) struct Candidate {
    pub host: HostName,
    pub by: Use,
    pub subject: SubjectKey,
    pub claims: Claims,
    host_key: Signed<HostKey>,
    possession: Signature,
}

impl Candidate {
    /// What needs no store is asked first, and the proof before what costs more: a stranger has three signatures verified.
    pub(super) fn of(join: Join, call: &Call, binding: &Binding, mesh: &MeshId) -> Result<Self, Refusal> {
        let Join { mesh: named, invite_key, host_key, possession, request, names, addresses } = join;
        same_mesh(&named, mesh)?;
        if !call.is_proven(binding, mesh, &invite_key) {
            return Err(Reason::WrongProof.into());
        }
        let statement = host_key.verify(Domain::HostKey, mesh, &invite_key)?;
        let claims = Claims::of(&statement.host, names, addresses)?;
        let subject = subject(&request)?;
        let by = Use { invite: invite_key.fingerprint(), key: statement.key.fingerprint() };
        Ok(Self { host: statement.host, by, subject, claims, host_key, possession })
    }

    /// Whether it may join, as everything is now; and what follows.
    pub(super) fn admit(
        &self,
        view: &View,
        mesh: &MeshId,
        now: UnixSeconds,
    ) -> Result<(Papers, Standing), Refusal> {
        let (administrators, denied) = (&view.known.administrators, &view.known.denied);
        let unknown = || Refusal::from(Reason::InviteUnknown);
        let signed = view.invite.as_ref().ok_or_else(unknown)?;
        let invite = administrators.verify(signed, Domain::Invite, mesh).map_err(|_| unknown())?;
        if invite.id() != self.by.invite {
            return Err(unknown());
        }
        if let Some(eviction) = denied.denies_key(&self.by.invite) {
            return Err(Reason::Evicted { at: eviction.at }.into());
        }
        let uses_of_others = if view.has_used { 0 } else { view.uses };
        invite.may_be_used(&self.host, uses_of_others, now)?;
        let papers = Papers {
            host_key: self.host_key.clone(),
            possession: self.possession,
            invite: Some(signed.clone()),
        };
        let standing = papers.verify(administrators, mesh, denied)?;
        if *self.subject.fingerprint() != standing.tls {
            return Err(Reason::OtherKey.into());
        }
        if let Some(other) = &view.enrolled {
            self.may_replace(other, denied, now)?;
        }
        Ok((papers, standing))
    }

    /// Whether the host that has the name is this one, or is gone.
    fn may_replace(&self, there: &Enrolled, denied: &DenyList, now: UnixSeconds) -> Result<(), Refusal> {
        let eviction = there.denied_by(&self.host, denied);
        match eviction {
            // It may not come back with the same keys, however its eviction was written.
            Some(eviction) if there.key == self.by.key => Err(Reason::Evicted { at: eviction.at }.into()),
            None if there.key != self.by.key && now <= there.not_after => {
                Err(Reason::NameTaken { until: there.not_after }.into())
            }
            _ => Ok(()),
        }
    }
}

/// A host that may have a newer certificate.
#[derive(Debug)]
pub(super) struct Renewal {
    pub papers: Papers,
    pub key: Fingerprint,
    pub serve: bool,
    pub subject: SubjectKey,
    pub claims: Claims,
}

impl Renewal {
    /// Whether a host may have a newer certificate: it is known, not evicted, and asks with the keys that it has always had.
    /// Whether its certificate is past does not matter.
    pub(super) fn of(
        renew: &Renew,
        call: &Call,
        binding: &Binding,
        view: &View,
        mesh: &MeshId,
    ) -> Result<Self, Refusal> {
        same_mesh(&renew.mesh, mesh)?;
        let (administrators, denied) = (&view.known.administrators, &view.known.denied);
        let there = view.enrolled.as_ref().ok_or(Reason::NotEnrolled)?;
        if let Some(eviction) = there.denied_by(&renew.host, denied) {
            return Err(Reason::Evicted { at: eviction.at }.into());
        }
        // Nobody stands for it any more, or its invite.
        let forgotten = |error: IdentityError| {
            let refusal = Refusal::from(error);
            match refusal.reason {
                Reason::Evicted { .. } => refusal,
                _ => Refusal { reason: Reason::NotEnrolled, ..refusal },
            }
        };
        let standing = there.papers.verify(administrators, mesh, denied).map_err(forgotten)?;
        if standing.host != renew.host {
            return Err(Reason::NotEnrolled.into());
        }
        if !call.is_proven(binding, mesh, &standing.key) {
            return Err(Reason::WrongProof.into());
        }
        let claims = Claims::of(&renew.host, renew.names.clone(), renew.addresses.clone())?;
        let subject = subject(&renew.request)?;
        if *subject.fingerprint() != standing.tls {
            return Err(Reason::OtherKey.into());
        }
        let (papers, key) = (there.papers.clone(), standing.key.fingerprint());
        Ok(Self { papers, key, serve: standing.serve, subject, claims })
    }
}

/// A person who may have a certificate.
#[derive(Debug)]
pub(super) struct Certification {
    pub name: AdministratorName,
    pub subject: SubjectKey,
}

impl Certification {
    /// Whether a person may have a certificate: they have the key, here and now, with which somebody of that name administers.
    pub(super) fn of(
        certify: &Certify,
        call: &Call,
        binding: &Binding,
        administrators: &Administrators,
        mesh: &MeshId,
    ) -> Result<Self, Refusal> {
        same_mesh(&certify.mesh, mesh)?;
        administers(&certify.name, call, binding, administrators, mesh)?;
        Ok(Self { name: certify.name.clone(), subject: subject(&certify.request)? })
    }
}

/// Whether a person may have another authority made.
pub(super) fn may_rotate(
    rotate: &Rotate,
    call: &Call,
    binding: &Binding,
    administrators: &Administrators,
    mesh: &MeshId,
) -> Result<(), Refusal> {
    same_mesh(&rotate.mesh, mesh)?;
    administers(&rotate.name, call, binding, administrators, mesh)
}

/// Whether who asks has the key, here and now, with which somebody of that name administers.
fn administers(
    name: &AdministratorName,
    call: &Call,
    binding: &Binding,
    administrators: &Administrators,
    mesh: &MeshId,
) -> Result<(), Refusal> {
    let key = administrators.key_of(name).ok_or(Reason::NotEnrolled)?;
    if call.is_proven(binding, mesh, key) { Ok(()) } else { Err(Reason::WrongProof.into()) }
}

/// Which host showed this certificate, if it is one that may carry the store.
pub(super) fn server(peer: Option<&Certificate>) -> Result<(&Certificate, &HostName), Refusal> {
    match peer.map(|certificate| (certificate, certificate.principal())) {
        Some((certificate, Principal::Host(host))) if certificate.may_serve() => Ok((certificate, host)),
        _ => Err(Reason::NotAServer.into()),
    }
}

/// Whether the holder of a certificate that TLS has verified is to have the authority: it was asked to carry the store.
pub(super) fn may_have_authority(
    peer: &Certificate,
    host: &HostName,
    carries: bool,
    view: &View,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    let denied = &view.known.denied;
    let by_key = || view.enrolled.as_ref().and_then(|there| there.denied_by(host, denied));
    if let Some(eviction) = denied.denies(peer).or_else(by_key) {
        return Err(Reason::Evicted { at: eviction.at }.into());
    }
    let refused = |text: String| Refusal { reason: Reason::NotAServer, text };
    peer.check_time(now).map_err(|error| refused(error.to_string()))?;
    if !carries {
        return Err(refused(format!("{host} is no member of the store")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(host: &str, names: &[&str], addresses: usize) -> Result<Claims, Refusal> {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        let addresses = vec!["192.0.2.1".parse().unwrap(); addresses];
        Claims::of(&host.parse().unwrap(), names, addresses)
    }

    #[test]
    fn a_host_is_called_by_its_own_name_and_that_with_a_domain() {
        let claims = claim("web-1", &["web-1", "web-1.example.org"], 16).unwrap();
        assert_eq!(claims.names.len(), 1, "its own name is in the certificate anyway");
        for bad in ["web-10", "db-1", "a.web-1", "web", "web-1x.example.org"] {
            let refused = claim("web-1", &[bad], 0).unwrap_err();
            assert_eq!(refused.reason, Reason::BadRequest, "{bad}");
        }
        assert!(claim("web-1.example.org", &["web-1"], 0).is_err(), "that may be another host");
    }

    #[test]
    fn nobody_claims_more_than_sixteen_of_anything() {
        assert!(claim("a", &["a"; 17], 0).is_err());
        assert!(claim("a", &[], 17).is_err());
    }

    #[test]
    fn what_is_no_request_for_a_certificate_is_refused() {
        for bad in ["", "!", "AAAA", &"A".repeat(MOST_DIGITS + 4)] {
            assert_eq!(subject(bad).unwrap_err().reason, Reason::BadRequest);
        }
    }
}

//! Who is out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::UnixSeconds;
use super::authority::BACKDATED;
use super::{
    Administrators, Certificate, Domain, Fingerprint, IdentityError, MeshId, Principal, Serial, Signed,
};
use crate::engine::world::{ContentHash, HostName};

/// The most evictions that a list holds: at ten a day for four years.
pub const MOST_EVICTIONS: usize = 16_384;
/// The most serial numbers, and the most keys, of one eviction.
const MOST_NAMED: usize = 64;

/// That a host is out: what an administrator signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// Which one, counted by who signs: greater than all that they know of.
    pub seq: u64,
    /// What it was called. Its name is free: another host may have it.
    pub host: HostName,
    /// Its certificates.
    #[serde(default)]
    pub serials: Vec<Serial>,
    /// Its keys: for signing, for its certificates.
    #[serde(default)]
    pub keys: Vec<Fingerprint>,
    /// When. Certificates that were issued to that name until then are out too, also those that nobody listed.
    pub at: UnixSeconds,
}

/// Who is out, as far as is known here. It only grows: what an older list does not have stays.
#[derive(Clone, Debug, Default)]
pub struct DenyList {
    /// By number, and by hash: two administrators who do not see one another may count alike.
    all: BTreeMap<(u64, ContentHash), (Signed<Eviction>, Eviction)>,
    by_key: BTreeMap<Fingerprint, (u64, ContentHash)>,
    by_serial: BTreeMap<Serial, (u64, ContentHash)>,
    /// The latest eviction of each name.
    by_host: BTreeMap<HostName, (UnixSeconds, (u64, ContentHash))>,
}

/// What became of a list that was merged.
#[derive(Debug, Default)]
pub struct Merged {
    /// How many of its evictions were new.
    pub new: usize,
    /// Why others were not taken; those that were known are not among them.
    pub refused: Vec<IdentityError>,
}

impl Merged {
    /// Tells those that were not taken, and where they came from.
    pub fn warn(&self, from: &str) {
        for error in &self.refused {
            tracing::warn!(%error, from, "an eviction does not count");
        }
    }
}

impl DenyList {
    /// Takes an eviction; tells whether it was new.
    ///
    /// # Errors
    /// When no administrator signed it, it is out of bounds, or the list is full.
    pub fn take(
        &mut self,
        signed: Signed<Eviction>,
        administrators: &Administrators,
        mesh: &MeshId,
    ) -> Result<bool, IdentityError> {
        let digest = signed.digest();
        // Most of a list that comes is known, and needs no verifying.
        let is_known =
            |(at, hash): &(u64, ContentHash)| *hash == digest && self.all.contains_key(&(*at, *hash));
        let claimed = serde_json::from_str::<Seq>(signed.statement()).ok();
        if claimed.is_some_and(|claimed| is_known(&(claimed.seq, digest))) {
            return Ok(false);
        }
        let eviction = administrators.verify(&signed, Domain::Eviction, mesh)?;
        if eviction.serials.len() > MOST_NAMED || eviction.keys.len() > MOST_NAMED {
            return Err(IdentityError::TooMany {
                what: "certificates or keys of one eviction",
                limit: MOST_NAMED,
            });
        }
        if self.all.len() >= MOST_EVICTIONS {
            return Err(IdentityError::TooMany { what: "evictions", limit: MOST_EVICTIONS });
        }
        let id = (eviction.seq, digest);
        self.by_key.extend(eviction.keys.iter().map(|key| (*key, id)));
        self.by_serial.extend(eviction.serials.iter().map(|serial| (serial.clone(), id)));
        let latest = self.by_host.entry(eviction.host.clone()).or_insert((eviction.at, id));
        if latest.0 < eviction.at {
            *latest = (eviction.at, id);
        }
        self.all.insert(id, (signed, eviction));
        Ok(true)
    }

    /// Takes a list: what is new of it. One that cannot be taken does not keep out the others.
    pub fn merge(
        &mut self,
        list: Vec<Signed<Eviction>>,
        administrators: &Administrators,
        mesh: &MeshId,
    ) -> Merged {
        let mut merged = Merged::default();
        for signed in list.into_iter().take(MOST_EVICTIONS) {
            match self.take(signed, administrators, mesh) {
                Ok(new) => merged.new += usize::from(new),
                Err(error) => merged.refused.push(error),
            }
        }
        merged
    }

    /// The eviction by which a certificate is out: it is listed, or its key is, or it was issued to that name before.
    pub fn denies(&self, certificate: &Certificate) -> Option<&Eviction> {
        let host = match certificate.principal() {
            Principal::Host(name) => Some(name),
            _ => None,
        };
        self.denies_issued(host, certificate.serial(), certificate.key(), certificate.not_before())
    }

    /// The same of a certificate that is not at hand: whose it is, its number, its key, and since when it is good.
    pub fn denies_issued(
        &self,
        host: Option<&HostName>,
        serial: &Serial,
        key: &Fingerprint,
        not_before: UnixSeconds,
    ) -> Option<&Eviction> {
        let by_name = || {
            let (at, id) = self.by_host.get(host?)?;
            (not_before.later(BACKDATED) <= *at).then_some(id)
        };
        let id = self.by_serial.get(serial);
        let id = id.or_else(|| self.by_key.get(key)).or_else(by_name)?;
        self.all.get(id).map(|(_, eviction)| eviction)
    }

    /// The latest eviction of who had this name. Another host may have it by now.
    pub fn of_name(&self, host: &HostName) -> Option<&Eviction> {
        let (_, id) = self.by_host.get(host)?;
        self.all.get(id).map(|(_, eviction)| eviction)
    }

    /// The eviction by which a key is out.
    pub fn denies_key(&self, key: &Fingerprint) -> Option<&Eviction> {
        self.all.get(self.by_key.get(key)?).map(|(_, eviction)| eviction)
    }

    /// The number that the next eviction gets.
    pub fn next_seq(&self) -> u64 {
        self.all.last_key_value().map_or(1, |((seq, _), _)| seq.saturating_add(1))
    }

    /// All, as they were signed, by number: to be stored and handed on.
    pub fn iter(&self) -> impl Iterator<Item = &Signed<Eviction>> {
        self.all.values().map(|(signed, _)| signed)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nobody is out.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The number that an eviction claims to have.
#[derive(Deserialize)]
struct Seq {
    seq: u64,
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, authority, grant, mesh, name};
    use super::super::{AdministratorChain, CertificateKey, Pin, SigningKey, SubjectKey};
    use super::*;

    fn administrators() -> (SigningKey, Administrators) {
        let ann = SigningKey::generate().unwrap();
        let chain = AdministratorChain::begin(&mesh(), name("ann"), &ann, NOW).unwrap();
        (ann, chain.replay(&mesh(), &Pin::default()).unwrap())
    }

    fn eviction(seq: u64) -> Eviction {
        Eviction {
            seq,
            host: "web-1".parse().unwrap(),
            serials: Vec::new(),
            keys: Vec::new(),
            at: UnixSeconds(0),
        }
    }

    fn sign(eviction: &Eviction, key: &SigningKey) -> Signed<Eviction> {
        Signed::new(eviction, Domain::Eviction, &mesh(), key).unwrap()
    }

    fn certificate(host: &str, now: UnixSeconds) -> Certificate {
        let key = CertificateKey::generate().unwrap();
        authority().issue(&SubjectKey::of(&key), &grant(host), now).unwrap()
    }

    #[test]
    fn a_certificate_is_out_by_its_number_its_key_or_its_time() {
        let (ann, administrators) = administrators();
        let it = certificate("web-1", NOW);
        let second = std::time::Duration::from_secs(1);
        for (eviction, is_out) in [
            (Eviction { serials: vec![it.serial().clone()], ..eviction(1) }, true),
            (Eviction { keys: vec![*it.key()], ..eviction(1) }, true),
            (Eviction { at: NOW, ..eviction(1) }, true),
            (Eviction { at: NOW.earlier(second), ..eviction(1) }, false),
            (Eviction { host: "web-2".parse().unwrap(), at: NOW, ..eviction(1) }, false),
            (Eviction { keys: vec![Fingerprint::of_spki(b"x")], ..eviction(1) }, false),
        ] {
            let mut list = DenyList::default();
            assert!(list.denies(&it).is_none());
            list.take(sign(&eviction, &ann), &administrators, &mesh()).unwrap();
            assert_eq!(list.denies(&it).is_some(), is_out, "{eviction:?}");
            assert_eq!(list.denies_key(it.key()).is_some(), eviction.keys.contains(it.key()));
        }
    }

    #[test]
    fn a_name_is_free_again_for_a_host_with_other_keys() {
        let (ann, administrators) = administrators();
        let (old, mut list) = (certificate("web-1", NOW), DenyList::default());
        let out = Eviction { keys: vec![*old.key()], at: NOW, ..eviction(1) };
        list.take(sign(&out, &ann), &administrators, &mesh()).unwrap();
        assert!(list.denies(&old).is_some());
        assert!(list.denies(&certificate("web-1", UnixSeconds(NOW.0 + 1))).is_none());
    }

    #[test]
    fn an_older_list_takes_nothing_back() {
        let (ann, administrators) = administrators();
        let key = |n: u8| Fingerprint::from_bytes([n; 32]);
        let all: Vec<_> =
            (1..=3).map(|n| sign(&Eviction { keys: vec![key(n)], ..eviction(n.into()) }, &ann)).collect();
        let mut list = DenyList::default();
        assert_eq!(list.merge(all.clone(), &administrators, &mesh()).new, 3);
        assert_eq!(list.merge(all[..1].to_vec(), &administrators, &mesh()).new, 0);
        assert_eq!((list.len(), list.next_seq()), (3, 4));
        assert!((1..=3).all(|n| list.denies_key(&key(n)).is_some()));
        // Nor does another of the same number replace the first.
        let twin = sign(&Eviction { keys: vec![key(9)], ..eviction(3) }, &ann);
        assert!(list.take(twin, &administrators, &mesh()).unwrap());
        assert!(list.denies_key(&key(3)).is_some() && list.denies_key(&key(9)).is_some());
        let again: Vec<_> = list.iter().cloned().collect();
        assert_eq!(DenyList::default().merge(again, &administrators, &mesh()).new, 4);
    }

    #[test]
    fn who_is_no_administrator_evicts_nobody_and_keeps_out_no_other_eviction() {
        let (ann, administrators) = administrators();
        let stranger = SigningKey::generate().unwrap();
        let mut list = DenyList::default();
        let forged = sign(&eviction(1), &stranger);
        let merged = list.merge(vec![forged, sign(&eviction(2), &ann)], &administrators, &mesh());
        assert_eq!((merged.new, list.len()), (1, 1));
        assert!(matches!(&merged.refused[..], [IdentityError::NotAdministrator { .. }]));
    }

    #[test]
    fn a_list_and_each_eviction_are_bounded() {
        let (ann, administrators) = administrators();
        let mut list = DenyList::default();
        let much = Eviction { keys: vec![Fingerprint::from_bytes([0; 32]); MOST_NAMED + 1], ..eviction(1) };
        let refused = list.take(sign(&much, &ann), &administrators, &mesh());
        assert!(matches!(refused, Err(IdentityError::TooMany { .. })));
        let one = sign(&eviction(1), &ann);
        list.all = (0..MOST_EVICTIONS as u64)
            .map(|n| ((n, ContentHash([1; 32])), (one.clone(), eviction(n))))
            .collect();
        assert!(matches!(list.take(one, &administrators, &mesh()), Err(IdentityError::TooMany { .. })));
    }

    #[test]
    fn the_longest_number_is_not_passed() {
        let (ann, administrators) = administrators();
        let mut list = DenyList::default();
        assert!(list.is_empty() && list.next_seq() == 1);
        list.take(sign(&eviction(u64::MAX), &ann), &administrators, &mesh()).unwrap();
        assert_eq!(list.next_seq(), u64::MAX);
    }
}

//! With which key each host signs, as far as its papers lead to an administrator.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::export_seal::SealError;
use super::trust::Grounds;
use super::view::follow_map;
use super::watcher::Watcher;
use super::{Trust, keys};
use crate::cluster::identity::{Standing, VerifyingKey};
use crate::cluster::joining::Enrolled;
use crate::engine::world::{Follow, HostName};

/// The papers of all hosts, as they are stored.
pub(super) type AllPapers = Arc<BTreeMap<HostName, Bytes>>;

/// A host's key, or why it has none.
pub(super) type Vouched = Arc<Result<VerifyingKey, SealError>>;

/// Verifies papers once, until they or the grounds change.
#[derive(Debug)]
pub(super) struct Vouching {
    pub trust: Trust,
    /// How many exports were verified.
    pub judged: AtomicU64,
    papers: Mutex<Option<Follow<AllPapers>>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    grounds: Option<Arc<Grounds>>,
    keys: BTreeMap<HostName, (Bytes, Vouched)>,
}

impl Vouching {
    pub fn new(trust: Trust) -> Self {
        Self { trust, judged: AtomicU64::new(0), papers: Mutex::default(), known: Mutex::default() }
    }

    /// The papers of all hosts: followed from the first time on, once for all that is collected.
    pub fn papers(&self, watcher: &Arc<Watcher>) -> Follow<AllPapers> {
        let mut papers = self.papers.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || {
            follow_map(watcher, &[keys::under(keys::ENROLLED)], |key, entry| {
                let host = keys::last_part(keys::ENROLLED, key)?.parse().ok()?;
                Some((host, entry.map(|entry| entry.value.clone())))
            })
        };
        papers.get_or_insert_with(begin).clone()
    }

    /// With which key a host signs, whose papers are these.
    pub fn key_of(&self, grounds: &Arc<Grounds>, host: &HostName, papers: Option<&Bytes>) -> Vouched {
        let Some(papers) = papers else { return Arc::new(Err(SealError::NoPapers)) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.grounds.as_ref().is_some_and(|known| Arc::ptr_eq(known, grounds)) {
            *known = Known { grounds: Some(grounds.clone()), keys: BTreeMap::new() };
        }
        if let Some((of, key)) = known.keys.get(host)
            && of == papers
        {
            return key.clone();
        }
        let key = Arc::new(verified(grounds, host, papers));
        known.keys.insert(host.clone(), (papers.clone(), key.clone()));
        key
    }
}

fn verified(grounds: &Grounds, host: &HostName, papers: &[u8]) -> Result<VerifyingKey, SealError> {
    standing(grounds, host, papers).map(|standing| standing.key)
}

/// What follows from the papers of a host, as far as they lead to an administrator and it is not out.
pub(super) fn standing(grounds: &Grounds, host: &HostName, papers: &[u8]) -> Result<Standing, SealError> {
    let bad = |why: String| SealError::BadPapers { why };
    let enrolled: Enrolled = serde_json::from_slice(papers).map_err(|error| bad(error.to_string()))?;
    let standing = enrolled.papers.verify(&grounds.administrators, &grounds.mesh, &grounds.denied);
    let standing = standing.map_err(|error| bad(error.to_string()))?;
    if standing.host != *host {
        return Err(bad(format!("they are those of {}", standing.host)));
    }
    if let Some(eviction) = enrolled.denied_by(host, &grounds.denied) {
        return Err(bad(format!("it was evicted at {}", eviction.at)));
    }
    Ok(standing)
}

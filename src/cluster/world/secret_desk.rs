//! Secrets as an administrator writes them: encrypted for each host that is to have one, and signed.
//!
//! A secret has a record beside what is encrypted: for which hosts it is, signed too. Whoever joins later gets a secret when
//! somebody gives it again, or who has put it renews it ([`Client::renew_secret`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::export_seal::SealError;
use super::secrets::StoredSecret;
use super::trust::Grounds;
use super::txn;
use super::vouching::standing;
use super::{Client, keys};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::identity::{
    AdministratorName, Domain, HostPattern, IdentityError, RecipientKey, SecretStatement, Signed, Standing,
    seal,
};
use crate::cluster::store::id::Revision;
use crate::cluster::store::key::KeyRange;
use crate::engine::world::{ContentHash, Deadline, HostName, WorldError};

/// The longest name of a secret, in bytes.
pub const LONGEST_NAME: usize = 128;
/// The most writes of one transaction: etcd takes 128.
const MOST_WRITES: usize = 100;
/// The most that one transaction writes, in bytes: etcd takes requests of 1.5 MiB.
const MOST_BYTES: usize = 1 << 20;
const PUT: &str = "put a secret";
const LIST: &str = "list the secrets";

/// For whom a secret was encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Those that can read it.
    pub hosts: Vec<HostName>,
    /// Those that it is for, and that have no key to encrypt it for.
    pub without_key: Vec<HostName>,
    /// Those that it is for, and whose papers are not believed: why.
    pub unbelieved: BTreeMap<HostName, String>,
}

/// A secret, without what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretCard {
    /// What it is called.
    pub name: String,
    /// For which hosts it is.
    pub to: HostPattern,
    /// The hosts that have it as it was put last.
    pub hosts: Vec<HostName>,
    /// The hosts that it is for, and that have none or an older one.
    pub missing: Vec<HostName>,
    /// The hosts that it is for, and that have no key.
    pub without_key: Vec<HostName>,
    /// The administrator who asks can read it, and so renew it.
    pub renewable: bool,
}

/// Why a name is none for a secret.
pub fn why_no_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.len() > LONGEST_NAME => Some("it has more than 128 bytes"),
        _ if name.chars().any(char::is_control) => Some("it has a control character"),
        _ => None,
    }
}

/// What follows from the papers of hosts.
pub(super) type Standings = BTreeMap<HostName, Result<Standing, SealError>>;

/// A key to be written or removed.
pub(super) type Change = (String, Option<Vec<u8>>);

impl Client {
    /// Encrypts a secret for every host that it is for, and writes it. Those that had one and that it is not for any more have
    /// none afterwards. With the administrator's own key, `reader`, they can renew it.
    ///
    /// # Errors
    /// When no administrator's key is here, no host that it is for can read it, somebody else puts it meanwhile, or the store
    /// does not answer.
    pub async fn put_secret(
        &self,
        name: &str,
        to: &HostPattern,
        value: &[u8],
        reader: Option<&RecipientKey>,
        by: Deadline,
    ) -> Result<Recipients, WorldError> {
        let grounds = self.grounds_of_secrets(PUT)?;
        let standings = self.standings(&grounds, to, by).await?;
        let (recipients, keys_of) = recipients(&standings, to);
        if recipients.hosts.is_empty() {
            return Err(WorldError::Missing { what: format!("host {to} that can read secrets") });
        }
        let record = self.read_all(PUT, &KeyRange::One(keys::secret_record(name).into()), by).await?;
        let record = record.into_values().next();
        let known = record.as_ref().and_then(|entry| read_record(&grounds, &entry.value));
        let known = known.filter(|known| known.name == name).map(|known| known.version);
        let version = now_ms().max(known.map_or(0, |known| known.saturating_add(1)));
        let said = SecretStatement { name: name.into(), to: to.as_str().into(), sealed: None, version };
        let own_record = sign(&grounds, &said)?.to_json().into_bytes();
        let mut changes = vec![(keys::secret_record(name), Some(own_record))];
        // First, so that what is cut off halfway can be renewed.
        if let (Some(reader), Some(me)) = (reader, administrator(&grounds)) {
            let place = (name, &*keys::secret_reader(&me), version);
            let sealed = sealed(&grounds, place, value, reader.public())?;
            changes.push((keys::secret_of_administrator(name, &me), Some(sealed)));
        }
        for (host, key) in &keys_of {
            let sealed = sealed(&grounds, (name, host.as_str(), version), value, key)?;
            changes.push((keys::secret(name, host), Some(sealed)));
        }
        let kept: BTreeSet<String> = changes.iter().map(|(key, _)| key.clone()).collect();
        for (key, _) in self.read_keys(PUT, &keys::under(&keys::secrets_named(name)), by).await? {
            if let Some(key) = String::from_utf8(key.to_vec()).ok().filter(|key| !kept.contains(key)) {
                changes.push((key, None));
            }
        }
        self.write_secrets(name, record.map(|entry| entry.written), changes, by).await?;
        Ok(recipients)
    }

    /// All secrets: who has them, and who is to have them and has none.
    ///
    /// # Errors
    /// When the store does not answer, or this is no mesh with identities.
    pub async fn list_secrets(&self, by: Deadline) -> Result<Vec<SecretCard>, WorldError> {
        let grounds = self.grounds_of_secrets(LIST)?;
        let all = "*".parse().expect("a star is a pattern");
        let standings = self.standings(&grounds, &all, by).await?;
        let me = administrator(&grounds);
        let mut cards = Vec::new();
        for (key, entry) in self.read_all(LIST, &keys::under(keys::SECRET_RECORDS), by).await? {
            let Some(said) = read_record(&grounds, &entry.value) else {
                tracing::warn!(key = %String::from_utf8_lossy(&key), "the record of a secret is not believed");
                continue;
            };
            let (recipients, keys_of) = recipients(&standings, &said.to);
            let prefix = keys::secrets_named(&said.name);
            let there = self.read_keys(LIST, &keys::under(&prefix), by).await?;
            let newest: Vec<HostName> = there
                .iter()
                .filter(|(_, written)| *written >= entry.written)
                .filter_map(|(key, _)| keys::last_part(&prefix, key)?.parse().ok())
                .collect();
            let missing = keys_of.into_keys().filter(|host| !newest.contains(host)).collect();
            let SecretRecord { name, to, .. } = said;
            let own = me.as_ref().map(|me| keys::secret_of_administrator(&name, me));
            let renewable = there.iter().any(|(key, written)| {
                *written >= entry.written && own.as_ref().is_some_and(|own| own.as_bytes() == &key[..])
            });
            let without_key = recipients.without_key;
            cards.push(SecretCard { name, to, hosts: newest, missing, without_key, renewable });
        }
        cards.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(cards)
    }

    /// Removes a secret from all hosts; `false`: there was none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_secret(&self, name: &str, by: Deadline) -> Result<bool, WorldError> {
        let operation = "remove a secret";
        let all = txn::delete_under(&keys::secrets_named(name));
        let success = vec![txn::delete(keys::secret_record(name)), all];
        let answer = self.link.transact(operation, by, txn::always(success)).await?;
        let removed = answer.responses.iter().any(|response| {
            matches!(&response.response, Some(pb::response_op::Response::ResponseDeleteRange(it)) if it.deleted > 0)
        });
        Ok(removed)
    }

    pub(super) fn grounds_of_secrets(&self, operation: &'static str) -> Result<Arc<Grounds>, WorldError> {
        self.trust().and_then(super::Trust::now).ok_or_else(|| {
            let why = "this mesh runs without TLS: its hosts have no keys to encrypt for".to_owned();
            WorldError::Refused { operation, why }
        })
    }

    /// What follows from the papers of the hosts that a pattern means.
    pub(super) async fn standings(
        &self,
        grounds: &Grounds,
        to: &HostPattern,
        by: Deadline,
    ) -> Result<Standings, WorldError> {
        let papers = self.read_all("read who is enrolled", &keys::under(keys::ENROLLED), by).await?;
        let found = papers.into_iter().filter_map(|(key, entry)| {
            let host: HostName = keys::last_part(keys::ENROLLED, &key)?.parse().ok()?;
            to.matches(&host).then(|| (host.clone(), standing(grounds, &host, &entry.value)))
        });
        Ok(found.collect())
    }

    /// Writes in transactions, of which the first one fails if somebody else has put the secret since its record was read.
    pub(super) async fn write_secrets(
        &self,
        name: &str,
        record: Option<Revision>,
        changes: Vec<Change>,
        by: Deadline,
    ) -> Result<(), WorldError> {
        let written = record.map_or(0, |written| written.0);
        let mut compare = vec![txn::is_unchanged(keys::secret_record(name), written)];
        for changes in portions(changes) {
            let success = changes.into_iter().map(|(key, value)| match value {
                Some(value) => txn::put(key, value),
                None => txn::delete(key),
            });
            let change = txn::when(std::mem::take(&mut compare), success.collect());
            if !self.link.transact(PUT, by, change).await?.succeeded {
                let why = format!("somebody else has put {name:?} meanwhile; look at `mgmt secret list`");
                return Err(WorldError::Refused { operation: PUT, why });
            }
        }
        Ok(())
    }
}

/// The hosts that a pattern means, and the keys of those that have one.
pub(super) fn recipients(
    standings: &Standings,
    to: &HostPattern,
) -> (Recipients, BTreeMap<HostName, String>) {
    let (mut recipients, mut keys_of) = (Recipients::default(), BTreeMap::new());
    for (host, standing) in standings.iter().filter(|(host, _)| to.matches(host)) {
        match standing.as_ref().map(|standing| standing.recipient.clone()) {
            Ok(Some(key)) => {
                recipients.hosts.push(host.clone());
                keys_of.insert(host.clone(), key);
            }
            Ok(None) => recipients.without_key.push(host.clone()),
            Err(why) => drop(recipients.unbelieved.insert(host.clone(), why.to_string())),
        }
    }
    (recipients, keys_of)
}

/// In order, and no more at once than the store takes.
fn portions(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut portions: Vec<Vec<Change>> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        let size = change.0.len() + change.1.as_ref().map_or(0, Vec::len);
        match portions.last_mut().filter(|last| last.len() < MOST_WRITES && bytes + size <= MOST_BYTES) {
            Some(last) => {
                bytes += size;
                last.push(change);
            }
            None => {
                bytes = size;
                portions.push(vec![change]);
            }
        }
    }
    portions
}

/// The record of a secret that an administrator has signed.
pub(super) struct SecretRecord {
    pub name: String,
    pub to: HostPattern,
    pub version: u64,
}

pub(super) fn read_record(grounds: &Grounds, stored: &[u8]) -> Option<SecretRecord> {
    let signed = Signed::<SecretStatement>::from_json(stored).ok()?;
    let said = grounds.administrators.verify(&signed, Domain::Secret, &grounds.mesh).ok()?;
    let to = said.to.parse().ok()?;
    said.sealed.is_none().then_some(SecretRecord { name: said.name, to, version: said.version })
}

/// Who puts it, as the mesh knows them.
pub(super) fn administrator(grounds: &Grounds) -> Option<AdministratorName> {
    let key = grounds.administrator.as_ref()?.fingerprint();
    grounds.administrators.name_of(&key).cloned()
}

/// A secret as it is stored for one reader: its name, who reads it, its version.
pub(super) fn sealed(
    grounds: &Grounds,
    (name, to, version): (&str, &str, u64),
    value: &[u8],
    key: &str,
) -> Result<Vec<u8>, WorldError> {
    let sealed = seal(value, key).map_err(refused)?;
    let hash = Some(ContentHash::of(&sealed));
    let said = SecretStatement { name: name.into(), to: to.into(), sealed: hash, version };
    let stored = StoredSecret { sealed: STANDARD.encode(sealed), statement: sign(grounds, &said)? };
    Ok(serde_json::to_vec(&stored).expect("texts can be written"))
}

fn sign(grounds: &Grounds, said: &SecretStatement) -> Result<Signed<SecretStatement>, WorldError> {
    let key = grounds.administrator.as_ref().ok_or(WorldError::NoSigner { operation: PUT })?;
    Signed::new(said, Domain::Secret, &grounds.mesh, key).map_err(refused)
}

fn refused(error: IdentityError) -> WorldError {
    match error {
        IdentityError::SecretTooLarge { bytes, limit } => {
            WorldError::TooLarge { operation: PUT, bytes, limit }
        }
        error => WorldError::Refused { operation: PUT, why: error.to_string() },
    }
}

/// The clock in milliseconds: so that a secret that was removed and put again is newer than it was.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_at_once_is_never_more_than_the_store_takes() {
        let change = |size| (String::from("k"), Some(vec![0; size]));
        let small = portions((0..250).map(|_| change(10)).collect());
        assert_eq!(small.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        let large = portions((0..30).map(|_| change(90_000)).collect());
        assert_eq!(large.iter().map(Vec::len).sum::<usize>(), 30);
        assert!(large.iter().all(|some| some.len() * 90_001 <= MOST_BYTES));
    }

    #[test]
    fn a_name_is_text_of_some_length() {
        assert_eq!(why_no_name("db/password of 'x'"), None);
        assert!(["", "a\nb", &"a".repeat(129)].into_iter().all(|name| why_no_name(name).is_some()));
    }
}

//! What was done: each who does something writes it into the store, as a chain of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MeshError;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::identity::{
    Administrators, AuditChain, AuditEntry, DenyList, Domain, IdentityError, MeshId, Papers, Principal,
    Signed, SigningKey, UnixSeconds,
};
use crate::cluster::link::Line;
use crate::cluster::tls;
use crate::cluster::world::{Client, keys, txn};
use crate::engine::world::Deadline;

/// How often an entry is written anew because its author writes elsewhere at the same time.
const TRIES: usize = 16;

/// An entry as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    /// What was done, signed by who did it.
    entry: Signed<AuditEntry>,
    /// Of a host: why its key is trusted. It is kept here, since the host may be evicted later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    papers: Option<Papers>,
}

/// Who writes.
pub(super) struct Author<'a> {
    /// Who it is.
    pub who: Principal,
    /// In which mesh.
    pub mesh: &'a MeshId,
    /// With what they sign.
    pub key: &'a SigningKey,
    /// Of a host: why that is trusted.
    pub papers: Option<Papers>,
}

/// What was done, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// When, by the clock of who did it.
    pub at: UnixSeconds,
    /// Who.
    pub who: String,
    /// Which entry of theirs.
    pub seq: u64,
    /// What.
    pub what: String,
}

/// What is wrong with what is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Whose entries they are.
    pub author: String,
    /// Which entry: the first one that does not hold. What its author did after it is told all the same.
    pub seq: u64,
    /// Why.
    pub why: String,
}

/// All that was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// In the order in which it was written down.
    pub done: Vec<Done>,
    /// Where it was changed.
    pub broken: Vec<Broken>,
}

/// Writes down what somebody has done.
///
/// # Errors
/// When the store does not answer, or what its author wrote last cannot be read.
pub(super) async fn append(
    client: &Client,
    author: &Author<'_>,
    what: &str,
    by: Deadline,
) -> Result<(), MeshError> {
    let operation = "write down what was done";
    let name = keys::audit_author(&author.who).ok_or(MeshError::Apart)?;
    for _ in 0..TRIES {
        let mut chain = match last(client, &name, by).await? {
            Some(entry) => AuditChain::after(&entry),
            None => AuditChain::new(author.mesh),
        };
        let entry = chain.entry(tls::now(), author.who.to_string(), what.chars().take(1_000).collect())?;
        let key = keys::audit_entry(&name, entry.seq);
        let entry = Signed::new(&entry, Domain::Audit, author.mesh, author.key)?;
        let record = Record { entry, papers: author.papers.clone() };
        let value = serde_json::to_vec(&record).expect("texts can be written");
        // Where there is none: what was done stays written.
        let added = txn::when(vec![txn::is_absent(&key)], vec![txn::put(&key, value)]);
        if client.link().transact(operation, by, added).await?.succeeded {
            return Ok(());
        }
    }
    Err(MeshError::Contended { operation })
}

/// What an author wrote last.
async fn last(client: &Client, author: &str, by: Deadline) -> Result<Option<AuditEntry>, MeshError> {
    let prefix = keys::audit_of(author);
    let request = pb::RangeRequest {
        range_end: keys::past(&prefix),
        key: prefix.into(),
        limit: 1,
        sort_order: pb::range_request::SortOrder::Descend.into(),
        sort_target: pb::range_request::SortTarget::Key.into(),
        ..Default::default()
    };
    let found = client.link().ask("read what was done last", by, |line: Line, by| {
        let request = request.clone();
        async move { line.range(request, by).await }
    });
    let Some(kv) = found.await?.kvs.into_iter().next() else { return Ok(None) };
    let bad = |source| MeshError::BadAudit { key: String::from_utf8_lossy(&kv.key).into_owned(), source };
    let record: Record = serde_json::from_slice(&kv.value).map_err(bad)?;
    serde_json::from_str(record.entry.statement()).map(Some).map_err(bad)
}

/// All that was done, and where it was changed.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn tell(
    client: &Client,
    administrators: &Administrators,
    mesh: &MeshId,
    by: Deadline,
) -> Result<Told, MeshError> {
    let all = client.read_all("read what was done", &keys::under(keys::AUDIT), by).await?;
    let entries = all.iter().map(|(key, entry)| (&key[..], &entry.value[..], entry.created.0));
    Ok(read(entries, administrators, mesh))
}

/// What entries say: their keys, what they hold, and at which revision they came into the store.
fn read<'e>(
    entries: impl IntoIterator<Item = (&'e [u8], &'e [u8], i64)>,
    administrators: &Administrators,
    mesh: &MeshId,
) -> Told {
    let mut told = Told::default();
    let mut chains: BTreeMap<String, AuditChain> = BTreeMap::new();
    // Clocks may differ by more than what lies between two entries.
    let mut by_revision: Vec<(i64, Done)> = Vec::new();
    for (key, value, revision) in entries {
        let Some((author, seq)) = keys::audit_entry_of(key) else {
            let author = String::from_utf8_lossy(key).into_owned();
            told.broken.push(Broken { author, seq: 0, why: "nobody writes there".to_owned() });
            continue;
        };
        let chain = chains.entry(author.clone()).or_insert_with(|| AuditChain::new(mesh));
        let mut broken = |why: String| {
            // What follows a break does not fit either: one word about it is enough.
            if told.broken.iter().all(|known| known.author != author) {
                told.broken.push(Broken { author: author.clone(), seq, why });
            }
        };
        let record: Record = match serde_json::from_slice(value) {
            Ok(record) => record,
            Err(error) => {
                broken(format!("it cannot be understood: {error}"));
                continue;
            }
        };
        match verified(&record, &author, administrators, mesh) {
            Ok(entry) => {
                if let Err(error) = chain.take(&entry) {
                    broken(error.to_string());
                    *chain = AuditChain::after(&entry);
                }
                let AuditEntry { seq, at, who, what, .. } = entry;
                by_revision.push((revision, Done { at, who, seq, what }));
            }
            Err(error) => broken(error.to_string()),
        }
    }
    by_revision.sort_by_key(|(revision, _)| *revision);
    told.done = by_revision.into_iter().map(|(_, done)| done).collect();
    told
}

/// What an entry says, if its author signed it.
fn verified(
    record: &Record,
    author: &str,
    administrators: &Administrators,
    mesh: &MeshId,
) -> Result<AuditEntry, IdentityError> {
    let Record { entry, papers } = record;
    let (who, key) = match papers {
        Some(papers) => {
            // That it was evicted since does not undo what it did.
            let standing = papers.verify(administrators, mesh, &DenyList::default())?;
            (Principal::Host(standing.host), standing.key)
        }
        None => {
            let (name, key) =
                administrators.ever(entry.by()).ok_or(IdentityError::NotAdministrator { by: *entry.by() })?;
            (Principal::Administrator(name.clone()), *key)
        }
    };
    let entry = entry.verify(Domain::Audit, mesh, &key)?;
    let is_own = keys::audit_author(&who).is_some_and(|own| own == author) && entry.who == who.to_string();
    match is_own {
        true => Ok(entry),
        false => Err(IdentityError::BrokenAudit { seq: entry.seq, why: "it stands in another's name" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::identity::{AdministratorChain, Change, Pin};

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    struct Book {
        mesh: MeshId,
        ann: SigningKey,
        chain: AdministratorChain,
        entries: BTreeMap<String, Vec<u8>>,
    }

    impl Book {
        fn new(what: &[&str]) -> Self {
            let (mesh, ann) = (MeshId::from_bytes([7; 16]), SigningKey::generate().unwrap());
            let chain = AdministratorChain::begin(&mesh, "ann".parse().unwrap(), &ann, NOW).unwrap();
            let mut book = Self { mesh, ann, chain, entries: BTreeMap::new() };
            let mut audit = AuditChain::new(&mesh);
            for what in what {
                let entry = audit.entry(NOW, "administrator ann".to_owned(), (*what).to_owned()).unwrap();
                book.write(&entry);
            }
            book
        }

        fn write(&mut self, entry: &AuditEntry) {
            let signed = Signed::new(entry, Domain::Audit, &self.mesh, &self.ann).unwrap();
            let record = Record { entry: signed, papers: None };
            let key = keys::audit_entry("admin:ann", entry.seq);
            self.entries.insert(key, serde_json::to_vec(&record).unwrap());
        }

        fn read(&self) -> Told {
            let administrators = self.chain.replay(&self.mesh, &Pin::default()).unwrap();
            let entries = self.entries.iter().map(|(key, value)| (key.as_bytes(), &value[..], 1));
            read(entries, &administrators, &self.mesh)
        }
    }

    fn words(told: &Told) -> Vec<&str> {
        told.done.iter().map(|done| done.what.as_str()).collect()
    }

    #[test]
    fn what_was_done_is_told_in_order() {
        let told = Book::new(&["one", "two", "three"]).read();
        assert_eq!((words(&told), told.broken.len()), (vec!["one", "two", "three"], 0));
    }

    #[test]
    fn an_entry_that_was_taken_out_or_changed_shows_with_its_place() {
        let mut book = Book::new(&["one", "two", "three"]);
        book.entries.remove(&keys::audit_entry("admin:ann", 1)).unwrap();
        let told = book.read();
        assert_eq!(words(&told), ["one", "three"]);
        assert_eq!((&*told.broken[0].author, told.broken[0].seq), ("admin:ann", 2));

        let mut book = Book::new(&["one", "two", "three"]);
        let text = String::from_utf8(book.entries[&keys::audit_entry("admin:ann", 0)].clone()).unwrap();
        let forged = text.replace("one", "eno").into_bytes();
        book.entries.insert(keys::audit_entry("admin:ann", 0), forged);
        let told = book.read();
        assert_eq!(words(&told), ["two", "three"]);
        assert_eq!((told.broken.len(), told.broken[0].seq), (1, 0));
    }

    #[test]
    fn an_entry_in_anothers_name_does_not_count() {
        let mut book = Book::new(&["one"]);
        let entry = book.entries[&keys::audit_entry("admin:ann", 0)].clone();
        book.entries.insert(keys::audit_entry("admin:bob", 0), entry);
        let told = book.read();
        assert_eq!((words(&told), &*told.broken[0].author), (vec!["one"], "admin:bob"));
    }

    #[test]
    fn what_somebody_did_who_has_left_is_told_still() {
        let mut book = Book::new(&["one"]);
        let bob = SigningKey::generate().unwrap();
        let add = Change::Add { name: "bob".parse().unwrap(), key: bob.verifying_key() };
        book.chain.append(&book.mesh, add, &book.ann, NOW).unwrap();
        let remove = Change::Remove { name: "ann".parse().unwrap(), keep: Vec::new() };
        book.chain.append(&book.mesh, remove, &bob, NOW).unwrap();
        assert_eq!(words(&book.read()), ["one"]);
    }
}

//! Resources that hosts declare for one another.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;

use super::Client;
use super::export_encoding::{decode, encode};
use super::keys;
use super::outbox::Write;
use super::sieve;
use super::view::follow_map;
use crate::engine::world::{
    Audience, Collection, Deadline, Export, ExportId, Exports, Follow, WorldError, Written,
};

/// The keys of what this host exports, also on disk: what a run that was killed has left is withdrawn by the next.
#[derive(Debug, Default)]
pub(super) struct Exported {
    keys: BTreeSet<String>,
    path: Option<PathBuf>,
}

impl Exported {
    /// What earlier runs have exported: one JSON text a line. A line that was torn is left out.
    pub fn load(path: Option<PathBuf>) -> Self {
        let text = path.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let keys = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { keys, path }
    }

    /// The keys.
    pub fn keys(&self) -> Vec<String> {
        self.keys.iter().cloned().collect()
    }

    /// Notes a key before it is written.
    fn add(&mut self, key: &str) -> io::Result<()> {
        if !self.keys.insert(key.to_owned()) {
            return Ok(());
        }
        let Some(path) = &self.path else { return Ok(()) };
        let mut file = File::options().append(true).create(true).mode(0o600).open(path)?;
        writeln!(file, "{}", serde_json::Value::from(key))
    }

    /// Keeps only these; returns the others.
    fn keep_only(&mut self, keep: &BTreeSet<String>) -> Vec<String> {
        let gone: Vec<String> = self.keys.difference(keep).cloned().collect();
        if gone.is_empty() {
            return gone;
        }
        self.keys.retain(|key| keep.contains(key));
        let Some(path) = &self.path else { return gone };
        let lines: String =
            self.keys.iter().map(|key| format!("{}\n", serde_json::Value::from(&**key))).collect();
        let fresh = path.with_extension("new");
        let written = std::fs::write(&fresh, lines).and_then(|()| std::fs::rename(&fresh, path));
        if let Err(error) = written {
            // Then the next run withdraws them once more.
            tracing::debug!(%error, "cannot rewrite the list of exports");
        }
        gone
    }
}

#[async_trait]
impl Exports for Client {
    async fn export(&self, export: &Export, by: Deadline) -> Result<Written, WorldError> {
        self.is_wanted();
        let operation = "export";
        let key = keys::export(&self.host, &export.id);
        let value = encode(export);
        if value.len() > self.value_limit {
            return Err(WorldError::TooLarge { operation, bytes: value.len(), limit: self.value_limit });
        }
        let added = self.exported.lock().unwrap_or_else(PoisonError::into_inner).add(&key);
        added.map_err(|error| WorldError::OutboxDisk { operation, why: error.to_string() })?;
        let write = Write { key: key.into(), value: Some(value), leased: export.ttl.is_some() };
        self.writer.write(operation, write, by).await
    }

    fn is_exported(&self, export: &Export) -> bool {
        let key = keys::export(&self.host, &export.id);
        self.writer.is_written(key.as_bytes(), &encode(export))
    }

    fn keep_only(&self, ids: BTreeSet<ExportId>) {
        let keep = ids.iter().map(|id| keys::export(&self.host, id)).collect();
        let gone = self.exported.lock().unwrap_or_else(PoisonError::into_inner).keep_only(&keep);
        if !gone.is_empty() {
            self.is_wanted();
        }
        for key in gone {
            let write = Write { key: key.into(), value: None, leased: false };
            if self.writer.push(write).is_err() {
                tracing::warn!("an export that is gone cannot be withdrawn: too much waits for the store");
            }
        }
    }

    fn collect(&self, kind: &str) -> Follow<Collection> {
        self.is_wanted();
        let to = [Audience::All, Audience::Host(self.host.clone())];
        let ranges = to.map(|to| keys::under(&keys::exports_to(&to, kind)));
        if let Some(vouching) = &self.vouching {
            return sieve::collect(&self.watcher, vouching, &self.dropped, kind, &ranges);
        }
        follow_map(&self.watcher, &ranges, |key, entry| {
            let id = keys::collected_of(key)?;
            Some((id, entry.map(|entry| Arc::new(decode(&entry.value)))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_has_exported_is_known_to_the_next() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("exported");
        let mut exported = Exported::load(Some(path.clone()));
        for key in ["/a\n\"b", "/c", "/a\n\"b"] {
            exported.add(key).unwrap();
        }
        let keep = BTreeSet::from(["/c".to_owned(), "/d".to_owned()]);
        assert_eq!(Exported::load(Some(path.clone())).keep_only(&keep), ["/a\n\"b"]);
        assert_eq!(Exported::load(Some(path)).keys, BTreeSet::from(["/c".to_owned()]));
    }
}

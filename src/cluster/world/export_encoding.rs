//! An export as it is stored: JSON with a version, values with their types.
//!
//! A field that is added later does not change the version, and readers that do not know it skip it. What older readers
//! would misunderstand does, and then they say so.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::export_seal::{self, MOST_STORED, SealError};
use crate::engine::value::Value;
use crate::engine::world::{Collected, Export};

/// The version that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: &'a BTreeMap<Arc<str>, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: &'a BTreeMap<Arc<str>, Value>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    params: BTreeMap<Arc<str>, Value>,
    #[serde(default)]
    meta: BTreeMap<Arc<str>, Value>,
}

/// As it is stored.
pub fn encode(export: &Export) -> Bytes {
    let written = Written { v: VERSION, params: &export.params, meta: &export.meta };
    // Numbers that JSON has not, such as infinity, become null, and are then refused by readers.
    serde_json::to_vec(&written).expect("maps of text to values can be written").into()
}

/// What is stored, if this version can read it. A signature is not looked at: who must, does so before.
pub fn decode(stored: &[u8]) -> Collected {
    let unreadable = |why: String| Collected::Unreadable { why: why.into() };
    if stored.len() > MOST_STORED {
        return unreadable(SealError::TooLarge { bytes: stored.len() }.to_string());
    }
    let stored = export_seal::unverified(stored).unwrap_or(stored);
    match serde_json::from_slice(stored) {
        Ok(Version { v }) if v > VERSION => {
            unreadable(format!("a newer version wrote it, in format {v}; this one reads up to {VERSION}"))
        }
        Ok(Version { .. }) => match serde_json::from_slice(stored) {
            Ok(Read { params, meta }) => Collected::Read { params, meta },
            Err(error) => unreadable(error.to_string()),
        },
        Err(error) => unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::Label;
    use crate::engine::world::{Audience, ExportId};

    fn export() -> Export {
        let values = [
            ("content", Value::str("ä\n\"x\"")),
            ("mode", Value::Int(0o644)),
            ("list", Value::List([Value::Bool(true), Value::Float(0.5)].into())),
            ("map", Value::Map([(Value::str("k"), Value::Int(-1))].into())),
        ];
        Export {
            id: ExportId { to: Audience::All, label: Label::new("file", "/etc/motd") },
            params: values.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            meta: [("noop".into(), Value::Bool(true))].into(),
            ttl: None,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let export = export();
        let Collected::Read { params, meta } = decode(&encode(&export)) else { panic!() };
        assert_eq!((params, meta), (export.params, export.meta));
    }

    #[test]
    fn fields_of_a_later_version_are_skipped_and_a_later_format_is_refused() {
        let later = br#"{"v":1,"params":{"a":{"int":1}},"shoe":7}"#;
        assert!(matches!(decode(later), Collected::Read { params, .. } if params.len() == 1));
        let Collected::Unreadable { why } = decode(br#"{"v":2,"stuff":[]}"#) else { panic!() };
        assert_eq!(&*why, "a newer version wrote it, in format 2; this one reads up to 1");
    }

    #[test]
    fn what_is_longer_than_anybody_may_write_is_not_even_read() {
        let padded = |length: usize| {
            let mut text = br#"{"v":1}"#.to_vec();
            text.resize(length, b' ');
            decode(&text)
        };
        assert!(matches!(padded(MOST_STORED), Collected::Read { .. }));
        let Collected::Unreadable { why } = padded(MOST_STORED + 1) else { panic!() };
        assert_eq!(&*why, "it has 1572865 bytes; no host writes more than 1572864");
    }

    #[test]
    fn garbage_is_refused_with_a_reason() {
        for garbage in [&b""[..], b"{", b"[]", b"{\"v\":\"x\"}", b"{\"v\":1,\"params\":{\"a\":3}}", b"\xff"] {
            assert!(matches!(decode(garbage), Collected::Unreadable { .. }), "{garbage:?}");
        }
    }
}

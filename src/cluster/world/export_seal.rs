//! The signature on an export, and the form that has room for it.
//!
//! ```text
//! {"v":2,"signature":"<base64>","export":{"v":1,…}}
//! ```
//!
//! What is signed is where the export stands (kind, name, to, from) and the hash of its text, to the byte: so no store can move
//! it to another name, another host or another receiver, and readers that do not know all of its fields verify it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys;
use super::trust::Grounds;
use crate::cluster::identity::{Domain, IdentityError, MeshId, Signature, VerifyingKey};
use crate::engine::world::{ContentHash, ExportId, HostName};

/// The longest export that is looked at, in bytes: etcd takes no longer requests, but one that stands in may be told to.
pub(super) const MOST_STORED: usize = 1536 << 10;
/// The version of the form with a signature, and the newest that is read.
pub(super) const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    v: u32,
    signature: Signature,
    #[serde(borrow)]
    export: &'a RawValue,
}

/// What is signed. Its fields are never changed: what was signed before would count no more.
#[derive(Serialize)]
struct Statement<'a> {
    kind: &'a str,
    name: &'a str,
    to: String,
    from: &'a HostName,
    value: ContentHash,
}

fn statement(from: &HostName, id: &ExportId, value: &[u8]) -> Vec<u8> {
    let statement = Statement {
        kind: &id.label.kind,
        name: &id.label.name,
        to: id.to.to_string(),
        from,
        value: ContentHash::of(value),
    };
    serde_json::to_vec(&statement).expect("texts can be written")
}

/// A value as this host writes it: what is no export of its own stays as it is.
///
/// # Errors
/// When it is one, and this host has no key to sign with, or the value is no JSON.
pub fn seal(grounds: &Grounds, key: &[u8], value: &Bytes) -> Result<Bytes, String> {
    let Some((from, id)) = keys::export_of(key).filter(|(from, _)| *from == grounds.host) else {
        return Ok(value.clone());
    };
    let signing = grounds.signing.as_ref().ok_or("there is no key of this host to sign it with")?;
    let signature = signing.sign(Domain::Export, &grounds.mesh, &statement(&from, &id, value));
    let signature = signature.map_err(|error| error.to_string())?;
    let export = serde_json::from_slice(value).map_err(|error| error.to_string())?;
    let sealed = Sealed { v: VERSION, signature, export };
    Ok(serde_json::to_vec(&sealed).expect("what was read can be written").into())
}

/// Why an export is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SealError {
    #[error("it is not signed")]
    Unsigned,
    #[error("a newer version signed it, in format {found}; this one reads up to {VERSION}")]
    Newer { found: u32 },
    #[error("the mesh has no papers of that host")]
    NoPapers,
    #[error("the papers of that host do not hold: {why}")]
    BadPapers { why: String },
    #[error("its signature does not hold")]
    BadSignature,
    #[error("it has {bytes} bytes; no host writes more than {MOST_STORED}")]
    TooLarge { bytes: usize },
}

/// The text of an export that this key signed for this place.
///
/// # Errors
/// When it did not.
pub fn open<'a>(
    mesh: &MeshId,
    key: &VerifyingKey,
    from: &HostName,
    id: &ExportId,
    stored: &'a [u8],
) -> Result<&'a [u8], SealError> {
    let Sealed { signature, export, .. } = read(stored)?;
    let text = export.get().as_bytes();
    let verified = key.verify(Domain::Export, mesh, &statement(from, id, text), &signature);
    verified.map_err(|_: IdentityError| SealError::BadSignature)?;
    Ok(text)
}

/// What is within the form, signed by whomever: for who verifies nothing.
pub(super) fn unverified(stored: &[u8]) -> Option<&[u8]> {
    read(stored).ok().map(|sealed| sealed.export.get().as_bytes())
}

fn read(stored: &[u8]) -> Result<Sealed<'_>, SealError> {
    if stored.len() > MOST_STORED {
        return Err(SealError::TooLarge { bytes: stored.len() });
    }
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<Sealed<'_>>(stored) {
        Ok(sealed) if sealed.v == VERSION => Ok(sealed),
        _ => match serde_json::from_slice(stored) {
            Ok(Version { v }) if v > VERSION => Err(SealError::Newer { found: v }),
            _ => Err(SealError::Unsigned),
        },
    }
}

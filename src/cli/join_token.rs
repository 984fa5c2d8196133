//! The token with which a host joins, from where it was put.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::cluster::identity::{JoinToken, LONGEST_TOKEN};

/// What systemd's credential is called.
const CREDENTIAL: &str = "mgmt.join";

/// The token that was given: as a text, as a file, on standard input (`-`), or as a credential of systemd's. `None`: none.
///
/// # Errors
/// When it cannot be read, or is none: in a sentence that never holds it.
pub(super) fn given(argument: Option<&str>) -> Result<Option<JoinToken>, String> {
    let text = match argument {
        Some("-") => read("standard input", std::io::stdin().lock())?,
        Some(text) if text.trim_start().starts_with("mgmt-join-") => Zeroizing::new(text.to_owned()),
        Some(file) => from_file(Path::new(file))?,
        None => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
            match folder.map(|folder| folder.join(CREDENTIAL)).filter(|file| file.exists()) {
                Some(file) => from_file(&file)?,
                None => return Ok(None),
            }
        }
    };
    text.parse().map(Some).map_err(|error| format!("the token to join with: {error}"))
}

fn from_file(file: &Path) -> Result<Zeroizing<String>, String> {
    let shown = file.display().to_string();
    let opened = std::fs::File::open(file).map_err(|error| {
        format!("cannot read the token to join with from {shown}: {error}; a token begins with mgmt-join-")
    })?;
    read(&shown, opened)
}

fn read(from: &str, stream: impl std::io::Read) -> Result<Zeroizing<String>, String> {
    // Room for all of it: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_TOKEN + 64));
    let read = stream.take(LONGEST_TOKEN as u64 + 64).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read the token to join with from {from}: {error}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_from_where_it_lies_and_never_shown() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("token");
        std::fs::write(&file, "mgmt-join-1.c2VjcmV0c2VjcmV0\n").unwrap();
        let error = given(file.to_str()).unwrap_err();
        assert!(error.starts_with("the token to join with: "), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
        let error = given(Some("mgmt-join-1.c2VjcmV0c2VjcmV0")).unwrap_err();
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }

    #[test]
    fn what_is_neither_a_token_nor_a_file_is_told_as_such() {
        let error = given(Some("/nonexistent")).unwrap_err();
        assert!(error.contains("/nonexistent") && error.contains("begins with mgmt-join-"), "{error}");
    }
}

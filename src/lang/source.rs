//! Loading texts: the one place of `lang` that reads files.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::diag::{Diagnostic, codes};
use crate::engine::{Source, Span};

/// The largest text that is read, in bytes.
pub const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// How often a file that keeps changing under the reader is read again.
const READS_AT_MOST: usize = 8;

/// What tells whether a file moved while it was read.
#[derive(PartialEq, Eq)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Why a text could not be loaded.
#[derive(Debug)]
pub struct LoadError {
    /// The file does not exist: editors that save by rename make it vanish for a moment.
    pub missing: bool,
    /// What to tell the user.
    pub diagnostic: Box<Diagnostic>,
}

impl From<Diagnostic> for LoadError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { missing: false, diagnostic: Box::new(diagnostic) }
    }
}

/// Reads a text of at most [`SIZE_LIMIT`] bytes; again, if it moves meanwhile.
///
/// # Errors
/// When it cannot be read, or is not text in UTF-8, or is empty.
pub fn load(path: &Path) -> Result<Arc<Source>, LoadError> {
    let mut read = read(path)?;
    for _ in 1..READS_AT_MOST {
        let now = std::fs::metadata(path).ok().filter(Metadata::is_file).map(|now| State::of(&now));
        if read.1.is_none() || now == read.1 {
            break;
        }
        read = self::read(path)?;
    }
    text(path, read.0)
}

/// The bytes, and the state that the file had before, if it is a regular file.
fn read(path: &Path) -> Result<(Vec<u8>, Option<State>), LoadError> {
    // To open a pipe would wait for its writer, and what came of it could not be read again.
    if std::fs::metadata(path).is_ok_and(|known| known.file_type().is_fifo()) {
        let diagnostic = Diagnostic::error(&codes::UNREADABLE, "a graph file is a file, and this is a pipe");
        return Err(diagnostic.file(path).hint("write the text into a file first").into());
    }
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        let diagnostic =
            Diagnostic::error(&codes::DIRECTORY, "a graph file is one file, and this is a directory");
        return Err(diagnostic.file(path).hint("name the file itself").into());
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(SIZE_LIMIT) as usize + 1);
    let limited = (&mut file).take(SIZE_LIMIT + 1).read_to_end(&mut bytes);
    limited.map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        let message = format!("the file is larger than {} MiB", SIZE_LIMIT >> 20);
        return Err(Diagnostic::error(&codes::TOO_LARGE, message).file(path).into());
    }
    Ok((bytes, metadata.is_file().then(|| State::of(&metadata))))
}

fn unreadable(path: &Path, error: &io::Error) -> LoadError {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let message = if missing { "there is no such file" } else { "cannot read the file" };
    let diagnostic = Diagnostic::error(&codes::UNREADABLE, message).file(path).cause(error.to_string());
    LoadError { missing, diagnostic: Box::new(diagnostic) }
}

/// The bytes as a text.
///
/// # Errors
/// When they are not text in UTF-8, or blank.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<Arc<Source>, LoadError> {
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let message = format!("the file is not UTF-8: byte 0x{byte:02x} at offset {at}");
            let diagnostic = Diagnostic::error(&codes::NOT_UTF8, message);
            if utf16 {
                return Err(diagnostic.file(path).hint("this looks like UTF-16: save it as UTF-8").into());
            }
            // Up to the wrong byte the lossy text has the same offsets.
            let source = Source::new(path, String::from_utf8_lossy(error.as_bytes()));
            let span = Span::new(at..at + char::REPLACEMENT_CHARACTER.len_utf8());
            return Err(diagnostic.at(&source, span).hint("save it as UTF-8").into());
        }
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if let Some(at) = text.find('\0') {
        let source = Source::new(path, text);
        let message = format!("the file is not text: a NUL byte at offset {at}");
        return Err(Diagnostic::error(&codes::NOT_UTF8, message).at(&source, Span::new(at..at + 1)).into());
    }
    if text.trim().is_empty() {
        let diagnostic = Diagnostic::error(&codes::EMPTY, "the file is empty").file(path);
        return Err(diagnostic.hint("the smallest graph file is `graph: NAME`").into());
    }
    Ok(Source::new(path, text))
}

//! Getting hold of what a file should hold.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use super::spec::{From, Spec};
use crate::resources::error::HostError;
use crate::resources::host::fs::{Body, Fs, Halt, LONG, Pace, Piece, Source};
use crate::resources::host::temp_name::is_temp;

/// What a source turned out to be.
#[derive(Debug)]
pub enum Loaded {
    /// Content.
    Body(Body),
    /// A directory.
    Dir,
}

/// Opens what the content comes from, and reads it if it is short.
///
/// # Errors
/// [`Halt::Long`] at a short pace, if it is long. When it cannot be read.
pub fn load(spec: &Spec, from: &From, pace: Pace<'_>) -> Result<Loaded, Halt> {
    let fs = &spec.host.fs;
    let pieces = match from {
        From::Kept => return Ok(Loaded::Body(Body::Bytes(Vec::new()))),
        From::Text(text) => {
            if text.len() as u64 > LONG {
                pace.long()?;
            }
            return Ok(Loaded::Body(Body::Text(text.clone())));
        }
        From::Source(source) => match Source::open(fs, Path::new(&**source))? {
            Source::Dir(_) => return Ok(Loaded::Dir),
            Source::File(piece) => vec![piece],
        },
        From::Fragments(paths) => {
            let mut pieces = Vec::with_capacity(paths.len());
            for path in paths {
                fragment(fs, Path::new(&**path), &mut pieces)?;
            }
            pieces
        }
    };
    Ok(Loaded::Body(Body::of_pieces(fs, pieces, pace)?))
}

/// The pieces of one fragment: itself, or the files in it, sorted by name.
fn fragment(fs: &Fs, path: &Path, pieces: &mut Vec<Piece>) -> Result<(), HostError> {
    let dir = match Source::open(fs, path)? {
        Source::File(piece) => {
            pieces.push(piece);
            return Ok(());
        }
        Source::Dir(dir) => dir,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    fs.for_each_entry(&dir, path, |entry, file_type| {
        let is_ours = entry.file_name().is_some_and(|name| is_temp(name.as_encoded_bytes()));
        if !is_ours && matches!(file_type, FileType::RegularFile | FileType::Symlink) {
            files.push(entry.to_owned());
        }
        Ok(())
    })?;
    files.sort();
    for file in files {
        if let Source::File(piece) = Source::open(fs, &file)? {
            pieces.push(piece);
        }
    }
    Ok(())
}

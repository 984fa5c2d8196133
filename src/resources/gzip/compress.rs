//! What is to be compressed, comparing it with what is there, and compressing it.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Compression, GzBuilder};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::engine::drift::Shown;
use crate::engine::{Drift, Stamp};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{
    At, Body, Content, Dress, Fs, Halt, Pace, Sink, Source, Sunk, Written, host_error, permissions, size,
};
use crate::resources::host::managed::Claim;
use crate::resources::host::stamp::stamp_of;
use crate::resources::made_file;

/// What is compressed.
#[derive(Debug)]
pub enum Input {
    /// The file of this path.
    File(Arc<str>),
    /// This text.
    Text(Arc<str>),
}

/// What is to be where.
#[derive(Debug)]
pub struct Spec {
    /// The machine.
    pub host: Arc<Host>,
    /// Where the output goes; spared by purges while this lives.
    pub output: Claim,
    /// What is compressed.
    pub input: Input,
    /// How, 0 to 9.
    pub level: u32,
}

/// What is remembered of the output: from what it was made, and what it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    level: u32,
    input: Known,
    output: Known,
}

/// Content, by size and digest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    size: u64,
    sha256: [u8; 32],
}

impl From<Sunk> for Known {
    fn from(Sunk { size, sha256 }: Sunk) -> Self {
        Self { size, sha256 }
    }
}

impl From<Known> for Shown {
    fn from(Known { size, sha256 }: Known) -> Self {
        Self::Content { size, sha256: Some(sha256) }
    }
}

impl Spec {
    /// Where the output goes.
    pub fn path(&self) -> &Path {
        Path::new(&**self.output.path())
    }

    /// The parameter that says what is compressed.
    fn param(&self) -> &'static str {
        match self.input {
            Input::File(_) => "input",
            Input::Text(_) => "content",
        }
    }

    /// Opens the input, and says which permissions a new output has.
    fn open(&self) -> Result<(Body, u32), HostError> {
        let path = match &self.input {
            Input::Text(text) => return Ok((Body::Text(text.clone()), 0o644)),
            Input::File(path) => Path::new(&**path),
        };
        match Source::open(&self.host.fs, path)? {
            Source::File(piece) => {
                let stat = piece.fd.as_ref().map(rustix::fs::fstat).transpose();
                let stat = stat.map_err(|answer| HostError::io("stat", path, answer))?;
                let mode = stat.map_or(0o644, |stat| permissions(&stat) & 0o777);
                Ok((Body::Files(vec![piece]), mode))
            }
            Source::Dir(_) => Err(HostError::WrongType {
                path: path.into(),
                found: "a directory",
                wanted: "a file",
                hint: "put it into an archive first: see the kind `tar`",
            }),
        }
    }

    /// How the output differs, given what is remembered of it.
    ///
    /// # Errors
    /// When input or output cannot be read, or the output is something else.
    pub fn check(&self, record: Option<&Record>, pace: Pace<'_>) -> Result<Drift, Halt> {
        let fs = &self.host.fs;
        let mut drift = Drift::none();
        let input = Known::from(self.open()?.0.measure(fs, pace)?);
        let Some((stat, found)) = made_file::look(fs, self.path(), pace)? else {
            drift.add(self.param(), Shown::Absent, input.into());
            return Ok(drift);
        };
        match record {
            Some(record) if record.input != input => {
                drift.add(self.param(), record.input.into(), input.into());
            }
            Some(record) if record.level != self.level => {
                let (found, wanted) = (record.level.to_string(), self.level.to_string());
                drift.add("level", Shown::text(found), Shown::text(wanted));
            }
            Some(record) if found.map(Known::from) != Some(record.output) => {
                let found = Shown::Content { size: size(&stat), sha256: found.map(|found| found.sha256) };
                drift.add("path", found, record.output.into());
            }
            Some(_) => {}
            None => drift.add(self.param(), Shown::text("made of what is unknown"), input.into()),
        }
        Ok(drift)
    }

    /// Makes the output. Returns what to remember of it, and its stamp just after where it was written in place.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn apply(&self, pace: Pace<'_>) -> Result<(Record, Option<Stamp>), Halt> {
        let fs = &self.host.fs;
        let (body, mode) = self.open()?;
        let parent = fs.open_parent(self.path())?;
        let at = At::new(&parent, self.path());
        let old = fs.lstat(at)?.filter(|old| FileType::from_raw_mode(old.st_mode).is_file());
        let dress = Dress { mode: old.is_none().then_some(mode), ..Dress::default() };
        let compressed = Compressed { body, level: self.level, made: Mutex::default() };
        let stamp = match fs.write_file(at, old.as_ref(), &compressed, dress, pace)? {
            Written::Renamed => None,
            Written::InPlace(after) => Some(stamp_of(Some(&after))),
        };
        let made = compressed.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (input, output) =
            made.ok_or_else(|| HostError::Raced { op: "compress", path: self.path().into() })?;
        Ok((Record { level: self.level, input, output }, stamp))
    }
}

/// An input as it is compressed.
#[derive(Debug)]
struct Compressed {
    body: Body,
    level: u32,
    /// Input and output of the last time.
    made: Mutex<Option<(Known, Known)>>,
}

impl Content for Compressed {
    fn size(&self) -> Option<u64> {
        None
    }

    fn write_to(&self, fs: &Fs, file: &OwnedFd, path: &Path, pace: Pace<'_>) -> Result<u64, HostError> {
        /// The header's word for a system that does not matter.
        const UNKNOWN_SYSTEM: u8 = 255;
        let failed = |error| host_error("write", path, error);
        let builder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
        let mut encoder = builder.write(Sink::file(fs, file, path), Compression::new(self.level));
        let (mut hash, mut size) = (Sha256::new(), 0);
        self.body.each(fs, pace, |chunk| {
            hash.update(chunk);
            size += chunk.len() as u64;
            encoder.write_all(chunk).map_err(failed)?;
            Ok(true)
        })?;
        let output = Known::from(encoder.finish().map_err(failed)?.finish());
        let input = Known { size, sha256: hash.finalize().into() };
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = Some((input, output));
        Ok(output.size)
    }
}

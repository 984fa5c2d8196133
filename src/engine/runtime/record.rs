//! Recordings: the scheduler's events as lines of JSON, and their replay.
//!
//! The scheduler is pure, so a recording is not a log of what was said but the run itself: fed to a fresh scheduler it
//! goes through the same states.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::sched::{Event, Limits, Time};

/// The version of the format. 2: members of a group are vertices of their own.
const VERSION: u32 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    mgmt_recording: u32,
    limits: Limits,
}

#[derive(Serialize)]
struct LineOut<'a> {
    at: Time,
    event: &'a Event,
}

/// One recorded event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Line {
    /// When the scheduler took it.
    pub at: Time,
    /// What it was.
    pub event: Event,
}

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RecordError {
    #[error("cannot write the recording {path:?}")]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot read the recording {path:?}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path:?} is not a recording of this version of mgmt")]
    NotARecording { path: PathBuf },
    #[error("{path:?}, line {line}: not an event")]
    BadLine { path: PathBuf, line: usize, source: serde_json::Error },
}

/// Writes a recording. A failure to write ends the recording, not the run.
#[derive(Debug)]
pub struct Recorder {
    out: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Recorder {
    /// Starts a recording; 0600, for labels are in it.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, limits: Limits) -> Result<Self, RecordError> {
        let failed = |source| RecordError::Create { path: path.to_owned(), source };
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut out = BufWriter::new(file);
        let header = serde_json::to_string(&Header { mgmt_recording: VERSION, limits });
        writeln!(out, "{}", header.map_err(|error| failed(error.into()))?).map_err(failed)?;
        Ok(Self { out: Some(out), path: path.to_owned() })
    }

    /// Writes an event.
    pub fn event(&mut self, at: Time, event: &Event) {
        self.attempt(|out| {
            serde_json::to_writer(&mut *out, &LineOut { at, event })?;
            out.write_all(b"\n")
        });
    }

    /// Writes out what is buffered: called before the driver sleeps.
    pub fn flush(&mut self) {
        self.attempt(Write::flush);
    }

    fn attempt(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some(out) = &mut self.out
            && let Err(error) = write(out)
        {
            tracing::warn!(path = ?self.path, %error, "the recording ends here: it cannot be written");
            self.out = None;
        }
    }
}

/// Reads a recording: its limits, and its events. A last line that was cut off by a crash is left out.
///
/// # Errors
/// When it cannot be read, or is not one.
pub fn read(path: &Path) -> Result<(Limits, Vec<Line>), RecordError> {
    let failed = |source| RecordError::Read { path: path.to_owned(), source };
    let mut text = BufReader::new(File::open(path).map_err(failed)?).split(b'\n').enumerate().peekable();
    let header = match text.next() {
        Some((_, line)) => serde_json::from_slice::<Header>(&line.map_err(failed)?).ok(),
        None => None,
    };
    let Some(header) = header.filter(|header| header.mgmt_recording == VERSION) else {
        return Err(RecordError::NotARecording { path: path.to_owned() });
    };
    let mut lines = Vec::new();
    while let Some((number, line)) = text.next() {
        let line = line.map_err(failed)?;
        match serde_json::from_slice(&line) {
            Ok(line) => lines.push(line),
            Err(_) if text.peek().is_none() => break,
            Err(source) => {
                return Err(RecordError::BadLine { path: path.to_owned(), line: number + 1, source });
            }
        }
    }
    Ok((header.limits, lines))
}

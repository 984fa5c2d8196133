//! What a command writes, as it arrives: kept within bounds, counted in lines, logged.

use std::sync::Arc;

use super::kept::Kept;
use super::masked;
use super::pipes::From;
use super::{Ending, Outcome};

/// A logged line is cut to this many bytes.
const LINE: usize = 4 * 1024;
/// Bytes kept of the standard error of a command whose lines are followed: enough to say why it ended.
const FOLLOWED_TAIL: usize = 8 * 1024;

/// Takes in a command's outputs.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Kept,
    stderr: Kept,
    both: Kept,
    log: Option<[Lines; 2]>,
}

impl Output {
    /// Keeps what results need.
    pub fn new(log: Option<&Arc<str>>) -> Self {
        let log = log.filter(|_| tracing::enabled!(tracing::Level::DEBUG));
        let log = log.map(|name| [Lines::new(name, "stdout"), Lines::new(name, "stderr")]);
        Self { stdout: Kept::default(), stderr: Kept::default(), both: Kept::default(), log }
    }

    /// Keeps only the end of the standard error.
    pub fn followed(log: Option<&Arc<str>>) -> Self {
        let none = Kept::bounded(0, 0);
        let stderr = Kept::bounded(0, FOLLOWED_TAIL);
        Self { stdout: none.clone(), stderr, both: none, ..Self::new(log) }
    }

    pub fn take(&mut self, from: From, bytes: &[u8]) {
        match from {
            From::Stdout => self.stdout.push(bytes),
            From::Stderr => self.stderr.push(bytes),
            From::Both => {}
        }
        self.both.push(bytes);
        if let Some([stdout, stderr]) = &mut self.log {
            let lines = if from == From::Stderr { stderr } else { stdout };
            lines.take(bytes);
        }
    }

    pub fn into_outcome(mut self, ending: Ending, cancelled: bool) -> Outcome {
        if let Some(log) = &mut self.log {
            log.iter_mut().for_each(Lines::end);
        }
        Outcome { ending, cancelled, stdout: self.stdout, stderr: self.stderr, output: self.both }
    }
}

/// Logs line by line.
#[derive(Debug)]
struct Lines {
    name: Arc<str>,
    stream: &'static str,
    partial: Vec<u8>,
}

impl Lines {
    fn new(name: &Arc<str>, stream: &'static str) -> Self {
        Self { name: name.clone(), stream, partial: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = (LINE - self.partial.len()).min(piece.len());
            self.partial.extend_from_slice(&piece[..room]);
            if piece.ends_with(b"\n") {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        if !self.partial.is_empty() {
            let line = String::from_utf8_lossy(&self.partial);
            tracing::debug!(vertex = &*self.name, stream = self.stream, "{}", masked(line.trim_end()));
            self.partial.clear();
        }
    }
}

//! The agent's standard output.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

/// Prints lines for people.
pub trait Printer: fmt::Debug + Send + Sync + 'static {
    /// Prints a text and a line end.
    ///
    /// # Errors
    /// When it cannot be written.
    fn print(&self, text: &str) -> io::Result<()>;
}

/// Standard output. That nobody reads it any more is no error.
#[derive(Debug, Default)]
pub struct Stdout;

impl Printer for Stdout {
    fn print(&self, text: &str) -> io::Result<()> {
        // In one write, so that lines of several threads never mix.
        let line = format!("{text}\n");
        let mut out = io::stdout().lock();
        match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Keeps what is printed, for tests.
#[derive(Debug, Default)]
pub struct FakePrinter(Mutex<Vec<String>>);

impl FakePrinter {
    /// What was printed since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Printer for FakePrinter {
    fn print(&self, text: &str) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
        Ok(())
    }
}

//! All that was found in one text, with a bound.

use super::codes;
use super::{Diagnostic, Severity};

/// How many errors, and how many warnings, of one text are shown; the rest is counted.
pub const SHOWN_AT_MOST: usize = 100;

/// How many candidates may be compared for did-you-mean in one text: a hint must not make a broken file slow.
const COMPARED_AT_MOST: usize = 200_000;

/// Collects diagnostics. Those past the bound are counted and never made.
#[derive(Debug)]
pub struct Findings {
    errors: Bounded,
    warnings: Bounded,
    comparisons_left: usize,
}

#[derive(Debug, Default)]
struct Bounded {
    shown: Vec<Diagnostic>,
    more: usize,
}

impl Bounded {
    fn add(&mut self, make: impl FnOnce() -> Diagnostic) {
        if self.shown.len() < SHOWN_AT_MOST {
            self.shown.push(make());
        } else {
            self.more += 1;
        }
    }

    /// In the order of the text.
    fn finish(mut self, severity: Severity) -> Vec<Diagnostic> {
        self.shown.sort_by_key(Diagnostic::offset);
        if self.more > 0 {
            let message =
                format!("and {} more {severity}{}", self.more, if self.more == 1 { "" } else { "s" });
            let mut more = Diagnostic::error(&codes::MORE, message);
            more.severity = severity;
            self.shown.push(more);
        }
        self.shown
    }
}

impl Default for Findings {
    fn default() -> Self {
        Self { errors: Bounded::default(), warnings: Bounded::default(), comparisons_left: COMPARED_AT_MOST }
    }
}

impl Findings {
    /// Adds an error.
    pub fn error(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.errors.add(make);
    }

    /// Adds a warning.
    pub fn warn(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.warnings.add(make);
    }

    /// Whether there is an error.
    pub fn failed(&self) -> bool {
        !self.errors.shown.is_empty()
    }

    /// Whether further errors will only be counted.
    pub fn is_full(&self) -> bool {
        self.errors.shown.len() >= SHOWN_AT_MOST
    }

    /// The candidate that a word most likely meant, as a hint; none once too much was compared.
    pub fn did_you_mean<'a>(
        &mut self,
        word: &str,
        candidates: impl ExactSizeIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        if self.is_full() {
            return None;
        }
        self.comparisons_left = self.comparisons_left.checked_sub(candidates.len())?;
        crate::engine::registry::did_you_mean(word, candidates)
    }

    /// The errors if there are any, else the warnings.
    ///
    /// # Errors
    /// All errors, in the order of the text.
    pub fn finish(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.failed() {
            Err(self.errors.finish(Severity::Error))
        } else {
            Ok(self.warnings.finish(Severity::Warning))
        }
    }
}

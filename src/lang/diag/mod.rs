//! What is wrong with the user's text: collected, spanned, hinted, many at once.
//!
//! A [`Diagnostic`] is data. [`mod@render`] shows it to people, [`json`] to programs; [`codes`] is the list of all that
//! can be said about a text. A failure at run time is shown in the same shape, without a code.

pub mod codes;
pub mod excerpt;
pub mod findings;
pub mod json;
pub mod render;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Origin, Source, Span};
pub use codes::Code;
pub use findings::Findings;
pub use render::{Style, render, render_all};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing of this text is applied.
    Error,
    /// The text is applied, though perhaps not as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What a diagnostic points at.
#[derive(Clone, Debug)]
pub enum Place {
    /// A place in a text.
    Text(Origin),
    /// A file as a whole, such as one that cannot be read.
    File(PathBuf),
}

/// Another place that matters, and why.
#[derive(Clone, Debug)]
pub struct Secondary {
    /// Where.
    pub place: Origin,
    /// What is there, in a few words.
    pub label: String,
}

/// One thing to tell the user about a text.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What sort of problem; `None`: a failure at run time, which is not the text's fault.
    pub code: Option<&'static Code>,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, no full stop.
    pub message: String,
    /// Where.
    pub primary: Option<Place>,
    /// What is there, in a few words; may be empty.
    pub label: String,
    /// Other places that matter.
    pub secondaries: Vec<Secondary>,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    fn new(code: Option<&'static Code>, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            primary: None,
            label: String::new(),
            secondaries: Vec::new(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// An error in a text.
    pub fn error(code: &'static Code, message: impl Into<String>) -> Self {
        Self::new(Some(code), Severity::Error, message)
    }

    /// A warning about a text.
    pub fn warning(code: &'static Code, message: impl Into<String>) -> Self {
        Self::new(Some(code), Severity::Warning, message)
    }

    /// A failure at run time, shown at the line that declared the resource. `origin` is `None` for what mgmt itself
    /// made.
    pub fn failure(
        message: impl Into<String>,
        origin: Option<&Origin>,
        causes: impl IntoIterator<Item = String>,
        hints: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut failure = Self::new(None, Severity::Error, message);
        if let Some(origin) = origin {
            failure.primary = Some(Place::Text(origin.clone()));
            failure.label = "declared here".to_owned();
        }
        failure.causes.extend(causes);
        failure.hints.extend(hints);
        failure
    }

    /// At a place in a text.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Span) -> Self {
        self.primary = Some(Place::Text(Origin { source: source.clone(), span }));
        self
    }

    /// About a file as a whole.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Self {
        self.primary = Some(Place::File(path.to_owned()));
        self
    }

    /// With a few words under the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, source: &Arc<Source>, span: Span, label: impl Into<String>) -> Self {
        let place = Origin { source: source.clone(), span };
        self.secondaries.push(Secondary { place, label: label.into() });
        self
    }

    /// With a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With a hint, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hints.extend(hint.map(Into::into));
        self
    }

    /// Where the primary place starts in its text, to sort by.
    pub fn offset(&self) -> u32 {
        match &self.primary {
            Some(Place::Text(origin)) => origin.span.start,
            Some(Place::File(_)) => 0,
            None => u32::MAX,
        }
    }
}

/// Something from the user's text inside a message: in backticks, control characters escaped, cut where long.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

/// How many characters of a quoted text are shown.
const QUOTED_CHARS: usize = 60;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for (at, ch) in self.0.chars().enumerate() {
            if at == QUOTED_CHARS {
                f.write_str("…")?;
                break;
            }
            if ch.is_control() {
                write!(f, "{}", ch.escape_default())?;
            } else {
                write!(f, "{ch}")?;
            }
        }
        f.write_str("`")
    }
}

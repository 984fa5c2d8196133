//! Comparing a file's lines with what they should be, and putting them right.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use super::text::Block;
use crate::engine::Stamp;
use crate::resources::edited_file::{self, Manner, PLAIN, Rewritten};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::fs::{Halt, Pace};

const MANNER: Manner = Manner { op: "look for lines in", hint: "only files have lines", ..PLAIN };

/// What should be in which file.
#[derive(Debug)]
pub struct Edit {
    /// The machine.
    pub host: Arc<Host>,
    /// The lines.
    pub block: Block,
    /// Whether they should be there.
    pub present: bool,
}

impl Edit {
    /// How the file differs; `None`: it does not.
    ///
    /// # Errors
    /// When it cannot be read. [`Halt::Long`] at a short pace if it is long.
    pub fn compare(&self, path: &Path, pace: Pace<'_>) -> Result<Option<Rewritten<()>>, Halt> {
        let rewrite = |found: Option<&[u8]>| self.rewrite(found);
        match edited_file::compare(&self.host, path, pace, MANNER, &rewrite) {
            Err(Halt::Failed(HostError::NoParent { .. })) if !self.present => Ok(None),
            other => other.map(|Ok(rewritten)| rewritten),
        }
    }

    /// Puts the file right, one resource at a time. Returns its stamp just after where it was written in place.
    ///
    /// # Errors
    /// When the system refuses, or someone else writes to the file at the same time.
    pub fn repair(&self, path: &Path, pace: Pace<'_>) -> Result<Option<Stamp>, Halt> {
        let rewrite = |found: Option<&[u8]>| self.rewrite(found);
        edited_file::repair(&self.host, path, pace, MANNER, &rewrite).map(|Ok(stamp)| stamp)
    }

    fn rewrite(&self, found: Option<&[u8]>) -> Result<Option<(Vec<u8>, ())>, Infallible> {
        let text = found.unwrap_or_default();
        if self.block.is_in(text) == self.present {
            return Ok(None);
        }
        let wanted = if self.present { self.block.added_to(text) } else { self.block.removed_from(text) };
        Ok(Some((wanted, ())))
    }
}

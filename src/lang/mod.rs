//! The languages that people write graphs in, each a [`Frontend`]: text in, a stream of resource graphs out.
//!
//! Nothing here but [`source`] and the frontends' own re-reading does I/O, and only [`collect::Inflow`] sees the world; kinds are seen only through the
//! [`Registry`](crate::engine::Registry) that the caller hands in. Parsing and checking never stop at the first error.

pub mod collect;
pub mod diag;
pub mod frontend;
pub mod source;
pub mod yaml;

pub use diag::{Diagnostic, Severity};
pub use frontend::{Frontend, Options, Outcome, Parsed, open};

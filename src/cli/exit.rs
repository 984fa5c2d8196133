//! Exit codes.

use std::process::ExitCode;

use crate::agent::error::AgentError;
use crate::engine::Class;

/// The user's text is wrong; nothing was applied.
pub const TEXT: u8 = 1;
/// The plan is not empty, and the user asked to be told (`--detailed-exitcode`).
pub const DIFFERS: u8 = 2;
/// Some resources failed, or are blocked by those that did.
pub const FAILED: u8 = 3;
/// The arguments are wrong (`EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;
/// A bug in mgmt (`EX_SOFTWARE`).
pub const BUG: u8 = 70;
/// Another agent holds the prefix, or the system refuses for now (`EX_TEMPFAIL`).
pub const BUSY: u8 = 75;

/// The exit code of an error.
pub fn of(error: &AgentError) -> ExitCode {
    of_class(error.class())
}

/// The exit code of an error of this class.
pub fn of_class(class: Class) -> ExitCode {
    ExitCode::from(match class {
        Class::User => TEXT,
        Class::Transient => BUSY,
        Class::Bug => BUG,
    })
}

//! What an error is, in the one sense that decides exit code, retry and log level.

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The user's text or arguments are wrong; trying again cannot help.
    User,
    /// The world refused; trying again may help.
    Transient,
    /// A bug in mgmt.
    Bug,
}

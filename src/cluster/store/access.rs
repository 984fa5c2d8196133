//! Who may do what: the one place where the store asks.

use super::Store;
use super::auth::{AuthChange, AuthError, AuthReply};
use super::request::{Caller, Change};

impl Store {
    /// Whether the caller may make a change. Everything is allowed while authentication cannot be turned on.
    pub(super) fn allowed(&self, _caller: Option<&Caller>, _change: &Change) -> Result<(), AuthError> {
        Ok(())
    }

    /// Changes who may do what.
    pub(super) fn change_auth(&mut self, _change: AuthChange) -> Result<AuthReply, AuthError> {
        Err(AuthError::NotEnabled)
    }
}

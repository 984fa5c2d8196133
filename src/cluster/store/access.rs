//! Who may do what: the one place where the store asks.

use super::Store;
use super::auth::{AuthChange, AuthError, AuthReply};
use super::request::{Caller, Change};

impl Store {
    /// Whether the caller may make a change.
    pub(super) fn allowed(&self, caller: Option<&Caller>, change: &Change) -> Result<(), AuthError> {
        self.auth.check(caller, change, &|lease| self.leases.keys(lease).collect())
    }

    /// Changes who may do what.
    pub(super) fn change_auth(&mut self, change: &AuthChange) -> Result<AuthReply, AuthError> {
        self.auth.apply(change, self.applied)
    }
}

//! Who asks.

use super::Lone;
use crate::cluster::etcd::node::{Credentials, NodeError};
use crate::cluster::store::auth::password::HashError;
use crate::cluster::store::auth::{AuthChange, AuthError, AuthReply, password, token};
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{Caller, Change};

/// bcrypt's least: passwords of tests need no more.
const COST: u32 = 4;

impl Lone {
    /// Who shows these credentials; a token comes before a certificate.
    pub(super) fn recognise(&self, credentials: &Credentials) -> Result<Option<Caller>, AuthError> {
        let now = self.shared.now();
        let mut state = self.shared.write();
        if !state.store.auth().is_enabled() {
            return Ok(None);
        }
        if let Some(token) = &credentials.token {
            let revision = state.store.auth().revision();
            return state.tokens.user_of(token, now, revision).map(Some).ok_or(AuthError::InvalidToken);
        }
        let name = credentials.common_name.as_deref().filter(|name| !name.is_empty());
        Ok(name.map(|name| state.store.auth().caller(name.into())))
    }

    /// A token for who knows the password.
    pub(super) fn token_for(&self, user: &str, given: &str) -> Result<String, NodeError> {
        let secret = self.shared.read().store.auth().secret(user)?;
        if !password::verify(given, &secret.password_hash) {
            return Err(AuthError::Failed.into());
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).expect("the system has random numbers");
        let simple_token = token::letters(u128::from_le_bytes(random));
        let applied =
            self.apply(Change::Auth(AuthChange::Authenticate { user: user.into(), simple_token }), None)?;
        match applied.reply {
            Reply::Auth(AuthReply::Token(token)) => Ok(token),
            _ => Err(AuthError::Failed.into()),
        }
    }
}

/// A password as it is stored.
pub fn hashed(given: &str) -> Result<String, NodeError> {
    password::hash(given, COST).map_err(|error| match error {
        HashError::Password(error) => error.into(),
        HashError::Hash(cause) => {
            NodeError::Files { operation: "hash a password", cause: std::io::Error::other(cause) }
        }
    })
}

//! Who asks.

use super::{Handle, Shared};
use crate::cluster::etcd::node::{Credentials, Node as _, NodeError};
use crate::cluster::store::auth::password::{self, HashError};
use crate::cluster::store::auth::{AuthChange, AuthError, AuthReply, token};
use crate::cluster::store::reply::Reply;
use crate::cluster::store::request::{Caller, Change};

impl Handle {
    /// Who shows these credentials; `None`: nobody needs to.
    pub(super) fn recognise(&self, credentials: &Credentials) -> Result<Option<Caller>, AuthError> {
        let machine = self.shared.read();
        let auth = machine.store.auth();
        if !auth.is_enabled() {
            return Ok(None);
        }
        if let (Some(token), Some(jwt)) = (&credentials.token, &self.shared.config.jwt) {
            return jwt.user_of(token, Shared::unix_s()).map(Some).ok_or(AuthError::InvalidToken);
        }
        if let Some(token) = &credentials.token {
            let now = self.shared.now();
            let known = self.shared.tokens().user_of(token, now, auth.revision());
            return known.map(Some).ok_or(AuthError::InvalidToken);
        }
        let name = credentials.common_name.as_deref().filter(|name| !name.is_empty());
        Ok(name.map(|name| auth.caller(name.into())))
    }

    /// A token for who knows the password.
    pub(super) async fn token_for(&self, user: &str, password: &str) -> Result<String, NodeError> {
        loop {
            let secret = self.shared.read().store.auth().secret(user)?;
            let (given, hash) = (password.to_owned(), secret.password_hash.clone());
            // Half a tenth of a second of work, by design.
            let verified = tokio::task::spawn_blocking(move || password::verify(&given, &hash)).await;
            if !verified.unwrap_or(false) {
                return Err(AuthError::Failed.into());
            }
            let jwt = self.shared.config.jwt.as_ref();
            let simple_token = if jwt.is_some() { String::new() } else { token::letters(random()) };
            let change = AuthChange::Authenticate { user: user.into(), simple_token };
            let applied = self.propose(Change::Auth(change), None).await?;
            // The password may have changed while it was verified.
            if self.shared.read().store.auth().revision() != secret.auth_revision {
                continue;
            }
            if let Some(jwt) = jwt {
                let signed = jwt.issue(user, secret.auth_revision, Shared::unix_s());
                let failed = |error| NodeError::Files {
                    operation: "sign a token",
                    cause: std::io::Error::other(error),
                };
                return signed.map_err(failed);
            }
            if let Reply::Auth(AuthReply::Token(token)) = applied.reply {
                return Ok(token);
            }
            return Err(AuthError::Failed.into());
        }
    }

    /// A password as it is stored.
    pub(super) async fn hashed(&self, password: &str) -> Result<String, NodeError> {
        let (password, cost) = (password.to_owned(), self.shared.config.bcrypt_cost);
        let hashed = tokio::task::spawn_blocking(move || password::hash(&password, cost)).await;
        let failed = |cause| NodeError::Files { operation: "hash a password", cause };
        match hashed.map_err(std::io::Error::other).map_err(failed)? {
            Err(HashError::Password(error)) => Err(error.into()),
            made => made.map_err(std::io::Error::other).map_err(failed),
        }
    }
}

fn random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    u128::from_le_bytes(bytes)
}

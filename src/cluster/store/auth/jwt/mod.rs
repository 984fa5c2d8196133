//! JSON Web Tokens: who holds one is who it says, at the revision it says, until it ends. No member remembers them, so
//! they cannot be taken back; a change by a token of an old revision is refused.

mod der;
mod key;
mod method;
#[cfg(test)]
mod tests;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::UserName;
use crate::cluster::store::request::Caller;
use key::{Signer, Verifier};
pub use method::SignMethod;

/// How long a token is good for unless `ttl` says otherwise.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// Makes tokens, and knows whose they are.
pub struct Jwt {
    method: SignMethod,
    verifier: Verifier,
    signer: Option<Signer>,
    ttl: Duration,
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").field("method", &self.method).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// What is wrong with keys, or with making a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Neither key, or nothing in it.
    #[error("missing key data")]
    NoKey,
    /// Not a key of the method's kind.
    #[error("the private key is none for {}", .0.name())]
    PrivateKey(SignMethod),
    /// Not a key of the method's kind.
    #[error("the public key is none for {}", .0.name())]
    PublicKey(SignMethod),
    /// Two keys that are not a pair.
    #[error("public and private key do not match")]
    Mismatch,
    /// Without a private key there is nothing to sign with.
    #[error("token signing attempted with verify-only key")]
    VerifyOnly,
    /// No random bytes were to be had.
    #[error("cannot sign a token")]
    Sign,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// What a token says. etcd has numbers only, which Go may write with a point.
#[derive(Deserialize)]
struct Claims {
    username: String,
    revision: f64,
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// What a token of ours says, in the order of etcd's.
#[derive(Serialize)]
struct NewClaims<'a> {
    exp: u64,
    revision: u64,
    username: &'a str,
}

impl Jwt {
    /// From the PEM bytes of the keys (of HS methods: the bytes of the secret, as private key). With a private key alone
    /// the public one follows; with a public key alone no token can be made.
    pub fn new(
        method: SignMethod,
        public: Option<&[u8]>,
        private: Option<&[u8]>,
        ttl: Duration,
    ) -> Result<Self, JwtError> {
        let signer = private.map(|pem| Signer::new(method, pem)).transpose()?;
        let from_private = signer.as_ref().map(|signer| signer.verifier(method));
        let verifier = match (public, from_private) {
            (_, Some(secret @ Verifier::Secret(_))) => secret,
            (None, Some(verifier)) => verifier,
            (None, None) => return Err(JwtError::NoKey),
            (Some(pem), from_private) => {
                let verifier = Verifier::new(method, pem)?;
                if from_private.is_some_and(|private| !private.same_as(&verifier)) {
                    return Err(JwtError::Mismatch);
                }
                verifier
            }
        };
        Ok(Self { method, verifier, signer, ttl })
    }

    /// A token for a user. `now_s` is Unix time, in seconds.
    pub fn issue(&self, user: &str, auth_revision: u64, now_s: u64) -> Result<String, JwtError> {
        let signer = self.signer.as_ref().ok_or(JwtError::VerifyOnly)?;
        let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, self.method.name());
        let exp = now_s.saturating_add(self.ttl.as_secs());
        let claims = serde_json::to_vec(&NewClaims { exp, revision: auth_revision, username: user })
            .expect("two numbers and a string are JSON");
        let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = signer.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    /// Whose token this is, if it is genuine and not over. `now_s` is Unix time, in seconds. The method is ours, never
    /// the one that the token asks for.
    pub fn user_of(&self, token: &str, now_s: u64) -> Option<Caller> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.alg != self.method.name()
            || !self.verifier.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
        {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let now = now_s as f64;
        if claims.exp.is_some_and(|exp| now >= exp) || claims.nbf.is_some_and(|start| now < start) {
            return None;
        }
        let whole = claims.revision >= 0.0 && claims.revision.fract() == 0.0;
        whole.then(|| Caller { user: UserName::from(claims.username), auth_revision: claims.revision as u64 })
    }
}

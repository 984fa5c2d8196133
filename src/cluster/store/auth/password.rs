//! Passwords. Hashing and verifying take a tenth of a second: never on the core, never while applying.

use bcrypt::Version;

use super::AuthError;

/// etcd's `--bcrypt-cost` when it is not given, or out of bounds.
pub const DEFAULT_COST: u32 = 10;
/// The bounds of a cost, as etcd has them.
pub const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// What bcrypt looks at.
const LONGEST: usize = 72;

/// A password's hash, with a salt of its own, as etcd writes it (`$2a$`). Empty passwords are allowed, as in etcd.
pub fn hash(password: &str, cost: u32) -> Result<String, HashError> {
    if password.len() > LONGEST {
        return Err(HashError::Password(AuthError::PasswordTooLong));
    }
    let cost = if COSTS.contains(&cost) { cost } else { DEFAULT_COST };
    let parts = bcrypt::hash_with_result(password, cost).map_err(HashError::Hash)?;
    Ok(parts.format_for_version(Version::TwoA))
}

/// Whether a password is the one of a hash. A hash that is none has no password.
pub fn verify(password: &str, hash: &str) -> bool {
    bcrypt::verify(password, hash).unwrap_or(false)
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// It cannot be.
    #[error(transparent)]
    Password(AuthError),
    /// No random salt was to be had, it may be.
    #[error("hash a password: {0}")]
    Hash(#[source] bcrypt::BcryptError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_verifies_against_its_hash_and_no_other_does() {
        let made = hash("hunter2", 4).unwrap();
        assert!(made.starts_with("$2a$04$"));
        assert!(verify("hunter2", &made));
        assert!(!verify("hunter3", &made));
        assert!(!verify("hunter2", "not a hash"));
    }

    #[test]
    fn two_hashes_of_a_password_differ_in_their_salt() {
        assert_ne!(hash("p", 4).unwrap(), hash("p", 4).unwrap());
    }

    #[test]
    fn seventy_two_bytes_are_the_most() {
        assert!(verify(&"x".repeat(72), &hash(&"x".repeat(72), 4).unwrap()));
        let error = hash(&"x".repeat(73), 4).unwrap_err();
        assert_eq!(error.to_string(), "bcrypt: password length exceeds 72 bytes");
    }

    #[test]
    fn hashes_that_go_has_made_verify() {
        // By golang.org/x/crypto/bcrypt, which etcd uses, of the password "p".
        assert!(verify("p", GO_HASH));
    }

    const GO_HASH: &str = "$2a$10$SUsRY1ebxNca2z7aDYE4g.J5xoln/zXbDQCeKjt9Qs0Z6aXsVSiZm";
}

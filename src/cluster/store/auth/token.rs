//! Simple tokens: 16 letters that the proposer chose, a dot, and where in the log the token was granted.
//!
//! Each member has its table. It follows from the log who gets in; when somebody falls out for having been idle, each
//! member decides by its own clock, as in etcd.

use std::collections::HashMap;
use std::time::Duration;

use super::{AuthChange, AuthReply, UserName};
use crate::cluster::store::request::Caller;
use crate::engine::sched::Time;

/// `--auth-token-ttl` when it is not given.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);
/// How many letters a token has.
const LETTERS: u32 = 16;
const ALPHABET: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// How often tokens that are over are cleared away, at the most.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The letters of a token, for [`AuthChange::Authenticate`]. `random` must come from the system's generator: who guesses
/// it is the user.
pub fn letters(mut random: u128) -> String {
    // 52^16 is less than 2^92, so that the remainders are even to one part in 2^36.
    let letters = (0..LETTERS).map(|_| {
        let letter = ALPHABET[(random % 52) as usize];
        random /= 52;
        char::from(letter)
    });
    letters.collect()
}

/// Where in the log a token was granted. A member that has not applied that entry does not know the token yet, and waits
/// before it says so.
pub fn granted_at(token: &str) -> Option<u64> {
    token.split_once('.')?.1.parse().ok()
}

/// The tokens that this member knows.
#[derive(Debug)]
pub struct Tokens {
    ttl: Duration,
    known: HashMap<String, Known>,
    swept: Time,
}

#[derive(Debug)]
struct Known {
    user: UserName,
    until: Time,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new(DEFAULT_TTL)
    }
}

impl Tokens {
    /// No tokens. A token that is not used for `ttl` is over.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, known: HashMap::new(), swept: Time::default() }
    }

    /// Whose token this is, if it is not over; it lives on for another `ttl`. The caller's rights are those of now, so
    /// that a simple token is never of an old revision when it is looked at.
    pub fn user_of(&mut self, token: &str, now: Time, auth_revision: u64) -> Option<Caller> {
        let known = self.known.get_mut(token)?;
        if known.until <= now {
            self.known.remove(token);
            return None;
        }
        known.until = now + self.ttl;
        Some(Caller { user: known.user.clone(), auth_revision })
    }

    /// Follows a change that was applied: a new token, or the end of some.
    pub fn follow(&mut self, change: &AuthChange, reply: &AuthReply, now: Time) {
        match (change, reply) {
            (AuthChange::Authenticate { user, .. }, AuthReply::Token(token)) => {
                self.sweep(now);
                self.known.insert(token.clone(), Known { user: user.clone(), until: now + self.ttl });
            }
            (AuthChange::UserDelete { user } | AuthChange::UserChangePassword { user, .. }, _) => {
                self.known.retain(|_, known| known.user != *user);
            }
            (AuthChange::Disable, _) => self.known.clear(),
            _ => {}
        }
    }

    /// How many are held, over or not.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn sweep(&mut self, now: Time) {
        if now.since(self.swept) >= SWEEP_EVERY {
            self.swept = now;
            self.known.retain(|_, known| known.until > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(tokens: &mut Tokens, user: &str, token: &str, now: Time) {
        let change = AuthChange::Authenticate { user: user.into(), simple_token: String::new() };
        tokens.follow(&change, &AuthReply::Token(token.into()), now);
    }

    fn follow(tokens: &mut Tokens, change: &AuthChange) {
        tokens.follow(change, &AuthReply::Done, Time::default());
    }

    fn knows(tokens: &mut Tokens, token: &str, now: u64) -> bool {
        tokens.user_of(token, Time::from_secs(now), 1).is_some()
    }

    #[test]
    fn a_token_is_sixteen_letters() {
        for random in [0, 1, u128::MAX, 1 << 91, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let letters = letters(random);
            assert_eq!(letters.len(), 16);
            assert!(letters.bytes().all(|byte| byte.is_ascii_alphabetic()));
        }
        assert_ne!(letters(1 << 90), letters(0));
    }

    #[test]
    fn a_token_tells_where_it_was_granted() {
        assert_eq!(granted_at("kPMfFQwlnHcwBygd.131"), Some(131));
        assert_eq!(granted_at("kPMfFQwlnHcwBygd"), None);
        assert_eq!(granted_at("a.b"), None);
    }

    #[test]
    fn a_token_that_is_used_lives_on_and_one_that_is_not_ends() {
        let mut tokens = Tokens::default();
        granted(&mut tokens, "u", "t.1", Time::default());
        assert!(knows(&mut tokens, "t.1", 299));
        assert!(knows(&mut tokens, "t.1", 598));
        assert!(!knows(&mut tokens, "t.1", 898));
        assert!(tokens.is_empty());
    }

    #[test]
    fn the_caller_is_known_at_the_revision_of_the_asking() {
        let mut tokens = Tokens::default();
        granted(&mut tokens, "u", "t.1", Time::default());
        let caller = tokens.user_of("t.1", Time::default(), 7).unwrap();
        assert_eq!((&*caller.user, caller.auth_revision), ("u", 7));
    }

    #[test]
    fn a_deleted_user_or_a_new_password_ends_that_users_tokens_only() {
        for change in [
            AuthChange::UserDelete { user: "u".into() },
            AuthChange::UserChangePassword { user: "u".into(), password_hash: "h".into() },
        ] {
            let mut tokens = Tokens::default();
            granted(&mut tokens, "u", "t.1", Time::default());
            granted(&mut tokens, "u", "t.2", Time::default());
            granted(&mut tokens, "v", "t.3", Time::default());
            follow(&mut tokens, &change);
            assert!(!knows(&mut tokens, "t.1", 1) && !knows(&mut tokens, "t.2", 1));
            assert!(knows(&mut tokens, "t.3", 1));
        }
    }

    #[test]
    fn other_changes_leave_tokens_alone() {
        let mut tokens = Tokens::default();
        granted(&mut tokens, "u", "t.1", Time::default());
        follow(&mut tokens, &AuthChange::UserRevokeRole { user: "u".into(), role: "r".into() });
        follow(&mut tokens, &AuthChange::RoleDelete { role: "r".into() });
        assert!(knows(&mut tokens, "t.1", 1));
    }

    #[test]
    fn turning_authentication_off_ends_all() {
        let mut tokens = Tokens::default();
        granted(&mut tokens, "u", "t.1", Time::default());
        follow(&mut tokens, &AuthChange::Disable);
        assert!(tokens.is_empty());
    }

    #[test]
    fn tokens_that_nobody_uses_are_cleared_away_by_new_ones() {
        let mut tokens = Tokens::new(Duration::from_secs(20));
        for second in 0..1000 {
            granted(&mut tokens, "u", &format!("t.{second}"), Time::from_secs(second));
        }
        assert!(tokens.len() <= 31, "{}", tokens.len());
    }
}

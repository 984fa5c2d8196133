//! Each rule, as etcd 3.5.30 was seen to keep it.

mod changes;
mod checks;
mod records;

use bytes::Bytes;

use super::*;
use crate::cluster::store::id::LeaseId;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::{Caller, Change, Delete, Op, Put, Txn};

/// Authentication with what tests do to it.
#[derive(Default)]
struct Bench {
    auth: Auth,
}

impl Bench {
    /// Off: `root` with the role, and users `rd`, `wr`, `rw` who may read, write, or both, from `a` up to `m`.
    fn with_users() -> Self {
        let mut bench = Self::default();
        bench.user("root").give("root", "root");
        for (name, access) in [("rd", Access::Read), ("wr", Access::Write), ("rw", Access::ReadWrite)] {
            bench.role(name).user(name).give(name, name).grant(name, access, span("a", "m"));
        }
        bench
    }

    /// The same, on.
    fn on() -> Self {
        let mut bench = Self::with_users();
        bench.done(AuthChange::Enable);
        bench
    }

    fn apply(&mut self, change: AuthChange) -> Result<AuthReply, AuthError> {
        self.auth.apply(&change, 9)
    }

    fn done(&mut self, change: AuthChange) -> &mut Self {
        assert_eq!(self.apply(change.clone()), Ok(AuthReply::Done), "{change:?}");
        self
    }

    /// Refused, and nothing is changed.
    fn refused(&mut self, change: AuthChange) -> AuthError {
        let before = self.auth.clone();
        let error = self.apply(change.clone()).expect_err("should be refused");
        assert_eq!(self.auth, before, "{change:?}");
        error
    }

    fn user(&mut self, name: &str) -> &mut Self {
        self.done(add_user(name))
    }

    fn role(&mut self, name: &str) -> &mut Self {
        self.done(AuthChange::RoleAdd { role: name.into() })
    }

    fn give(&mut self, user: &str, role: &str) -> &mut Self {
        self.done(give(user, role))
    }

    fn take(&mut self, user: &str, role: &str) -> &mut Self {
        self.done(take(user, role))
    }

    fn grant(&mut self, role: &str, access: Access, range: KeyRange) -> &mut Self {
        self.done(grant(role, access, range))
    }

    fn caller(&self, name: &str) -> Caller {
        self.auth.caller(name.into())
    }

    fn roles_of(&self, user: &str) -> Vec<String> {
        self.auth.user(user).unwrap().map(|role| role.to_string()).collect()
    }

    /// Whether a user may make a change; lease 7 has the keys `b` and `z`, lease 8 has `b`.
    fn check(&self, user: &str, change: &Change) -> Result<(), AuthError> {
        self.auth.check(Some(&self.caller(user)), change, &lease_keys)
    }
}

fn lease_keys(lease: LeaseId) -> Vec<Bytes> {
    match lease.0 {
        7 => vec!["b".into(), "z".into()],
        8 => vec!["b".into()],
        _ => Vec::new(),
    }
}

fn add_user(name: &str) -> AuthChange {
    AuthChange::UserAdd { user: name.into(), password_hash: Some("hash".into()) }
}

fn give(user: &str, role: &str) -> AuthChange {
    AuthChange::UserGrantRole { user: user.into(), role: role.into() }
}

fn take(user: &str, role: &str) -> AuthChange {
    AuthChange::UserRevokeRole { user: user.into(), role: role.into() }
}

fn delete_user(user: &str) -> AuthChange {
    AuthChange::UserDelete { user: user.into() }
}

fn delete_role(role: &str) -> AuthChange {
    AuthChange::RoleDelete { role: role.into() }
}

fn grant(role: &str, access: Access, range: KeyRange) -> AuthChange {
    AuthChange::RoleGrantPermission { role: role.into(), permission: Permission { access, range } }
}

fn revoke(role: &str, range: KeyRange) -> AuthChange {
    AuthChange::RoleRevokePermission { role: role.into(), range }
}

fn change_password(user: &str) -> AuthChange {
    AuthChange::UserChangePassword { user: user.into(), password_hash: "new".into() }
}

fn one(key: &'static str) -> KeyRange {
    KeyRange::One(key.into())
}

fn span(start: &'static str, end: &'static str) -> KeyRange {
    KeyRange::Span(start.into(), end.into())
}

fn put(key: &'static str) -> Put {
    Put { key: key.into(), value: Some("v".into()), lease: None, previous: false }
}

fn delete(range: KeyRange) -> Delete {
    Delete { range, previous: false }
}

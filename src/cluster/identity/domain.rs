//! What a signature is for.

use std::fmt;

/// What a signature is for. It is part of what is signed, so a signed deploy never passes for an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// What hosts run, by an administrator.
    Deploy,
    /// What a host tells others, by that host.
    Export,
    /// Who is out, by an administrator.
    Eviction,
    /// Who may join, by an administrator.
    Invite,
    /// Who administers, by one who does.
    Administrator,
    /// A deploy that may be run again, by an administrator.
    Rollback,
    /// A host's keys, by a one-time key of an invite or by an administrator.
    HostKey,
    /// What the mesh wants of its hosts, by an administrator.
    Policy,
    /// That a host has the keys that it shows, by that host.
    JoinRequest,
    /// What was done, by a server.
    Audit,
    /// A secret for a host, by an administrator.
    Secret,
    /// With what the mesh's certificates are signed, by an administrator.
    Roots,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Deploy,
        Self::Export,
        Self::Eviction,
        Self::Invite,
        Self::Administrator,
        Self::Rollback,
        Self::HostKey,
        Self::Policy,
        Self::JoinRequest,
        Self::Audit,
        Self::Secret,
        Self::Roots,
    ];

    /// Its name, as it is signed: never changed, or what was signed before counts no more.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Export => "export",
            Self::Eviction => "eviction",
            Self::Invite => "invite",
            Self::Administrator => "administrator",
            Self::Rollback => "rollback",
            Self::HostKey => "host-key",
            Self::Policy => "policy",
            Self::JoinRequest => "join-request",
            Self::Audit => "audit",
            Self::Secret => "secret",
            Self::Roots => "roots",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_domains_have_one_name() {
        let names: BTreeSet<&str> = Domain::ALL.iter().map(|domain| domain.name()).collect();
        assert_eq!(names.len(), Domain::ALL.len());
    }
}

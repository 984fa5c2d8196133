//! Numbers that must not be mixed up.

use std::fmt;

/// Makes a newtype of an integer, shown as etcd's tools show it.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty), $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }
    };
}

id!(
    /// A revision of the whole store: each transaction that writes takes the next one. A new store is at 1.
    Revision(i64), "{}"
);
id!(
    /// A lease. Clients may choose any number but 0, negative ones too.
    LeaseId(i64), "{:x}"
);
id!(
    /// A member of the cluster: the first 8 bytes of a SHA-1, see `Member::id_of`.
    MemberId(u64), "{:x}"
);
id!(
    /// A cluster: the first 8 bytes of the SHA-1 of its first members' ids.
    ClusterId(u64), "{:x}"
);
id!(
    /// A watch, within its stream.
    WatchId(i64), "{}"
);

/// The place of one version in the log: the revision that wrote it, and which of its writes it was, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The revision.
    pub main: Revision,
    /// The place within.
    pub sub: u32,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.main, self.sub)
    }
}

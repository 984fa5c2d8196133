//! Which commands of the log a member understands.

/// Which commands of the log a member understands. Each member tells its own in the log when it starts; what is not
/// understood everywhere is not proposed, whether or not those who would not understand it are there just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogLevel(pub u32);

impl LogLevel {
    /// Those of etcd 3.5. Of a member that has told nothing.
    pub const ETCD: Self = Self(0);
    /// Exchanges and demotions too.
    pub const EXCHANGES: Self = Self(1);
    /// Those of this version.
    pub const OWN: Self = Self::EXCHANGES;
}

//! Membership of the mesh: which hosts there are, which of them carry the store.
//!
//! | part | what |
//! |---|---|
//! | [`policy`] | what the administrator asks of the mesh |
//! | [`steward`] | who votes, who follows as a learner, who is a client: pure |
//! | [`host_name`] | what a host is called |

pub mod host_name;
pub mod policy;
pub mod steward;

pub use host_name::HostName;
pub use policy::Policy;

//! One member of the store's cluster: consensus, disk, peers and state machine, joined.
//!
//! ```text
//!   services --ask--> Handle --inbox--> core thread --apply--> Machine <--read-- Handle
//!                                        |      ^                |
//!                                     saves   persisted        notify --> watches
//!                                        v      |
//!                                       log writer thread
//! ```
//!
//! | file | what |
//! |---|---|
//! | `config` | how a member is set up |
//! | `machine` | what entries of the log do: the store and the members. Pure |
//! | `auto_compaction` | when to compact without being asked. Pure |
//! | `forced` | a cluster of one out of what a member of more has. Pure |
//! | `rebirth` | a cluster that begins anew with what is left of another. Offline |
//! | `open` | what the disk knows when a member starts |
//! | `snapshots` | the state machine as a file, and back |
//! | `reconfiguring` | a change of the members, in the words of the consensus and back. Pure |
//! | `inbox` | what waits for the core thread |
//! | `core` | the one thread that decides: inputs in, outputs carried out |
//! | `waiting` | who waits for the core's answers |
//! | `writer` | the thread that writes the log: all that waits with one sync |
//! | `tend` | what happens without being asked: leases end, watches catch up, compacted data goes |
//! | `shared` | what all of them see |
//! | `corruption` | whether the members hold the same |
//! | `handle` | the seam to the services |
//! | `member_standing` | what a leader knows of each member |
//! | `ended` | why a member has ended |
//! | `transport` | the seam to the other members |
//! | `version` | the version that members agree on |
//!
//! Lock order: `machine`, then `hub`, then `lessor`. Nothing is locked while a file is written or a peer is waited for.

pub mod auto_compaction;
mod barrier;
pub mod config;
mod core;
mod corruption;
mod ended;
mod forced;
mod handle;
mod inbox;
mod machine;
mod member_standing;
mod open;
mod proposal_id;
mod rebirth;
mod reconfiguring;
mod renewals;
mod shared;
mod snapshots;
mod start;
mod tend;
pub mod transport;
mod version;
mod waiting;
mod watching;
mod writer;

pub use config::{Config, Founding};
pub use corruption::Corrupt;
pub use ended::Ended;
pub use handle::{Handle, LeaveError, Left};
pub use inbox::{Inbox, Letter};
pub use member_standing::MemberStanding;
pub use open::OpenError;
pub use rebirth::{Founder, Past, RebirthError, Reborn, recover, restore};
pub use start::{NodeStartError, Running, start};

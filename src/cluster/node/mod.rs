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

//! | `open` | what the disk knows when a member starts |
//! | `snapshots` | the state machine as a file, and back |
//! | `inbox` | what waits for the core thread |
//! | `core` | the one thread that decides: inputs in, outputs carried out |
//! | `waiting` | who waits for the core's answers |
//! | `writer` | the thread that writes the log: all that waits with one sync |
//! | `tend` | what happens without being asked: leases end, watches catch up, compacted data goes |
//! | `shared` | what all of them see |
//! | `handle` | the seam to the services |
//! | `transport` | the seam to the other members |
//!
//! Lock order: `machine`, then `hub`, then `lessor`. Nothing is locked while a file is written or a peer is waited for.

mod barrier;
pub mod config;
mod core;
mod handle;
mod inbox;
mod machine;
mod open;
mod proposal_id;
mod shared;
mod snapshots;
mod start;
mod tend;
pub mod transport;
mod waiting;
mod watching;
mod writer;

pub use config::{Config, Founding};
pub use handle::Handle;
pub use inbox::{Inbox, Letter};
pub use open::OpenError;
pub use start::{NodeStartError, Running, start};

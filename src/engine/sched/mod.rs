//! The pure scheduler: events in, commands out. No I/O, no clock, no resource: it knows vertices by id, and values by
//! digest, so that a recorded run can be replayed and a simulated one explored.
//!
//! | file | what |
//! |---|---|
//! | [`event`], [`command`] | the two alphabets |
//! | [`policy`] | what the meta-parameters mean for scheduling |
//! | `vertex` | the state machine of one vertex |
//! | `step` | one event: which part answers |
//! | `order` | who waits for whom: predecessors, blocking |
//! | `dispatch` | who starts: jobs, semaphores, limits |
//! | `settle` | how a run ended: success, refresh, retry, failure |
//! | `team` | who runs together |
//! | `swap` | live change |
//! | `converge` | when all is quiet |

pub mod command;
mod contention;
mod converge;
mod dispatch;
pub mod event;
mod order;
pub mod policy;
mod semaphores;
mod settle;
mod step;
mod swap;
mod team;
pub mod time;
mod timers;
mod vertex;
mod view;

pub use command::{Command, Notice};
pub use contention::QUIET as CONTENTION_QUIET;
pub use event::{Added, Delta, Event, Outcome, Sent, StopLevel};
pub use policy::Policy;
pub use step::{Limits, Scheduler};
pub use time::Time;
pub use vertex::State;
pub use view::Counts;

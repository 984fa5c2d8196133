//! A client's connection to the store: one at a time, to any member that serves, changed over when that one goes.
//!
//! | file | what |
//! |---|---|
//! | [`Endpoint`] | where a store may be |
//! | [`Link`] | keeps a [`Line`] to one of them while it lives |
//! | [`Line`] | a connection that works, and the calls over it |
//! | [`Problem`] | why an endpoint is of no use |
//! | [`Trouble`] | why a call has no answer, and whether to ask again |
//! | [`Backoff`] | how long to wait before that |

mod backoff;
mod endpoint;
mod greeting;
mod line;
mod link_task;
mod problem;
mod trouble;

pub use backoff::Backoff;
pub use endpoint::{Endpoint, EndpointError, PORT};
pub use line::{Line, LineId};
pub(in crate::cluster) use link_task::chance;
pub use link_task::{Away, Link, LinkSettings, Standing};
pub use problem::Problem;
pub use trouble::Trouble;

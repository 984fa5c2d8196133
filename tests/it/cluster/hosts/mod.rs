//! Members as processes, each on a host of its own, with a network between them that can be cut.

mod history;
pub mod member;
pub mod net;
mod watcher;
mod writers;

mod away;
mod growing;
mod leader_killed;
mod partition;

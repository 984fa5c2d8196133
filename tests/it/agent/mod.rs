//! The agent as a user runs it: the real binary on real files and processes, in a scratch folder.

mod bad_input;
mod crash;
mod demonstration;
mod failures;
mod live_edit;
mod one_shot;
pub mod scratch;
mod stop;

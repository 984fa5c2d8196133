//! A snapshot on its way from one member to another.

mod receive;
mod send;

pub(super) use receive::{clear, receive};
pub(super) use send::{Owed, Sending};

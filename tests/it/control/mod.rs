//! What a running agent tells of itself, asked of the real program in scratch folders.

pub mod host;
pub mod pages;
mod protocol;
mod status;
mod systemd;
mod terminal;

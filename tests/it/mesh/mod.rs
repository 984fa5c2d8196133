//! Agents that form a mesh: real processes on this machine, as a user starts them.

mod alone;
mod demonstration;
mod deploys;
mod healing;
mod names;
mod rescue;
mod standing;
mod village;

//! Agents that form a mesh: real processes on this machine, as a user starts them.

mod alone;
mod ask;
mod demonstration;
mod deploys;
mod example;
mod files;
mod healing;
mod hosts;
mod names;
mod village;

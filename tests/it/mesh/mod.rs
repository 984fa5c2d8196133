//! Agents that form a mesh: real processes on this machine, as a user starts them.

mod alone;
mod ask;
mod bad_seeds;
mod demonstration;
mod deploys;
mod example;
mod files;
mod full_disk;
mod full_outbox;
mod healing;
mod hosts;
mod malice;
mod matrix;
mod names;
mod real_etcd;
mod relay;
mod renewals;
mod rescue;
mod rollouts;
mod secrets;
mod secure;
mod signatures;
mod standing;
mod strangers;
mod village;

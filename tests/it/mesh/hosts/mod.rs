//! Hosts with addresses of their own: each a network namespace, whose link can be cut.

mod fleet;
mod history;

mod cut;
mod example;
mod killed;
mod rebooted;
mod rising;

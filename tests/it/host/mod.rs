//! The machine, through the real binary.

mod accounts;
mod archive;
mod augeas;
mod authorized_key;
mod cron;
mod edits;
mod exec_as;
mod exec_runs;
mod foreseen;
mod git;
mod http_check;
mod json_edit;
mod kernel_names;
mod machine;
mod machines;
mod mount;
mod net;
mod nspawn;
mod pacman;
mod pkg;
mod repository;
mod rpm;
mod svc;
mod web;

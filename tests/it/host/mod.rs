//! The machine, through the real binary.

mod exec_as;
mod exec_runs;

//! The binary: exit code only.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before any thread is started: a process changes its user for one thread only.
    mgmt::resources::host::process::helper_main().unwrap_or_else(mgmt::cli::main)
}

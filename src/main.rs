//! The binary: exit code only.

use std::process::ExitCode;

fn main() -> ExitCode {
    mgmt::resources::host::process::helper_main().unwrap_or(ExitCode::SUCCESS)
}

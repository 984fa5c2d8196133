//! The binary: exit code only.

use std::process::ExitCode;

fn main() -> ExitCode {
    mgmt::cli::main()
}

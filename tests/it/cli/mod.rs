//! The real binary, in scratch folders and a fixed environment.

mod check;
mod examples;
mod explain;
mod foreign_settings;
mod graph;
mod plan;
mod run_flags;
mod usage;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The program under test.
pub const MGMT: &str = env!("CARGO_BIN_EXE_mgmt");

/// A folder of its own for each test; commands run in it.
pub struct Scratch(TempDir);

/// What a command did. Paths below the scratch folder are shown as `DIR/…`.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; `DIR` in it stands for the scratch folder.
    pub fn write(&self, name: &str, text: &str) {
        let text = text.replace("DIR", self.0.path().to_str().unwrap());
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A command in this folder, without any of the caller's environment.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command.env("HOME", self.0.path()).env("STATE_DIRECTORY", self.path("state"));
        // Else the socket would be that of an agent which may be at work on this host.
        command.env("RUNTIME_DIRECTORY", self.path("runtime"));
        command
    }

    pub fn mgmt(&self, args: &[&str]) -> Ran {
        self.mgmt_with(args, &[])
    }

    pub fn mgmt_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Ran {
        self.finish(self.command(MGMT, args).envs(environment.iter().copied()))
    }

    pub fn finish(&self, command: &mut Command) -> Ran {
        let ended = command.output().unwrap();
        let folder = self.0.path().to_str().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(folder, "DIR");
        Ran { code: ended.status.code().unwrap_or(-1), out: text(ended.stdout), err: text(ended.stderr) }
    }
}

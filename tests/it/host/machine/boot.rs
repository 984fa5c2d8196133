//! How a test host comes up: see tests/host/boot.sh.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What runs on a host from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    Systemd,
    Bare,
}

/// So many hosts with systemd at a time: two processors boot no more than five well.
const AT_ONCE: usize = 3;

static BOOTED: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The right to have a host.
pub struct Turn(Init);

impl Turn {
    /// Waits for it.
    pub fn take(init: Init) -> Self {
        if init == Init::Systemd {
            let mut booted = BOOTED.lock().unwrap();
            while *booted >= AT_ONCE {
                booted = ENDED.wait(booted).unwrap();
            }
            *booted += 1;
        }
        Self(init)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0 == Init::Systemd {
            *BOOTED.lock().unwrap() -= 1;
            ENDED.notify_one();
        }
    }
}

/// Starts a host: `unshare`, which ends with it, and its first process.
pub fn boot(init: Init, mut unshare: Command, own_net: bool, folder: &Path) -> (Child, u32) {
    assert!(
        init == Init::Bare || Path::new("/lib/systemd/systemd").exists(),
        "this test needs systemd and dbus (as root on Debian, `make test` installs them)"
    );
    let init = match init {
        Init::Systemd => "systemd",
        Init::Bare => "bare",
    };
    unshare.args(["--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "--kill-child"]);
    if own_net {
        unshare.arg("--net");
    }
    let name = format!("m{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    unshare.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/boot.sh")).arg(folder);
    unshare.args([&name, init, env!("CARGO_BIN_EXE_mgmt")]);
    let mut starter = unshare.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let pid = first_process(&mut starter);
    (starter, pid)
}

fn first_process(starter: &mut Child) -> u32 {
    let id = starter.id();
    let started = Instant::now();
    loop {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        if let Some(pid) = children.split_whitespace().next() {
            return pid.parse().unwrap();
        }
        let ended = starter.try_wait().unwrap();
        assert!(ended.is_none() && started.elapsed() < super::PATIENCE, "the host did not start: {ended:?}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

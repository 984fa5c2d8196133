//! What the kernel tells of the servers and of this process.

use std::fs;

/// Clock ticks a second in /proc, the same on every Linux that Rust runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// User and system time of all threads, in seconds; 0 for a process that is gone.
pub fn cpu_seconds(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

/// The time of the servers together, and of this process.
pub struct CpuTime {
    servers: Vec<u32>,
    servers_s: f64,
    own_s: f64,
}

impl CpuTime {
    /// Begins to count.
    pub fn start(servers: &[u32]) -> CpuTime {
        let servers_s = servers.iter().map(|pid| cpu_seconds(&pid.to_string())).sum();
        CpuTime { servers: servers.to_vec(), servers_s, own_s: cpu_seconds("self") }
    }

    /// Seconds since the start: of the servers, of this process.
    pub fn spent(&self) -> (f64, f64) {
        let now = CpuTime::start(&self.servers);
        (now.servers_s - self.servers_s, now.own_s - self.own_s)
    }
}

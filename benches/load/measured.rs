//! A window of time in which operations count.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::histogram::Histogram;
use super::process::CpuTime;

/// Shared by all clients of a run.
pub struct Window {
    begins: Instant,
    ends: Instant,
    latencies: RefCell<Histogram>,
}

impl Window {
    /// From the end of the warm-up on.
    pub fn new(warm_up: Duration, length: Duration) -> Rc<Window> {
        let begins = Instant::now() + warm_up;
        Rc::new(Window { begins, ends: begins + length, latencies: RefCell::new(Histogram::new()) })
    }

    /// Counts an operation that ends now; false when the window is over and its client may stop.
    pub fn record(&self, started: Instant) -> bool {
        let now = Instant::now();
        if now >= self.begins && now < self.ends {
            self.latencies.borrow_mut().record(now - started);
        }
        now < self.ends
    }

    /// Waits for the window to be over and says what happened in it.
    pub async fn report(&self, pids: &[u32]) -> Value {
        tokio::time::sleep_until(self.begins.into()).await;
        let (start, cpu) = (Instant::now(), CpuTime::start(pids));
        tokio::time::sleep_until(self.ends.into()).await;
        let (server_s, own_s) = cpu.spent();
        let seconds = start.elapsed().as_secs_f64();
        let latencies = self.latencies.borrow();
        let operations = latencies.total().max(1) as f64;
        json!({
            "operations": latencies.total(),
            "seconds": seconds,
            "per_second": operations / seconds,
            "p50_us": latencies.percentile_us(0.5),
            "p99_us": latencies.percentile_us(0.99),
            "p999_us": latencies.percentile_us(0.999),
            "server_cpu_us_per_operation": server_s * 1e6 / operations,
            "client_cpu_us_per_operation": own_s * 1e6 / operations,
        })
    }
}

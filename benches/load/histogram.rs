//! Latencies: buckets a 64th of their magnitude wide, so that a percentile is right to 2 %.

use std::time::Duration;

/// Linear steps within a power of two.
const STEPS: u64 = 64;
/// Powers of two above `STEPS` nanoseconds: the last ends beyond an hour.
const POWERS: u64 = 37;

/// Counts by latency.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Nothing counted yet.
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; (STEPS * (POWERS + 1)) as usize], total: 0 }
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let last = self.counts.len() - 1;
        self.counts[bucket(latency.as_nanos() as u64).min(last)] += 1;
        self.total += 1;
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `part` (0 to 1) of those counted do not pass, in microseconds; 0 when none was counted.
    pub fn percentile_us(&self, part: f64) -> f64 {
        let wanted = (self.total as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_ns(bucket) as f64 / 1e3;
            }
        }
        0.0
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let power = (nanoseconds / STEPS + 1).ilog2() as u64;
    let base = STEPS * ((1 << power) - 1);
    (power * STEPS + ((nanoseconds - base) >> power)) as usize
}

fn upper_ns(bucket: usize) -> u64 {
    let (power, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    STEPS * ((1 << power) - 1) + ((step + 1) << power)
}

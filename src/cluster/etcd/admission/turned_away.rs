//! How often what was refused, for `/metrics`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was refused, or a connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It had to make room before it had said anything.
    CrowdedOut,
    /// It did not say anything in time.
    Late,
    /// An identity has too many connections, or all have.
    Connections,
    /// An identity has too many calls under way.
    Calls,
    /// An identity has too many bytes under way.
    Bytes,
    /// An identity has too many changes waiting.
    Changes,
}

impl Reason {
    const ALL: [Self; 6] =
        [Self::CrowdedOut, Self::Late, Self::Connections, Self::Calls, Self::Bytes, Self::Changes];

    fn name(self) -> &'static str {
        match self {
            Self::CrowdedOut => "crowded_out",
            Self::Late => "late",
            Self::Connections => "connections",
            Self::Calls => "calls",
            Self::Bytes => "bytes",
            Self::Changes => "changes",
        }
    }
}

/// Counts refusals. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TurnedAway(Arc<[AtomicU64; Reason::ALL.len()]>);

impl TurnedAway {
    /// One more.
    pub fn count(&self, reason: Reason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn total(&self, reason: Reason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }

    /// In Prometheus's text format.
    pub fn render(&self) -> String {
        let name = "mgmt_store_refused_total";
        let mut text =
            format!("# HELP {name} How often too much was wanted, and what of it.\n# TYPE {name} counter\n");
        for reason in Reason::ALL {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}{{reason=\"{}\"}} {}", reason.name(), self.total(reason));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_shown_by_reason() {
        let turned_away = TurnedAway::default();
        turned_away.count(Reason::Late);
        turned_away.clone().count(Reason::Late);
        let text = turned_away.render();
        assert!(text.contains("\nmgmt_store_refused_total{reason=\"late\"} 2\n"), "{text}");
        assert!(text.contains("\nmgmt_store_refused_total{reason=\"calls\"} 0\n"), "{text}");
    }
}

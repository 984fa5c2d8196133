//! `/metrics`: what means the same as in etcd, under etcd's names, taken from the node when it is asked.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::cluster::etcd::admission::Class;
use crate::cluster::etcd::node::vitals::{FSYNC_MS, Vitals};
use crate::cluster::etcd::surface::{Surface, VERSION};

/// Prometheus's text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page.
pub fn render(surface: &Surface) -> String {
    let node = &surface.node;
    let (identity, standing, sizes) = (node.identity(), node.standing(), node.sizes());
    let leads = standing.leader == Some(identity.member);
    let mut page = Page::default();
    page.gauge(
        "etcd_server_has_leader",
        "Whether or not a leader exists.",
        u8::from(standing.leader.is_some()),
    );
    page.gauge("etcd_server_is_leader", "Whether or not this member leads.", u8::from(leads));
    page.gauge(
        "etcd_server_is_learner",
        "Whether or not this member is a learner.",
        u8::from(standing.learner),
    );
    page.gauge(
        "etcd_server_proposals_committed_total",
        "The last entry that is agreed upon.",
        standing.committed,
    );
    page.gauge(
        "etcd_server_proposals_applied_total",
        "The last entry that is applied here.",
        standing.applied,
    );
    page.gauge("etcd_server_quota_backend_bytes", "How much data is taken.", sizes.quota);
    page.gauge("etcd_mvcc_db_total_size_in_bytes", "How much room the data takes.", sizes.total);
    page.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "How much of it is in use.", sizes.in_use);
    page.gauge("etcd_debugging_mvcc_current_revision", "The store's revision.", node.revision());
    page.labelled("etcd_server_version", "The version, as a label.", "server_version", VERSION);
    if let Some(version) = node.cluster_version() {
        // Its label has no patch level.
        let minor = version.rsplit_once('.').map_or(&*version, |(minor, _)| minor);
        page.labelled("etcd_cluster_version", "The cluster's version, as a label.", "cluster_version", minor);
    }
    if let Some(vitals) = node.vitals() {
        page.vitals(vitals);
    }
    if let Some(queued) = node.queued() {
        page.queued(queued);
    }
    page.labelled("etcd_server_id", "This member, as a label.", "server_id", &identity.member.to_string());
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, what: &str, value: impl Display) {
        self.head(name, what);
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn labelled(&mut self, name: &str, what: &str, label: &str, value: &str) {
        self.head(name, what);
        let _ = writeln!(self.text, "{name}{{{label}=\"{value}\"}} 1");
    }

    fn vitals(&mut self, vitals: &Vitals) {
        let name = "etcd_server_leader_changes_seen_total";
        self.typed(name, "How often another member came to lead.", "counter");
        let _ = writeln!(self.text, "{name} {}", vitals.leader_changes());
        let name = "etcd_disk_wal_fsync_duration_seconds";
        self.typed(name, "How long the syncs of the log took.", "histogram");
        let fsyncs = vitals.fsyncs();
        for (bound_ms, within) in FSYNC_MS.iter().zip(fsyncs.within) {
            let bound_s = Duration::from_millis(*bound_ms).as_secs_f64();
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{bound_s}\"}} {within}");
        }
        let _ = writeln!(self.text, "{name}_bucket{{le=\"+Inf\"}} {}", fsyncs.count);
        let _ = writeln!(self.text, "{name}_sum {}\n{name}_count {}", fsyncs.sum.as_secs_f64(), fsyncs.count);
    }

    fn queued(&mut self, queued: [usize; Class::ALL.len()]) {
        let name = "mgmt_store_changes_waiting";
        self.head(name, "How many changes of clients wait to be proposed.");
        for (class, count) in Class::ALL.into_iter().zip(queued) {
            let _ = writeln!(self.text, "{name}{{class=\"{}\"}} {count}", class.name());
        }
    }

    fn head(&mut self, name: &str, what: &str) {
        self.typed(name, what, "gauge");
    }

    fn typed(&mut self, name: &str, what: &str, kind: &str) {
        let _ = writeln!(self.text, "# HELP {name} {what}\n# TYPE {name} {kind}");
    }
}

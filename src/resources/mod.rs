//! The kinds of resources, one a file. This file is the list.
//!
//! A resource holds the adapters it was built with ([`host`]); it never sees a parser, and of the mesh only
//! what [`Cx::world`](crate::engine::Cx::world) shows.

pub mod error;
pub mod exec;
pub mod exit;
pub mod file;
pub mod gzip;
pub mod host;
pub mod kv;
pub mod line;
pub mod msg;
pub mod noop;
pub mod password;
pub mod print;
pub mod schedule;
pub mod tar;
pub mod test;
pub mod timer;
pub mod value;

pub(crate) mod long_work;
pub(crate) mod made_file;
pub(crate) mod memory;
pub(crate) mod state_file;
pub(crate) mod wake_on;
pub(crate) mod world_call;

#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use crate::engine::entry::Entry;
use crate::engine::params::OutputDecl;
use crate::engine::{Kind, KindDoc, Registry};
use host::Host;

/// All kinds, over the adapters of a host.
pub fn registry(host: &Arc<Host>) -> Registry {
    let kinds: Vec<Arc<dyn Kind>> = vec![
        Arc::new(exec::ExecKind::new(host.clone())),
        Arc::new(exit::ExitKind::new()),
        Arc::new(file::FileKind::new(host.clone())),
        Arc::new(gzip::GzipKind::new(host.clone())),
        Arc::new(kv::KvKind::new()),
        Arc::new(line::LineKind::new(host.clone())),
        Arc::new(msg::MsgKind::new(host.logs.clone())),
        Arc::new(noop::NoopKind::new()),
        Arc::new(password::PasswordKind::new(host.clone())),
        Arc::new(print::PrintKind::new(host.printer.clone())),
        Arc::new(schedule::ScheduleKind::new()),
        Arc::new(tar::TarKind::new(host.clone())),
        Arc::new(test::TestKind::new()),
        Arc::new(timer::TimerKind::new()),
        Arc::new(value::ValueKind::new(host.clone())),
    ];
    Registry::new(kinds)
}

/// The documentation of a kind whose parameters are `P`.
fn doc_of<P: Entry>(name: &'static str, outputs: Vec<OutputDecl>) -> KindDoc {
    KindDoc { name, doc: P::doc(), params: P::params(), outputs }
}

//! The kinds of resources, one a file. This file is the list.
//!
//! A resource holds the adapters it was built with ([`host`]); it never sees a parser, and of the mesh only
//! what [`Cx::world`](crate::engine::Cx::world) shows.

pub mod archive;
pub mod augeas;
pub mod cron;
pub mod error;
pub mod exec;
pub mod exit;
pub mod file;
pub mod git;
pub mod group;
pub mod gzip;
pub mod host;
pub mod hostname;
pub mod http_check;
pub mod json_edit;
pub mod kv;
pub mod line;
pub mod mount;
pub mod msg;
pub mod net;
pub mod noop;
pub mod nspawn;
pub mod password;
pub mod pkg;
pub mod print;
pub mod schedule;
pub mod secret;
pub mod ssh_authorized_key;
pub mod svc;
pub mod sysctl;
pub mod tar;
pub mod tcp_check;
pub mod test;
pub mod timer;
pub mod user;
pub mod value;

pub(crate) mod choice;
pub(crate) mod edited_file;
pub(crate) mod health;
pub(crate) mod long_work;
pub(crate) mod made_file;
pub(crate) mod memory;
pub(crate) mod path_asks;
pub(crate) mod small_file;
pub(crate) mod state_choice;
pub(crate) mod state_file;
pub(crate) mod wake_later;
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
        Arc::new(archive::ArchiveKind::new(host.clone())),
        Arc::new(augeas::AugeasKind::new(host.clone())),
        Arc::new(cron::CronKind::new(host.clone())),
        Arc::new(exec::ExecKind::new(host.clone())),
        Arc::new(exit::ExitKind::new()),
        Arc::new(file::FileKind::new(host.clone())),
        Arc::new(git::GitKind::new(host.clone())),
        Arc::new(group::GroupKind::new(host.clone())),
        Arc::new(gzip::GzipKind::new(host.clone())),
        Arc::new(hostname::HostnameKind::new(host.clone())),
        Arc::new(http_check::HttpCheckKind::new(host.clone())),
        Arc::new(json_edit::JsonEditKind::new(host.clone())),
        Arc::new(kv::KvKind::new()),
        Arc::new(line::LineKind::new(host.clone())),
        Arc::new(mount::MountKind::new(host.clone())),
        Arc::new(msg::MsgKind::new(host.logs.clone())),
        Arc::new(net::NetKind::new(host.clone())),
        Arc::new(noop::NoopKind::new()),
        Arc::new(nspawn::NspawnKind::new(host.clone())),
        Arc::new(password::PasswordKind::new(host.clone())),
        Arc::new(pkg::PkgKind::new(host.clone())),
        Arc::new(print::PrintKind::new(host.printer.clone())),
        Arc::new(schedule::ScheduleKind::new()),
        Arc::new(secret::SecretKind::new()),
        Arc::new(ssh_authorized_key::KeyKind::new(host.clone())),
        Arc::new(svc::SvcKind::new(host.clone())),
        Arc::new(sysctl::SysctlKind::new(host.clone())),
        Arc::new(tar::TarKind::new(host.clone())),
        Arc::new(tcp_check::TcpCheckKind::new(host.clone())),
        Arc::new(test::TestKind::new()),
        Arc::new(timer::TimerKind::new()),
        Arc::new(user::UserKind::new(host.clone())),
        Arc::new(value::ValueKind::new(host.clone())),
    ];
    Registry::new(kinds)
}

/// The documentation of a kind whose parameters are `P`.
fn doc_of<P: Entry>(name: &'static str, outputs: Vec<OutputDecl>) -> KindDoc {
    KindDoc { name, doc: P::doc(), params: P::params(), outputs }
}

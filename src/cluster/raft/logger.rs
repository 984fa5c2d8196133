//! The `raft` crate's log lines, as ours: it speaks slog, we speak tracing.

use std::fmt::{self, Write as _};

use slog::{Drain, KV, Level, Logger, Never, OwnedKVList, Record};

/// Gives lines to tracing, one level quieter than the crate holds them for: it calls every vote an info.
struct ToTracing;

/// `key=value` pairs, one after another.
#[derive(Default)]
struct Pairs(String);

impl slog::Serializer for Pairs {
    fn emit_arguments(&mut self, key: slog::Key, value: &fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, " {key}={value}").map_err(slog::Error::from)
    }
}

impl Drain for ToTracing {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let enabled = match record.level() {
            Level::Critical | Level::Error => tracing::enabled!(tracing::Level::ERROR),
            Level::Warning => tracing::enabled!(tracing::Level::WARN),
            Level::Info => tracing::enabled!(tracing::Level::DEBUG),
            Level::Debug | Level::Trace => tracing::enabled!(tracing::Level::TRACE),
        };
        if !enabled {
            return Ok(());
        }
        let mut pairs = Pairs::default();
        let told = record.kv().serialize(record, &mut pairs).and(values.serialize(record, &mut pairs));
        debug_assert!(told.is_ok(), "writing to a string does not fail");
        let (text, pairs) = (record.msg(), pairs.0);
        match record.level() {
            Level::Critical | Level::Error => tracing::error!("{text}{pairs}"),
            Level::Warning => tracing::warn!("{text}{pairs}"),
            Level::Info => tracing::debug!("{text}{pairs}"),
            Level::Debug | Level::Trace => tracing::trace!("{text}{pairs}"),
        }
        Ok(())
    }
}

/// A logger for the `raft` crate.
pub(super) fn to_tracing() -> Logger {
    Logger::root(ToTracing, slog::o!())
}

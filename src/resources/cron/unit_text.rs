//! The texts of a timer, its service, and the files that this reads. Pure.

use std::fmt::Write as _;
use std::path::Path;

use super::spec::{Command, Spec};

/// The first line of each, by which what we have made is known.
pub const HEAD: &str = "# Made by mgmt: edits are undone.\n";

/// The text of the timer.
pub fn timer(spec: &Spec) -> String {
    let mut text = format!("{HEAD}[Unit]\nDescription={}\n\n[Timer]\n", plain(&spec.description));
    for (trigger, time) in &spec.triggers {
        let _ = writeln!(text, "{trigger}={}", plain(time));
    }
    let _ = writeln!(text, "Unit={}", spec.service);
    for (key, value) in [("AccuracySec", &spec.accuracy), ("RandomizedDelaySec", &spec.jitter)] {
        if !value.is_empty() {
            let _ = writeln!(text, "{key}={value}");
        }
    }
    // What is as systemd has it is left out: older ones do not know all of them.
    for (key, value, default) in [
        ("FixedRandomDelay", spec.fixed_random_delay, false),
        ("Persistent", spec.persistent, false),
        ("WakeSystem", spec.wakes_system, false),
        ("RemainAfterElapse", spec.remains, true),
    ] {
        if value != default {
            let _ = writeln!(text, "{key}={}", if value { "yes" } else { "no" });
        }
    }
    text.push_str("\n[Install]\nWantedBy=timers.target\n");
    text
}

/// Files for what nobody else may read: whoever asks systemd is told all that stands in a unit file.
#[derive(Clone, Copy, Debug)]
pub struct Secrets<'a> {
    /// The command.
    pub script: &'a Path,
    /// Its environment.
    pub environment: &'a Path,
}

/// The text of the service that runs a command. `secrets`: where command and environment are instead.
pub fn service(spec: &Spec, command: &Command, secrets: Option<Secrets<'_>>) -> String {
    let mut text =
        format!("{HEAD}[Unit]\nDescription={}\n\n[Service]\nType=oneshot\n", plain(&spec.description));
    if let Some(user) = &command.user {
        let _ = writeln!(text, "User={}", plain(user));
    }
    if let Some(secrets) = secrets {
        if !command.env.is_empty() {
            let _ = writeln!(text, "EnvironmentFile={}", plain(&secrets.environment.to_string_lossy()));
        }
        let _ = writeln!(text, "ExecStart=:/bin/sh {}", quoted(&secrets.script.to_string_lossy()));
        return text;
    }
    for (name, value) in &command.env {
        let _ = writeln!(text, "Environment={}", quoted(&format!("{name}={value}")));
    }
    // The colon has systemd leave `$` to the shell.
    let _ = writeln!(text, "ExecStart=:/bin/sh -c {}", quoted(&command.text));
    text
}

/// A command as a script.
pub fn script(command: &Command) -> String {
    format!("{HEAD}{}\n", command.text)
}

/// Environment variables, as `EnvironmentFile=` reads them: systemd.exec(5).
pub fn environment(command: &Command) -> String {
    let mut text = HEAD.to_owned();
    for (name, value) in &command.env {
        let _ = write!(text, "{name}=\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\' | '`' | '$') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

/// A text in which systemd replaces nothing.
fn plain(text: &str) -> String {
    text.replace('%', "%%").replace(['\n', '\r'], " ")
}

/// One word, as systemd.syntax(7) quotes it.
fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => word.push_str("\\\""),
            '\\' => word.push_str("\\\\"),
            '\n' => word.push_str("\\n"),
            '\r' => word.push_str("\\r"),
            '\t' => word.push_str("\\t"),
            '%' => word.push_str("%%"),
            c => word.push(c),
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        assert_eq!(quoted(r#"echo "a\b" 100% $HOME"#), r#""echo \"a\\b\" 100%% $HOME""#);
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert_eq!(plain("100%\n"), "100%% ");
    }
}

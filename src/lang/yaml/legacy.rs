//! Keys that old graph files carry and that never had an effect: accepted with a warning.

/// A key at the top of a file, and why it has no effect.
pub const TOP: &[(&str, &str)] =
    &[("remote", "hosts are no longer reached through the graph file: run an agent on each")];

/// A key of an entry, by kind, and what to use in its place.
const ENTRY: &[(&str, &str, &str)] = &[
    ("exec", "state", "an exec is declared by being there"),
    ("exec", "timeout", "write `meta: {timeout: MILLISECONDS}` to bound a run"),
    ("exec", "pollint", "write `meta: {poll: SECONDS}` to poll"),
];

/// What to say about a key of an entry that once was written and has no effect.
pub fn entry(kind: &str, key: &str) -> Option<&'static str> {
    ENTRY.iter().find(|(of, name, _)| *of == kind && *name == key).map(|(_, _, instead)| *instead)
}

//! What is to become of a unit at start-up.

use std::fmt;

/// The state of a unit file: systemctl(1), `is-enabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Links of its `[Install]` section are there.
    Enabled,
    /// They are, until the next boot.
    EnabledRuntime,
    /// The file lies elsewhere, and a link leads to it.
    Linked,
    /// The same, until the next boot.
    LinkedRuntime,
    /// The name is another one's.
    Alias,
    /// Nothing can start it.
    Masked,
    /// The same, until the next boot.
    MaskedRuntime,
    /// It has no `[Install]` section: others pull it in.
    Static,
    /// It has one, and none of its links is there.
    Disabled,
    /// Its `[Install]` section enables others, or it has names that are not in it.
    Indirect,
    /// A generator made it.
    Generated,
    /// It was made by a call, and goes with the unit.
    Transient,
    /// systemd cannot make sense of it.
    Bad,
    /// There is no file.
    Missing,
}

const WORDS: [(FileState, &str); 13] = [
    (FileState::Enabled, "enabled"),
    (FileState::EnabledRuntime, "enabled-runtime"),
    (FileState::Linked, "linked"),
    (FileState::LinkedRuntime, "linked-runtime"),
    (FileState::Alias, "alias"),
    (FileState::Masked, "masked"),
    (FileState::MaskedRuntime, "masked-runtime"),
    (FileState::Static, "static"),
    (FileState::Disabled, "disabled"),
    (FileState::Indirect, "indirect"),
    (FileState::Generated, "generated"),
    (FileState::Transient, "transient"),
    (FileState::Bad, "bad"),
];

impl FileState {
    /// Of systemd's word for it. What this program does not know counts as bad.
    pub fn parse(word: &str) -> Self {
        WORDS.iter().find(|(_, known)| *known == word).map_or(Self::Bad, |(state, _)| *state)
    }

    /// systemd's word for it.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(state, _)| *state == self).map_or("missing", |(_, word)| word)
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

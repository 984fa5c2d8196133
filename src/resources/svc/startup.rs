//! What the state of a unit file means for what is wanted. Pure: one table.

use crate::resources::host::systemd::FileState;

/// What is to become of a unit at start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Startup {
    /// It is started.
    Enabled,
    /// It is not.
    Disabled,
    /// Nothing can start it.
    Masked,
}

impl Startup {
    /// As users write it.
    pub const WORDS: [(&'static str, Option<Self>); 4] = [
        ("", None),
        ("enabled", Some(Self::Enabled)),
        ("disabled", Some(Self::Disabled)),
        ("masked", Some(Self::Masked)),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Masked => "masked",
        }
    }
}

/// What is to be done about a unit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// Its links are to be changed.
    Differs,
    /// Others enable it, or it enables others: whether something is to be done, only these tell.
    Unclear,
    /// It has no links that could be made.
    Static,
    /// What made it decides.
    Made,
    /// systemd cannot read it.
    Bad,
    /// There is none.
    Missing,
}

/// What is to be done so that a unit file in the state `found` is as wanted. `runtime`: until the next boot is enough.
pub fn judge(wanted: Startup, runtime: bool, found: FileState) -> Verdict {
    use FileState as F;
    match (wanted, found) {
        (Startup::Enabled, F::Enabled | F::Alias | F::Generated | F::Transient) => Verdict::Fine,
        (Startup::Enabled, F::EnabledRuntime) if runtime => Verdict::Fine,
        (Startup::Enabled, F::Indirect) => Verdict::Unclear,
        (Startup::Enabled, F::Static) => Verdict::Static,
        (Startup::Enabled, F::Missing) => Verdict::Missing,
        (Startup::Enabled | Startup::Disabled, F::Bad) => Verdict::Bad,
        (Startup::Enabled, _) => Verdict::Differs,
        (Startup::Disabled, F::Enabled | F::EnabledRuntime | F::Alias) => Verdict::Differs,
        (Startup::Disabled, F::Generated | F::Transient) => Verdict::Made,
        (Startup::Disabled, _) => Verdict::Fine,
        (Startup::Masked, F::Masked) => Verdict::Fine,
        (Startup::Masked, F::MaskedRuntime) if runtime => Verdict::Fine,
        (Startup::Masked, _) => Verdict::Differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_states() {
        use FileState as F;
        use Verdict as V;
        for (found, enabled, disabled, masked) in [
            (F::Enabled, V::Fine, V::Differs, V::Differs),
            (F::EnabledRuntime, V::Differs, V::Differs, V::Differs),
            (F::Alias, V::Fine, V::Differs, V::Differs),
            (F::Disabled, V::Differs, V::Fine, V::Differs),
            (F::Static, V::Static, V::Fine, V::Differs),
            (F::Indirect, V::Unclear, V::Fine, V::Differs),
            (F::Generated, V::Fine, V::Made, V::Differs),
            (F::Transient, V::Fine, V::Made, V::Differs),
            (F::Masked, V::Differs, V::Fine, V::Fine),
            (F::MaskedRuntime, V::Differs, V::Fine, V::Differs),
            (F::Linked, V::Differs, V::Fine, V::Differs),
            (F::Bad, V::Bad, V::Bad, V::Differs),
            (F::Missing, V::Missing, V::Fine, V::Differs),
        ] {
            let judged =
                [Startup::Enabled, Startup::Disabled, Startup::Masked].map(|it| judge(it, false, found));
            assert_eq!(judged, [enabled, disabled, masked], "{found}");
        }
        assert_eq!(judge(Startup::Enabled, true, F::EnabledRuntime), V::Fine);
        assert_eq!(judge(Startup::Masked, true, F::MaskedRuntime), V::Fine);
    }
}

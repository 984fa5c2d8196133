//! What sshd objects to with `StrictModes`, as is its default (sshd_config(5)). Pure.

/// Owner and mode of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

/// What is wrong with the looks of something that belongs to a user; `None`: nothing.
pub fn objection(looks: Looks, user: (u32, u32), is_file: bool) -> Option<String> {
    if looks.uid != user.0 && looks.uid != 0 {
        return Some(format!("owned by the user {}", looks.uid));
    }
    if looks.mode & 0o022 != 0 {
        return Some(format!("writable by others ({:04o})", looks.mode));
    }
    // The file is opened with the user's own rights.
    let readable = match (looks.uid == user.0, looks.gid == user.1) {
        (true, _) => looks.mode & 0o400,
        (false, true) => looks.mode & 0o040,
        (false, false) => looks.mode & 0o004,
    };
    let is_readable = !is_file || user.0 == 0 || readable != 0;
    (!is_readable).then(|| format!("not readable by its user ({:04o})", looks.mode))
}

/// The looks to which nothing is objected, with as little change as can be.
pub fn corrected(looks: Looks, user: (u32, u32), is_file: bool) -> Looks {
    let mut right = Looks { mode: looks.mode & !0o022, ..looks };
    if looks.uid != user.0 && (looks.uid != 0 || objection(right, user, is_file).is_some()) {
        (right.uid, right.gid) = user;
    }
    if is_file {
        right.mode |= 0o400;
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_write_or_own_is_objected_to_and_corrected() {
        let anna = (1000, 1000);
        for (uid, mode, is_file, said, right) in [
            (1000, 0o600, true, None, (1000, 0o600)),
            (1000, 0o755, false, None, (1000, 0o755)),
            (0, 0o644, true, None, (0, 0o644)),
            (0, 0o755, false, None, (0, 0o755)),
            (1000, 0o775, false, Some("writable by others (0775)"), (1000, 0o755)),
            (1000, 0o646, true, Some("writable by others (0646)"), (1000, 0o644)),
            (1001, 0o700, false, Some("owned by the user 1001"), (1000, 0o700)),
            (0, 0o600, true, Some("not readable by its user (0600)"), (1000, 0o600)),
            (1000, 0o200, true, Some("not readable by its user (0200)"), (1000, 0o600)),
        ] {
            let looks = Looks { uid, gid: 50, mode };
            assert_eq!(objection(looks, anna, is_file).as_deref(), said, "{looks:?}");
            let corrected = corrected(looks, anna, is_file);
            assert_eq!((corrected.uid, corrected.mode), right, "{looks:?}");
            assert_eq!(objection(corrected, anna, is_file), None);
        }
        assert_eq!(objection(Looks { uid: 0, gid: 0, mode: 0o600 }, (0, 0), true), None);
    }
}

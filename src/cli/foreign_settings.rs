//! Settings that come from somebody with fewer rights: refused.
//!
//! `MGMT_PREFIX`, `MGMT_SEEDS` and the like decide which mesh a root agent joins, and so whose code it runs as root. A unit gets its
//! environment from systemd, which takes it from root only. It may come from somebody else where a program gets more rights than
//! who starts it: by set-user-id, set-group-id or file capabilities, and by `sudo`, `doas` or `pkexec`, which let an environment
//! through when they are told to. There nothing is taken from the environment: what is meant is said as an option, which a
//! sudoers rule can allow or not. A shell that root got by `sudo` is root's own, and what it sets counts.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::engine::Class;

/// What steers the program; besides, systemd's own variables for its folders.
const SETTINGS: &str = "MGMT_";
const FOLDERS: [&str; 3] = ["STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"];
/// Programs that give others more rights.
const LENDERS: [&str; 3] = ["sudo", "doas", "pkexec"];
/// `AT_SECURE` of getauxval(3).
const AT_SECURE: usize = 23;
/// The most that is read of the auxiliary vector, in bytes: it has some twenty pairs.
const MOST_AUXILIARY: usize = 4096;

/// Who has started this program, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Caller {
    /// This program has more rights than who started it: the kernel says so.
    is_raised: bool,
    /// For whom this program runs as root, as `sudo` and its like say; `None`: for root.
    lent_to: Option<String>,
    /// It was started by such a program, or by somebody who is not root.
    is_lent: bool,
}

/// A setting that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    variable: String,
    why: String,
}

/// Complains of what the environment sets, where it is somebody else's. To be asked before arguments are looked at.
pub(super) fn refused() -> Option<ExitCode> {
    // Their values may be secrets, and are not copied.
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let first = names.filter(|name| steers(name)).min()?;
    let Refused { variable, why } = judge(&first, &Caller::find())?;
    let hint = match variable.starts_with(SETTINGS) {
        true => "say it as an option, where who may do that can see it; or unset it",
        false => "unset it",
    };
    Some(output::failed(&format!("{variable} is set, and not by who may"), [why], Some(hint), Class::User))
}

fn steers(name: &str) -> bool {
    name.starts_with(SETTINGS) || FOLDERS.contains(&name)
}

fn judge(variable: &str, caller: &Caller) -> Option<Refused> {
    let refused = |why| Some(Refused { variable: variable.to_owned(), why });
    match caller {
        Caller { is_raised: true, .. } => refused(
            "this program runs with more rights than who started it (set-user-id, set-group-id or capabilities of its file)"
                .to_owned(),
        ),
        Caller { lent_to: Some(who), is_lent: true, .. } => {
            refused(format!("this program runs as root for {who}, and the environment is theirs"))
        }
        _ => None,
    }
}

impl Caller {
    fn find() -> Self {
        let (uids, gids) = (
            (rustix::process::getuid(), rustix::process::geteuid()),
            (rustix::process::getgid(), rustix::process::getegid()),
        );
        let is_raised = uids.0 != uids.1 || gids.0 != gids.1 || is_secure();
        let lent_to = if uids.1.is_root() { lent_to(|name| std::env::var(name).ok()) } else { None };
        let is_lent = lent_to.is_some() && is_started_by_other();
        Self { is_raised, lent_to, is_lent }
    }
}

/// Whom `sudo` and its like name.
fn lent_to(named: impl Fn(&str) -> Option<String>) -> Option<String> {
    let uid = named("SUDO_UID").or_else(|| named("PKEXEC_UID")).filter(|uid| uid != "0");
    let name = named("DOAS_USER").filter(|name| name != "root");
    uid.map(|uid| format!("user {}", uid.escape_debug())).or_else(|| name.map(|name| format!("{name:?}")))
}

/// Whether who started this program is one that lends rights, is not root, or is gone already.
fn is_started_by_other() -> bool {
    let Some(parent) = rustix::process::getppid().filter(|pid| !pid.is_init()) else { return true };
    let place = Path::new("/proc").join(parent.as_raw_nonzero().to_string());
    let is_root = std::fs::metadata(&place).is_ok_and(|found| found.uid() == 0);
    let program = std::fs::read_link(place.join("exe")).ok();
    let program =
        program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    !is_root || program.is_none_or(|program| LENDERS.iter().any(|lender| program == *lender))
}

/// Whether the kernel has given this program more rights than who started it had.
fn is_secure() -> bool {
    match std::fs::read("/proc/self/auxv") {
        Ok(vector) => of_auxiliary(&vector[..vector.len().min(MOST_AUXILIARY)]),
        // Of a program with more rights this file is root's.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// The auxiliary vector is pairs of words: what, and its value.
fn of_auxiliary(vector: &[u8]) -> bool {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default();
    let mut pairs = vector.chunks_exact(2 * WORD).map(|pair| (word(&pair[..WORD]), word(&pair[WORD..])));
    pairs.any(|(what, value)| what == AT_SECURE && value != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_about_the_mesh_steers_and_nothing_else_does() {
        assert!(["MGMT_PREFIX", "MGMT_ANYTHING", "STATE_DIRECTORY"].into_iter().all(steers));
        assert!(["PATH", "NO_COLOR", "ETCD_NAME"].into_iter().all(|name| !steers(name)));
    }

    #[test]
    fn only_who_has_fewer_rights_is_refused() {
        let lent = Caller { is_raised: false, lent_to: Some("user 1000".to_owned()), is_lent: true };
        let said = judge("MGMT_SEEDS", &lent).unwrap();
        assert_eq!(said.why, "this program runs as root for user 1000, and the environment is theirs");
        let raised = Caller { is_raised: true, ..Caller::default() };
        assert!(judge("MGMT_SEEDS", &raised).unwrap().why.contains("set-user-id"));
        for trusted in [Caller::default(), Caller { is_lent: false, ..lent }] {
            assert_eq!(judge("MGMT_SEEDS", &trusted), None, "{trusted:?}");
        }
    }

    #[test]
    fn who_lends_rights_says_to_whom() {
        let of = |name: &str, value: &str| lent_to(|asked| (asked == name).then(|| value.to_owned()));
        assert_eq!(of("SUDO_UID", "1000").as_deref(), Some("user 1000"));
        assert_eq!(of("PKEXEC_UID", "7").as_deref(), Some("user 7"));
        assert_eq!(of("DOAS_USER", "eve").as_deref(), Some("\"eve\""));
        for (name, value) in [("SUDO_UID", "0"), ("DOAS_USER", "root"), ("SUDO_USER", "eve")] {
            assert_eq!(of(name, value), None, "{name}");
        }
    }

    #[test]
    fn the_kernels_word_is_read() {
        let vector = |pairs: &[(usize, usize)]| -> Vec<u8> {
            pairs
                .iter()
                .flat_map(|(what, value)| [what.to_ne_bytes(), value.to_ne_bytes()].concat())
                .collect()
        };
        assert!(of_auxiliary(&vector(&[(6, 4096), (AT_SECURE, 1), (0, 0)])));
        assert!(!of_auxiliary(&vector(&[(6, AT_SECURE), (AT_SECURE, 0), (0, 0)])));
        assert!(!of_auxiliary(&[]) && !of_auxiliary(&[23]));
        assert!(!is_secure(), "the tests have no more rights than who started them");
    }
}

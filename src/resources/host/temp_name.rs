//! Names of temporary files: one scheme for the whole program, so that the watch hub, purges and the sweeping of
//! leftovers tell them from all other names.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

const PREFIX: &str = ".mgmt-";
const TOKEN_DIGITS: usize = 16;

/// `.mgmt-`, sixteen digits of this process's own, and a dash.
static OWN: LazyLock<String> = LazyLock::new(|| {
    let token = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    format!("{PREFIX}{token:016x}-")
});
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name that this process has not used before.
pub fn next_temp_name() -> String {
    let mut name = String::with_capacity(OWN.len() + 8);
    name.push_str(&OWN);
    let _ = write!(name, "{:x}", COUNTER.fetch_add(1, Ordering::Relaxed));
    name
}

/// A path beside `path` that only it has, whichever run or version of mgmt asks: so what a killed agent left there is
/// found again. `number` tells several of one path apart.
pub fn beside(path: &Path, number: u8) -> PathBuf {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    let mut name = String::from(PREFIX);
    for byte in &digest[..TOKEN_DIGITS / 2] {
        let _ = write!(name, "{byte:02x}");
    }
    let _ = write!(name, "-{number:x}");
    path.with_file_name(name)
}

/// Whether this process made a temporary file of this name.
pub fn is_own_temp(name: &[u8]) -> bool {
    name.strip_prefix(OWN.as_bytes()).is_some_and(is_hex)
}

/// Whether this is the name of a temporary file of any run of mgmt.
pub fn is_temp(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .and_then(|rest| rest.split_at_checked(TOKEN_DIGITS))
        .and_then(|(token, rest)| Some((token, rest.strip_prefix(b"-")?)))
        .is_some_and(|(token, counter)| is_hex(token) && is_hex(counter))
}

fn is_hex(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_told_from_those_of_others_and_from_all_else() {
        let own = next_temp_name();
        assert_ne!(own, next_temp_name());
        assert!(is_own_temp(own.as_bytes()) && is_temp(own.as_bytes()));
        let other = b".mgmt-0123456789abcdef-7";
        assert!(is_temp(other) && !is_own_temp(other));
        for name in
            [".mgmt-0123456789abcdef-", ".mgmt-0123456789abcdef", ".mgmt-x", "mgmt-0123456789abcdef-7"]
        {
            assert!(!is_temp(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn the_names_beside_a_path_are_its_own_and_never_change() {
        let first = beside(Path::new("/opt/tool"), 0);
        assert_eq!(first, Path::new("/opt/.mgmt-e2c555d601bd25c7-0"));
        assert_ne!(first, beside(Path::new("/opt/tool"), 1));
        assert_ne!(first, beside(Path::new("/opt/other"), 0));
        assert!(is_temp(first.file_name().unwrap().as_bytes()));
    }
}

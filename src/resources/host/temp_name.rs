//! Names of the temporary files that content is written to before it is renamed into place.
//!
//! The name tells whose file it is: `.mgmt-<16 hex digits of this process>-<counter, hex>`. So the watch hub can drop
//! the events of our own writes, purge can spare such files, and the next run can remove what a killed one left behind.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &[u8] = b".mgmt-";
const TOKEN_DIGITS: usize = 16;
/// A counter is a `u64` in hexadecimal at the most.
const MAX_COUNTER_DIGITS: usize = 16;

/// This process, as 16 hexadecimal digits.
fn token() -> &'static [u8] {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN
        .get_or_init(|| {
            let mut bytes = [0; 8];
            // A token must only be unlikely to repeat, so the standard library's random keys do in the worst case.
            let number = match getrandom::fill(&mut bytes) {
                Ok(()) => u64::from_ne_bytes(bytes),
                Err(_) => RandomState::new().hash_one(std::process::id()),
            };
            format!("{number:016x}")
        })
        .as_bytes()
}

/// A name that this process has not used yet.
pub fn next_temp_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let token = token().escape_ascii();
    format!(".mgmt-{token}-{:x}", COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// Whether this process made the name: `name` is a file name, not a path.
pub fn is_own_temp(name: &[u8]) -> bool {
    split(name).is_some_and(|owner| owner == token())
}

/// Whether any process of ours made the name, a dead one included: `name` is a file name, not a path.
pub fn is_temp(name: &[u8]) -> bool {
    split(name).is_some()
}

/// The token in a temporary name; `None`: it is not one.
fn split(name: &[u8]) -> Option<&[u8]> {
    let rest = name.strip_prefix(PREFIX)?;
    let (owner, rest) = rest.split_at_checked(TOKEN_DIGITS)?;
    let counter = rest.strip_prefix(b"-")?;
    let hex = |digits: &[u8]| digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let counted = (1..=MAX_COUNTER_DIGITS).contains(&counter.len()) && hex(counter);
    (counted && hex(owner)).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_our_own_and_never_repeat() {
        let (one, two) = (next_temp_name(), next_temp_name());
        assert_ne!(one, two);
        assert!(is_own_temp(one.as_bytes()) && is_temp(one.as_bytes()));
    }

    #[test]
    fn the_names_of_another_process_are_temporary_but_not_ours() {
        let name = b".mgmt-0123456789abcdef-1f";
        assert!(is_temp(name) && !is_own_temp(name));
    }

    #[test]
    fn other_names_are_not_temporary() {
        for name in [
            ".mgmt-",
            ".mgmt-0123456789abcdef",
            ".mgmt-0123456789abcdef-",
            ".mgmt-0123456789abcdeg-1",
            ".mgmt-0123456789abcdef-x",
            "mgmt-0123456789abcdef-1",
            ".mgmt-0123456789abcdef-11111111111111111",
            "",
        ] {
            assert!(!is_temp(name.as_bytes()), "{name}");
        }
    }
}

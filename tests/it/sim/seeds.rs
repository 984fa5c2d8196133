//! Which seeds are simulated: `MGMT_SIM_SEEDS=SEED`, or `FROM..TO`.

use std::ops::Range;

/// The seeds that the environment asks for, or else `default`.
pub fn from_environment(default: Range<u64>) -> Range<u64> {
    match std::env::var("MGMT_SIM_SEEDS") {
        Ok(text) => parse(&text).unwrap_or_else(|| panic!("MGMT_SIM_SEEDS={text:?}: use SEED or FROM..TO")),
        Err(_) => default,
    }
}

fn parse(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.trim().parse().ok()?..to.trim().parse().ok()?),
        None => text.trim().parse().ok().map(|seed| seed..seed + 1),
    }
}

#[test]
fn one_number_is_one_seed_and_two_are_a_range() {
    assert_eq!(parse("7"), Some(7..8));
    assert_eq!(parse("3..9"), Some(3..9));
    assert_eq!(parse("many"), None);
}

//! The version whose behaviour this is, as far as members agree on one.

/// The version that this member tells the others it keeps to.
pub const CLUSTER_VERSION: &str = "3.5.0";

/// What to do about data of a newer one.
pub const HINT: &str = "run the version that wrote this data, or one that is newer";

/// Whether members of that version may have written what this one does not understand: it has a greater major or minor
/// number. What is no version is not newer.
pub fn is_newer(version: &str) -> bool {
    fn numbers(version: &str) -> Option<(u64, u64)> {
        let mut parts = version.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
    numbers(version) > numbers(CLUSTER_VERSION)
}

#[test]
fn newer_is_a_greater_major_or_minor_number() {
    for (version, newer) in [
        ("3.5.0", false),
        ("3.5.99", false),
        ("3.4.0", false),
        ("3.6.0", true),
        ("3.10.0", true),
        ("4.0.0", true),
        ("x", false),
    ] {
        assert_eq!(is_newer(version), newer, "{version}");
    }
}

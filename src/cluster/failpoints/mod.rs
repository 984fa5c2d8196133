//! Failpoints: places in the program where a tester may make it die or wait, under etcd's names and protocol.
//!
//! They are there only when the program is built with the feature `failpoints`; else `failpoint!` is nothing at all.
//! `GOFAIL_HTTP=HOST:PORT` opens the door through which they are set, `GOFAIL_FAILPOINTS=NAME=TERM;NAME=TERM` sets
//! some at the start:
//!
//! ```text
//! GET /              all, as NAME=TERM in a line each; what is off has no term
//! GET /NAME          its term              GET /NAME/count   how often it did something
//! PUT /NAME          sets it: the body is the term
//! DELETE /NAME       takes it off
//! ```
//!
//! A term is one or more of `[PERCENT%][TIMES*]ACTION`, joined by `->`; the first that applies is done. Actions are
//! `off`, `sleep(MILLISECONDS)` or `sleep("1s")`, `panic` or `panic("text")`, `print`, `break` and `return(VALUE)`. As
//! in etcd a panic ends the process at once; `break` and `return` do nothing, for none of these places takes a value.
//!
//! | file | what |
//! |---|---|
//! | `term` | what a place is to do: text and back, chance and count |
//! | `registry` | the places, and what each is to do now |
//! | `door` | etcd's protocol over HTTP |

#[cfg(any(test, feature = "failpoints"))]
mod door;
#[cfg(any(test, feature = "failpoints"))]
mod registry;
#[cfg(any(test, feature = "failpoints"))]
mod term;

#[cfg(feature = "failpoints")]
pub use door::start;
#[cfg(any(test, feature = "failpoints"))]
pub use registry::Registry;

/// A place where the program may be made to die or wait; nothing without the feature `failpoints`.
///
/// `failpoint!(name)`, or `failpoint!(name if condition)`.
macro_rules! failpoint {
    ($name:ident $(if $when:expr)?) => {
        #[cfg(feature = "failpoints")]
        {
            if true $(&& $when)? {
                $crate::cluster::failpoints::Registry::of_process().pass(stringify!($name));
            }
        }
    };
}
pub(crate) use failpoint;

/// The places, by etcd's names. docs/reference/failpoints.md says where each is.
#[cfg(any(test, feature = "failpoints"))]
pub const NAMES: &[&str] = &[
    "applyBeforeOpenSnapshot",
    "beforeApplyOneConfChange",
    "beforeSendWatchResponse",
    "compactAfterCommitBatch",
    "compactAfterSetFinishedCompact",
    "compactAfterSetScheduledCompact",
    "compactBeforeCommitBatch",
    "compactBeforeSetFinishedCompact",
    "raftAfterApplySnap",
    "raftAfterSave",
    "raftAfterSaveSnap",
    "raftAfterWALRelease",
    "raftBeforeApplySnap",
    "raftBeforeFollowerSend",
    "raftBeforeLeaderSend",
    "raftBeforeSave",
    "raftBeforeSaveSnap",
    "walAfterSync",
    "walBeforeSync",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::NAMES;

    fn passed(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("failpoints") {
                passed(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for after in text.split("failpoint!(").skip(1) {
                    let name = after.trim_start().split(|sign: char| !sign.is_ascii_alphanumeric()).next();
                    names.extend(name.map(str::to_owned));
                }
            }
        }
    }

    #[test]
    fn every_place_is_listed_described_and_passed_somewhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut names = BTreeSet::new();
        passed(&root.join("src/cluster"), &mut names);
        names.retain(|name| name != "name");
        assert_eq!(names.iter().collect::<Vec<_>>(), NAMES.iter().collect::<Vec<_>>());
        let described = std::fs::read_to_string(root.join("docs/reference/failpoints.md")).unwrap();
        assert!(NAMES.iter().all(|name| described.contains(&format!("`{name}`"))));
    }
}

//! Unified diffs of what a repair would do, for people.

use std::path::Path;
use std::time::Duration;

use rustix::fs::FileType;
use similar::{Algorithm, TextDiff};

use super::check::{Seen, is_directory};
use super::content::{Loaded, load};
use super::spec::{From, Spec, Want};
use super::tree::{Tree, Walk};
use crate::engine::Drift;
use crate::resources::host::fs::{At, Halt, Pace, size};

/// The longest diff, and the longest file that is compared for one, in bytes.
pub const MOST_DIFF: usize = 1 << 20;
/// After this, the rest of two files is shown as replaced.
const PATIENCE: Duration = Duration::from_millis(500);

/// The unified diff of what `apply` would do to content; `None`: there is none to show.
///
/// # Errors
/// When the system cannot be read.
pub fn diff(spec: &Spec, drift: &Drift, pace: Pace<'_>) -> Result<Option<String>, Halt> {
    if spec.secret {
        return Ok(None);
    }
    let seen = Seen::look(spec)?;
    let at = At::new(&seen.parent, spec.path());
    let stat = seen.stat.as_ref();
    let from = match &spec.want {
        Want::File(from) => from,
        Want::Directory(source) => return diff_tree(spec, at, &seen, source.as_deref(), pace),
        _ => return Ok(None),
    };
    if !drift.has(from.param()) && !drift.has("entry") {
        return Ok(None);
    }
    let body = match (load(spec, from, pace)?, from) {
        (Loaded::Body(body), _) => body,
        (Loaded::Dir, From::Source(source)) => return diff_tree(spec, at, &seen, Some(source), pace),
        (Loaded::Dir, _) => return Ok(None),
    };
    let old = stat.filter(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
    let wanted = body.at_hand().filter(|bytes| bytes.len() <= MOST_DIFF);
    let (Some(wanted), true) = (wanted, old.map_or(0, size) <= MOST_DIFF as u64) else {
        return Ok(Some(format!("{} is too long to show how it differs\n", at.path.display())));
    };
    let found = match old {
        Some(old) => spec.host.fs.read_whole(&spec.host.fs.open_at(at)?, at.path, size(old))?,
        None => Vec::new(),
    };
    Ok(Some(unified(at.path, &found, wanted)))
}

fn diff_tree(
    spec: &Spec,
    at: At<'_>,
    seen: &Seen,
    source: Option<&str>,
    pace: Pace<'_>,
) -> Result<Option<String>, Halt> {
    let top = seen.stat.as_ref().filter(|stat| source.is_some() && is_directory(stat));
    let Some(top) = top else { return Ok(None) };
    pace.long()?;
    let mut walk = Walk::new(spec, *top, Tree::Diff, pace)?;
    walk.run(at, source)?;
    Ok(Some(walk.into_diff()).filter(|diff| !diff.is_empty()))
}

/// The unified diff of two contents, cut at [`MOST_DIFF`]; of what is no text, only that it differs.
pub fn unified(path: &Path, found: &[u8], wanted: &[u8]) -> String {
    let name = path.display().to_string();
    let texts = (text(found), text(wanted));
    let (Some(found), Some(wanted)) = texts else {
        return format!("binary files differ: {name}\n");
    };
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(found, wanted);
    let mut shown = diff.unified_diff().header(&name, &name).to_string();
    if shown.len() > MOST_DIFF {
        let cut = (0..=MOST_DIFF).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
        shown.truncate(cut);
        shown.push_str("\n(cut)\n");
    }
    shown
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_by_lines_and_other_content_is_not_shown() {
        let shown = unified(Path::new("/a"), b"one\ntwo\n", b"one\nthree\n");
        assert_eq!(shown, "--- /a\n+++ /a\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n");
        assert_eq!(unified(Path::new("/a"), b"\0", b"x"), "binary files differ: /a\n");
        let long = "x".repeat(1000) + "\n";
        assert!(unified(Path::new("/a"), b"", long.repeat(1100).as_bytes()).len() < MOST_DIFF + 20);
    }
}

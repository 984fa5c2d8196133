//! Making the home directory of a user who is there already: useradd makes it only for a new one.

use std::path::Path;

use crate::engine::Cancel;
use crate::resources::host::account_files::AccountError;
use crate::resources::host::process::Processes;
use crate::resources::host::temp_name::next_temp_name;
use crate::resources::host::tool;

/// Copies `skel` to `home`, for a user and group in numbers. It is made beside and renamed, so that a home directory is
/// whole or not there.
///
/// # Errors
/// When a tool fails; then nothing is left.
pub async fn make(
    processes: &dyn Processes,
    skel: &str,
    home: &str,
    (uid, gid): (u32, u32),
    cancel: &Cancel,
) -> Result<(), AccountError> {
    let failed = |source| AccountError::Home { path: Path::new(home).into(), source: Box::new(source) };
    let beside = Path::new(home).with_file_name(&*next_temp_name());
    let beside = beside.to_string_lossy();
    let owner = format!("{uid}:{gid}");
    // Private from its first moment on: as login.defs(5) advises with HOME_MODE.
    let mkdir: &[&str] = &["mkdir", "-m", "0700", "--", &beside];
    let copy: &[&str] = &[
        "find",
        skel,
        "-mindepth",
        "1",
        "-maxdepth",
        "1",
        "-exec",
        "cp",
        "-r",
        "-P",
        "-t",
        &beside,
        "--",
        "{}",
        "+",
    ];
    let chown: &[&str] = &["chown", "-R", "-h", &owner, "--", &beside];
    let copy = Path::new(skel).is_dir().then_some(copy);
    let mut done = Ok(());
    for words in [Some(mkdir), copy, Some(chown)].into_iter().flatten() {
        done = tool::run(processes, words, None, cancel).await.map(|_| ()).map_err(failed);
        if done.is_err() {
            break;
        }
    }
    if done.is_ok() {
        let rename = ["mv", "-n", "-T", "--", &beside, home];
        done = tool::run(processes, &rename, None, cancel).await.map(|_| ()).map_err(failed);
    }
    if Path::new(&*beside).exists() {
        // What could not be finished, or what another one has made meanwhile.
        tool::run(processes, &["rm", "-rf", "--", &beside], None, &Cancel::default())
            .await
            .map_err(failed)?;
    }
    done
}

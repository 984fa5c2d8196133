//! Commands that outlive us.
//!
//! What they write goes into a piece of memory that they hold too: a pipe would break with the agent, and the command
//! would die of its next line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

use super::output::Output;
use super::pipes::From;
use super::start::{plain, refused};
use super::{Invocation, Outcome, ProcessError};
use crate::engine::Cancel;

/// Bytes that are read at once of what a command wrote.
const CHUNK: usize = 64 * 1024;

/// Runs a command to its end, whatever becomes of us.
///
/// # Errors
/// When it cannot be run.
pub(super) async fn run(invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError> {
    if cancel.is_cancelled() {
        return Err(ProcessError::Cancelled);
    }
    let word = invocation.words.first().map_or("", |word| &**word);
    let around = |op| move |source| ProcessError::Around { op, word: word.into(), source };
    let memory = memory().map_err(around("make memory for its output"))?;
    let mut command = plain(invocation, word)?;
    let handle = || memory.try_clone().map_err(around("share memory for its output"));
    command.stdout(handle()?).stderr(handle()?).process_group(0).kill_on_drop(false);
    let mut child = command.spawn().map_err(|error| {
        let path = PathBuf::from(command.as_std().get_program());
        refused(invocation, &path, error)
    })?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let killed = cancel.killed();
    tokio::pin!(killed);
    let mut was_killed = false;
    let status = loop {
        tokio::select! {
            biased;
            () = &mut killed, if !was_killed => {
                was_killed = true;
                // That it is gone already is fine.
                let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            }
            status = child.wait() => break status.map_err(around("wait"))?,
        }
    };
    let mut output = Output::new(invocation.log.as_ref());
    read(&memory, |bytes| output.take(From::Both, bytes)).map_err(around("read the output"))?;
    Ok(output.into_outcome(status.into(), was_killed))
}

fn memory() -> io::Result<File> {
    Ok(File::from(memfd_create("mgmt-output", MemfdFlags::CLOEXEC)?))
}

fn read(memory: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let (mut at, mut chunk) = (0, vec![0; CHUNK]);
    loop {
        let count = memory.read_at(&mut chunk, at)?;
        if count == 0 {
            return Ok(());
        }
        take(&chunk[..count]);
        at += count as u64;
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::resources::host::process::Ending;

    fn shell(script: &str) -> Invocation {
        Invocation { merged: true, ..Invocation::new(["sh", "-c", script]) }
    }

    #[tokio::test]
    async fn it_is_not_broken_off_by_a_polite_cancel_and_its_output_is_read_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let (begun, go) = (dir.path().join("begun"), dir.path().join("go"));
        let fifo = |path: &std::path::Path| {
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        };
        fifo(&begun);
        fifo(&go);
        let script = format!("echo one; : > {}; : < {}; echo two >&2; exit 3", begun.display(), go.display());
        let cancel = Cancel::default();
        let (invocation, asked) = (shell(&script), cancel.clone());
        let running = tokio::spawn(async move { run(&invocation, &asked).await });
        // Each end waits until the other is opened.
        tokio::task::spawn_blocking(move || std::fs::read(begun).unwrap()).await.unwrap();
        cancel.cancel();
        tokio::task::spawn_blocking(move || std::fs::write(go, "").unwrap()).await.unwrap();
        let outcome = running.await.unwrap().unwrap();
        assert_eq!(outcome.ending, Ending::Exit(3));
        assert!(!outcome.cancelled);
        assert_eq!(outcome.output.text(), "one\ntwo\n");
    }

    #[tokio::test]
    async fn it_outlives_whoever_forgets_it() {
        let dir = tempfile::tempdir().unwrap();
        let (begun, done) = (dir.path().join("begun"), dir.path().join("done"));
        for path in [&begun, &done] {
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        }
        let script = format!("cat {0}; echo written; echo done > {1}", begun.display(), done.display());
        let running = tokio::spawn(async move { run(&shell(&script), &Cancel::default()).await });
        let write =
            tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(begun).unwrap());
        let held = write.await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        drop(held);
        let said = tokio::task::spawn_blocking(move || std::fs::read_to_string(done).unwrap()).await.unwrap();
        assert_eq!(said, "done\n");
    }

    #[tokio::test]
    async fn it_is_killed_when_all_must_end_at_once() {
        let cancel = Cancel::default();
        let asked = cancel.clone();
        let running = tokio::spawn(async move { run(&shell("read line < /dev/zero"), &asked).await });
        tokio::task::yield_now().await;
        cancel.kill();
        match running.await.unwrap() {
            Ok(outcome) => assert!(outcome.cancelled && outcome.ending == Ending::Signal(9), "{outcome:?}"),
            Err(ProcessError::Cancelled) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

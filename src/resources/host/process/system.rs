//! Processes of this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use rustix::process::Signal;

use super::output::Output;
use super::pipes::{From, Pipes};
use super::start::{Running, start};
use super::warden::Warden;
use super::{Followed, Following, Invocation, Outcome, ProcessError, Processes, unbroken};
use crate::engine::Cancel;

/// How long a pipe is read on after its command's end, if a descendant holds it. What the command itself wrote is in
/// the pipe by then.
const GRACE: Duration = Duration::from_millis(50);
/// How long the rest of a group may take to end after its leader did as asked; then it is killed.
const LINGER: Duration = Duration::from_secs(2);

/// Processes of this machine.
#[derive(Debug)]
pub struct SystemProcesses {
    helper: PathBuf,
    /// Kills what an agent that was killed leaves behind.
    warden: Option<Arc<Warden>>,
}

impl Default for SystemProcesses {
    /// With this very program as helper. The link stays right when the program's file is replaced.
    fn default() -> Self {
        Self::with_helper("/proc/self/exe")
    }
}

impl SystemProcesses {
    /// With the program whose `main` calls [`helper_main`](super::helper_main) first.
    pub fn with_helper(helper: impl Into<PathBuf>) -> Self {
        Self { helper: helper.into(), warden: None }
    }

    /// With this very program as helper, which must call [`helper_main`](super::helper_main) first; commands end with
    /// it even if it is killed.
    pub fn guarded() -> Self {
        let own = Self::default();
        Self { warden: Some(Warden::new(own.helper.clone())), ..own }
    }
}

/// How strongly a command was asked to end.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Asked {
    Not,
    Politely,
    Killed,
}

impl SystemProcesses {
    async fn run_to_end(
        &self,
        invocation: &Invocation,
        input: Option<&[u8]>,
        cancel: &Cancel,
    ) -> Result<Outcome, ProcessError> {
        if cancel.is_cancelled() {
            return Err(ProcessError::Cancelled);
        }
        let Running { mut group, mut pipes, report } =
            start(invocation, input, &self.helper, self.warden.as_ref()).await?;
        let mut output = Output::new(invocation.log.as_ref());
        let mut asked = Asked::Not;
        let (cancelled, killed) = (cancel.cancelled(), cancel.killed());
        tokio::pin!(cancelled, killed);
        let ending = loop {
            tokio::select! {
                biased;
                () = &mut killed, if asked < Asked::Killed => {
                    asked = Asked::Killed;
                    group.signal(Signal::KILL);
                }
                () = &mut cancelled, if asked < Asked::Politely => {
                    asked = Asked::Politely;
                    group.signal(invocation.signal);
                }
                ending = group.wait() => break ending.map_err(|source| waiting(invocation, source))?,
                Some((from, bytes)) = pipes.next(), if !pipes.is_closed() => output.take(from, bytes),
            }
        };
        let is_asked = asked > Asked::Not;
        let rest = drain(&mut pipes, |from, bytes| output.take(from, bytes));
        tokio::select! {
            _ = tokio::time::timeout(if is_asked { LINGER } else { GRACE }, rest) => {}
            () = &mut killed, if asked == Asked::Politely => {}
        }
        if is_asked {
            // Whoever of the group did not do as asked.
            group.signal(Signal::KILL);
        }
        match report.and_then(|report| report.failure(invocation)) {
            Some(error) => Err(error),
            None => Ok(output.into_outcome(ending, is_asked)),
        }
    }
}

#[async_trait]
impl Processes for SystemProcesses {
    async fn run(&self, invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError> {
        self.run_to_end(invocation, None, cancel).await
    }

    async fn run_fed(
        &self,
        invocation: &Invocation,
        input: &[u8],
        cancel: &Cancel,
    ) -> Result<Outcome, ProcessError> {
        self.run_to_end(invocation, Some(input), cancel).await
    }

    async fn follow(&self, invocation: &Invocation) -> Result<Following, ProcessError> {
        let running = start(invocation, None, &self.helper, self.warden.as_ref()).await?;
        let output = Some(Output::followed(invocation.log.as_ref()));
        let invocation = invocation.clone();
        let follower = Follower { invocation, running, output, lines: 0 };
        let items = stream::unfold(follower, |mut follower| async move {
            let item = follower.next().await?;
            Some((item, follower))
        });
        Ok(items.boxed())
    }

    async fn run_unbroken(&self, invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError> {
        unbroken::run(invocation, cancel).await
    }
}

/// Reads until all is closed.
async fn drain(pipes: &mut Pipes, mut take: impl FnMut(From, &[u8])) {
    while let Some((from, bytes)) = pipes.next().await {
        take(from, bytes);
    }
}

fn waiting(invocation: &Invocation, source: std::io::Error) -> ProcessError {
    let word = invocation.words.first().map_or("", |word| &**word).into();
    ProcessError::Around { op: "wait", word, source }
}

/// A command whose lines are followed.
struct Follower {
    invocation: Invocation,
    running: Running,
    /// `None`: its end was told.
    output: Option<Output>,
    /// Lines read and not told yet.
    lines: usize,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Followed, ProcessError>> {
        loop {
            if self.lines > 0 {
                self.lines -= 1;
                return Some(Ok(Followed::Line));
            }
            let output = self.output.as_mut()?;
            let Running { group, pipes, .. } = &mut self.running;
            let ending = tokio::select! {
                biased;
                Some((from, bytes)) = pipes.next(), if !pipes.is_closed() => {
                    output.take(from, bytes);
                    self.lines += count(from, bytes);
                    continue;
                }
                ending = group.wait() => ending,
            };
            let lines = &mut self.lines;
            let rest = drain(pipes, |from, bytes| {
                output.take(from, bytes);
                *lines += count(from, bytes);
            });
            let _ = tokio::time::timeout(GRACE, rest).await;
            // What it left behind belongs to a watch that is over.
            group.signal(Signal::KILL);
            let failure = self.running.report.take().and_then(|report| report.failure(&self.invocation));
            let output = self.output.take()?;
            return Some(match (failure, ending) {
                (Some(error), _) => Err(error),
                (None, Err(error)) => Err(waiting(&self.invocation, error)),
                (None, Ok(ending)) => Ok(Followed::Ended(Box::new(output.into_outcome(ending, false)))),
            });
        }
    }
}

/// Counts the lines of the standard output. A last one without an end is none: the end of the command wakes anyway.
fn count(from: From, bytes: &[u8]) -> usize {
    if from == From::Stderr { 0 } else { bytes.iter().filter(|byte| **byte == b'\n').count() }
}

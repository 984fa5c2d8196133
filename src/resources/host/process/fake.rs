//! Processes without a machine: tests say how commands end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};

use super::{Ending, Followed, Following, Invocation, Kept, Outcome, ProcessError, Processes};
use crate::engine::Cancel;

/// Knows commands by their words, joined with blanks; all others are not found.
#[derive(Debug, Default)]
pub struct FakeProcesses {
    known: Mutex<BTreeMap<String, Outcome>>,
    ran: Mutex<Vec<String>>,
}

impl FakeProcesses {
    /// From now on, `command` ends with `code` after it wrote `stdout`.
    pub fn answer(&self, command: &str, code: i32, stdout: &str) {
        let mut kept = Kept::default();
        kept.push(stdout.as_bytes());
        let outcome = Outcome {
            ending: Ending::Exit(code),
            cancelled: false,
            stdout: kept.clone(),
            stderr: Kept::default(),
            output: kept,
        };
        lock(&self.known).insert(command.to_owned(), outcome);
    }

    /// The commands that were run since the last call, in order.
    pub fn take_ran(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.ran))
    }

    fn outcome(&self, invocation: &Invocation) -> Result<Outcome, ProcessError> {
        let command = invocation.words.join(" ");
        lock(&self.ran).push(command.clone());
        let not_found = || ProcessError::NotFound { word: command.as_str().into(), own_path: false };
        lock(&self.known).get(&command).cloned().ok_or_else(not_found)
    }
}

#[async_trait]
impl Processes for FakeProcesses {
    async fn run(&self, invocation: &Invocation, cancel: &Cancel) -> Result<Outcome, ProcessError> {
        if cancel.is_cancelled() {
            return Err(ProcessError::Cancelled);
        }
        self.outcome(invocation)
    }

    async fn run_fed(
        &self,
        invocation: &Invocation,
        _: &[u8],
        cancel: &Cancel,
    ) -> Result<Outcome, ProcessError> {
        self.run(invocation, cancel).await
    }

    async fn follow(&self, invocation: &Invocation) -> Result<Following, ProcessError> {
        let outcome = self.outcome(invocation)?;
        let lines = outcome.stdout.text().lines().count();
        let ended = Followed::Ended(Box::new(outcome));
        Ok(stream::iter((0..lines).map(|_| Ok(Followed::Line)).chain([Ok(ended)])).boxed())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Servers without a network: tests say how they answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Probe, ProbeError, Prober};

/// Makes an answer.
type Answer = Arc<dyn Fn() -> Result<Duration, ProbeError> + Send + Sync>;

/// Answers by who is asked; those of whom nothing is known refuse.
#[derive(Default)]
pub struct FakeProber(Mutex<State>);

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    next: VecDeque<Answer>,
    asked: Vec<String>,
}

impl FakeProber {
    /// From now on, `who` (as a probe is shown) answers so.
    pub fn answer(
        &self,
        who: &str,
        answer: impl Fn() -> Result<Duration, ProbeError> + Send + Sync + 'static,
    ) {
        self.lock().answers.insert(who.to_owned(), Arc::new(answer));
    }

    /// The next question, whoever is asked, is answered so; the one after by what is next in line.
    pub fn once(&self, answer: impl Fn() -> Result<Duration, ProbeError> + Send + Sync + 'static) {
        self.lock().next.push_back(Arc::new(answer));
    }

    /// Who was asked since the last call, in order.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FakeProber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeProber")
    }
}

#[async_trait]
impl Prober for FakeProber {
    async fn probe(&self, probe: &Probe) -> Result<Duration, ProbeError> {
        let who = probe.to_string();
        let answer = {
            let mut state = self.lock();
            state.asked.push(who.clone());
            let next = state.next.pop_front();
            next.or_else(|| state.answers.get(&who).cloned())
        };
        answer.map_or(Err(ProbeError::Refused), |answer| answer())
    }
}

//! A command that changed nothing is given again, later and later.

use std::collections::BTreeMap;
use std::time::Duration;

use super::command::Command;
use super::limits;
use crate::engine::sched::Time;

/// What was given lately. Safe to lose: a new leader's first try comes at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    given: BTreeMap<Command, Given>,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    again_at: Time,
    wait: Duration,
}

impl Pace {
    /// Whether a command may be given now; if not, when. One that may is noted as given.
    pub fn give(&mut self, command: &Command, now: Time) -> Result<(), Time> {
        let wait = match self.given.get(command) {
            Some(given) if now < given.again_at => return Err(given.again_at),
            Some(given) => (given.wait * 2).min(limits::LONGEST_RETRY),
            None => limits::RETRY,
        };
        self.given.insert(command.clone(), Given { again_at: now + wait, wait });
        Ok(())
    }

    /// When a command that was given may be given again.
    pub fn again_at(&self, command: &Command) -> Option<Time> {
        self.given.get(command).map(|given| given.again_at)
    }

    /// Forgets what was given long ago: should it be needed again, that is another matter.
    pub fn forget_old(&mut self, now: Time) {
        self.given.retain(|_, given| now < given.again_at + limits::LONGEST_RETRY * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::store::id::MemberId;

    #[test]
    fn a_command_without_effect_is_given_again_later_and_later() {
        let mut pace = Pace::default();
        let command = Command::Remove { member: MemberId(1) };
        let mut now = Time(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(pace.give(&command, now), Ok(()));
            let again = pace.give(&command, now).unwrap_err();
            waits.push(again.since(now).as_secs());
            now = again;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pace.give(&Command::Remove { member: MemberId(2) }, now), Ok(()), "another does not wait");
        pace.forget_old(now + Duration::from_secs(600));
        assert!(pace.given.is_empty());
    }
}

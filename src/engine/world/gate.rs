//! What must hold of the hosts that a deploy has reached, before it goes on to others.

use std::fmt;
use std::str::FromStr;

/// What is known of the hosts that a deploy has reached. All are numbers of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The deploy has reached them.
    pub hosts: u32,
    /// Their graph is as wanted.
    pub converged: u32,
    /// Something in their graph has failed.
    pub failed: u32,
    /// They cannot run the deploy at all.
    pub broken: u32,
}

/// A comparison of two of the numbers, or of one with a number; several are joined by `&&`.
///
/// What is said of `failed` and `broken` alone ends a rollout as soon as it does not hold; what is said of `converged` or
/// `hosts`, only once the time of the stage is up, as it may still come to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    clauses: Vec<Clause>,
    text: String,
}

/// A text that is no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the gate {gate:?}: {why}")]
pub struct BadGate {
    gate: String,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    left: Operand,
    relation: Relation,
    right: Operand,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Hosts,
    Converged,
    Failed,
    Broken,
    Number(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    AtMost,
    Less,
    AtLeast,
    Greater,
}

/// How relations are written; those that begin another one come after it.
const RELATIONS: [(&str, Relation); 6] = [
    ("==", Relation::Equal),
    ("!=", Relation::NotEqual),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Less),
    (">", Relation::Greater),
];

impl Gate {
    /// The first clause that tells at once that something is wrong.
    pub fn tripped(&self, tally: &Tally) -> Option<&str> {
        let wrong = |clause: &&Clause| clause.trips_at_once() && !clause.holds(tally);
        self.clauses.iter().find(wrong).map(|clause| clause.text.as_str())
    }

    /// The first clause that does not hold.
    pub fn unmet(&self, tally: &Tally) -> Option<&str> {
        self.clauses.iter().find(|clause| !clause.holds(tally)).map(|clause| clause.text.as_str())
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Gate {
    type Err = BadGate;

    fn from_str(text: &str) -> Result<Self, BadGate> {
        let bad = |why| BadGate { gate: text.to_owned(), why };
        let clauses = text.split("&&").map(Clause::read).collect::<Result<_, _>>().map_err(bad)?;
        Ok(Self { clauses, text: text.trim().to_owned() })
    }
}

impl Clause {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let found = RELATIONS
            .iter()
            .filter_map(|(sign, relation)| text.find(sign).map(|at| (at, *sign, *relation)))
            .min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())));
        let Some((at, sign, relation)) = found else {
            return Err(format!("{text:?} compares nothing: write it like `failed == 0`"));
        };
        let (left, right) = (Operand::read(&text[..at])?, Operand::read(&text[at + sign.len()..])?);
        Ok(Self { left, relation, right, text: text.to_owned() })
    }

    fn holds(&self, tally: &Tally) -> bool {
        let (left, right) = (self.left.of(tally), self.right.of(tally));
        match self.relation {
            Relation::Equal => left == right,
            Relation::NotEqual => left != right,
            Relation::AtMost => left <= right,
            Relation::Less => left < right,
            Relation::AtLeast => left >= right,
            Relation::Greater => left > right,
        }
    }

    fn trips_at_once(&self) -> bool {
        let may_come = |operand| matches!(operand, Operand::Hosts | Operand::Converged);
        !may_come(self.left) && !may_come(self.right)
    }
}

impl Operand {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "hosts" => Ok(Self::Hosts),
            "converged" => Ok(Self::Converged),
            "failed" => Ok(Self::Failed),
            "broken" => Ok(Self::Broken),
            other => other
                .parse()
                .map(Self::Number)
                .map_err(|_| format!("{other:?} is neither a number nor hosts, converged, failed or broken")),
        }
    }

    fn of(self, tally: &Tally) -> u32 {
        match self {
            Self::Hosts => tally.hosts,
            Self::Converged => tally.converged,
            Self::Failed => tally.failed,
            Self::Broken => tally.broken,
            Self::Number(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(text: &str) -> Gate {
        text.parse().unwrap()
    }

    const TALLY: Tally = Tally { hosts: 4, converged: 2, failed: 1, broken: 0 };

    #[test]
    fn every_relation_compares_as_it_is_written() {
        for (text, holds) in [
            ("failed == 1", true),
            ("failed==0", false),
            ("failed != 0", true),
            ("converged < hosts", true),
            ("converged <= 1", false),
            ("4 >= hosts", true),
            ("broken > 0", false),
            ("failed == 1 && broken == 0", true),
            ("failed == 1 && converged == hosts", false),
        ] {
            assert_eq!(gate(text).unmet(&TALLY).is_none(), holds, "{text}");
        }
    }

    #[test]
    fn only_what_cannot_get_better_trips_at_once() {
        let gate = gate("converged == hosts && failed <= 0");
        assert_eq!(gate.tripped(&TALLY), Some("failed <= 0"));
        assert_eq!(gate.tripped(&Tally { failed: 0, ..TALLY }), None);
        assert_eq!(gate.unmet(&Tally { failed: 0, ..TALLY }), Some("converged == hosts"));
    }

    #[test]
    fn a_text_that_is_no_gate_says_what_is_wrong_with_it() {
        for (text, why) in [
            ("", "compares nothing"),
            ("failed", "compares nothing"),
            ("failed = 0", "compares nothing"),
            ("failed == ", "is neither a number nor"),
            ("sick == 0", "\"sick\" is neither"),
            ("failed == 0 &&", "compares nothing"),
            ("failed == 0 == 1", "is neither"),
        ] {
            let error = text.parse::<Gate>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}

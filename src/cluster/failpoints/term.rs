//! What a place is to do.

use std::time::Duration;

/// Why a term is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failpoint: could not parse {0:?}")]
pub struct TermError(pub String);

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Off,
    /// The thread waits.
    Sleep(Duration),
    /// The process ends at once.
    Panic(Option<String>),
    /// A line in the log.
    Print,
    /// A debugger would stop; nothing.
    Break,
    /// A value for who asks; nobody does.
    Return,
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq)]
struct Link {
    /// From 0 to 1.
    chance: Option<f64>,
    /// How often it may still be done.
    left: Option<u64>,
    action: Action,
}

/// What a place is to do: the first link that applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    text: String,
    chain: Vec<Link>,
    /// How often it did something.
    done: u64,
}

impl Term {
    /// Reads a term.
    pub fn parse(text: &str) -> Result<Self, TermError> {
        let text = text.trim();
        let chain = text.split("->").map(link).collect::<Option<Vec<_>>>();
        let chain = chain.ok_or_else(|| TermError(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), chain, done: 0 })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How often it did something.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// What is to be done now. `draw` gives a number from 0 up to 1.
    pub fn next(&mut self, mut draw: impl FnMut() -> f64) -> Action {
        for link in &mut self.chain {
            if link.chance.is_some_and(|chance| draw() >= chance) {
                continue;
            }
            match &mut link.left {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            self.done += 1;
            return link.action.clone();
        }
        Action::Off
    }
}

fn link(text: &str) -> Option<Link> {
    let mut rest = text.trim();
    let (mut chance, mut left) = (None, None);
    while let Some(end) = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.').filter(|end| *end > 0)
    {
        let (number, sign) = (&rest[..end], rest[end..].chars().next()?);
        match sign {
            '%' => chance = Some(number.parse::<f64>().ok()? / 100.0),
            '*' => left = Some(number.parse().ok()?),
            _ => return None,
        }
        rest = &rest[end + 1..];
    }
    Some(Link { chance, left, action: action(rest)? })
}

fn action(text: &str) -> Option<Action> {
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
        None => (text, None),
    };
    match (name, argument) {
        ("off", None) => Some(Action::Off),
        ("break", None) => Some(Action::Break),
        ("print", _) => Some(Action::Print),
        ("return", Some(_)) => Some(Action::Return),
        ("panic", None) => Some(Action::Panic(None)),
        ("panic", Some(text)) => Some(Action::Panic(Some(quoted(text)?.to_owned()))),
        ("sleep", Some(time)) => match quoted(time) {
            Some(time) => duration(time),
            None => time.parse().ok().map(Duration::from_millis),
        }
        .map(Action::Sleep),
        _ => None,
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// One number with one unit, as Go writes it.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|sign: char| !sign.is_ascii_digit())?;
    let number: u64 = text[..at].parse().ok()?;
    match &text[at..] {
        "us" | "µs" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str, times: usize) -> Vec<Action> {
        let mut term = Term::parse(text).unwrap();
        (0..times).map(|_| term.next(|| 0.5)).collect()
    }

    #[test]
    fn an_action_is_read_with_its_argument() {
        let sleep = |ms| Action::Sleep(Duration::from_millis(ms));
        for (text, action) in [
            ("off", Action::Off),
            ("panic", Action::Panic(None)),
            ("panic(\"why\")", Action::Panic(Some("why".to_owned()))),
            ("sleep(100)", sleep(100)),
            ("sleep(\"2s\")", sleep(2000)),
            ("return(\"x\")", Action::Return),
            ("return(7)", Action::Return),
            ("print", Action::Print),
            ("break", Action::Break),
        ] {
            assert_eq!(actions(text, 1), [action], "{text}");
        }
    }

    #[test]
    fn a_chain_goes_on_to_what_is_left() {
        let panic = Action::Panic(None);
        assert_eq!(actions("1*off->panic", 3), [Action::Off, panic.clone(), panic.clone()]);
        let print = Action::Print;
        assert_eq!(actions("2*print->1*panic", 4), [print.clone(), print, panic, Action::Off]);
    }

    #[test]
    fn chance_decides_before_the_count_goes_down() {
        let panic = Action::Panic(None);
        assert_eq!(actions("60.0%1*panic", 2), [panic, Action::Off]);
        assert_eq!(actions("40%panic->print", 1), [Action::Print]);
        let mut term = Term::parse("50.0%1*panic").unwrap();
        assert_eq!(term.next(|| 0.9), Action::Off);
        assert_eq!(term.done(), 0);
        assert_eq!((term.next(|| 0.1), term.done()), (Action::Panic(None), 1));
    }

    #[test]
    fn what_is_no_term_is_refused() {
        for text in
            ["", "explode", "sleep", "sleep(soon)", "sleep(1", "50panic", "x%panic", "panic->", "panic(1)"]
        {
            assert_eq!(Term::parse(text), Err(TermError(text.to_owned())), "{text}");
        }
    }
}

//! Modes as people write them: `0644`, or `u=rw,go=r`.

use std::sync::Arc;

const ALL: u32 = 0o777;
const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
/// The bits of user, group and others that have the value of one octal digit.
const EACH: u32 = 0o111;

/// A declared mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These bits and no others.
    Octal(u16),
    /// Changes to whatever the mode is, in order.
    Symbolic(Arc<[Clause]>),
}

/// One change, such as `go=r`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The read, write and execute bits that it is about: `0o700` for the user, and so on.
    who: u32,
    op: Op,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Set,
    Add,
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Permissions: one octal digit, and whether `X`, `s` and `t` were written.
    Permissions { digit: u32, execute_if_any: bool, set_id: bool, sticky: bool },
    /// Those that the user, the group or others have: how far to the left their digit stands, in bits.
    CopyOf { shift: u32 },
}

/// Why a text is no mode: a sentence, and a hint.
pub type ModeError = (String, &'static str);

impl Mode {
    /// Reads a mode.
    ///
    /// # Errors
    /// When it is neither octal nor symbolic.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return parse_octal(text);
        }
        let clauses: Result<Vec<Vec<Clause>>, ModeError> = text.split(',').map(parse_clauses).collect();
        Ok(Self::Symbolic(clauses?.concat().into()))
    }

    /// The mode that an object with the bits `now` should have.
    pub fn of(&self, now: u32, is_dir: bool) -> u32 {
        match self {
            Self::Octal(bits) => u32::from(*bits),
            Self::Symbolic(clauses) => clauses.iter().fold(now, |mode, clause| clause.of(mode, is_dir)),
        }
    }
}

impl Clause {
    fn of(self, now: u32, is_dir: bool) -> u32 {
        let (digit, special) = match self.what {
            What::CopyOf { shift } => ((now >> shift) & 0o7, 0),
            What::Permissions { digit, execute_if_any, set_id, sticky } => {
                let execute = execute_if_any && (is_dir || now & EACH != 0);
                let mut special = 0;
                if set_id {
                    special |= self.set_ids();
                }
                if sticky && self.who & 0o007 != 0 {
                    special |= STICKY;
                }
                (digit | u32::from(execute), special)
            }
        };
        let bits = (digit * EACH) & self.who | special;
        match self.op {
            Op::Add => now | bits,
            Op::Remove => now & !bits,
            Op::Set => {
                // As chmod(1): a directory keeps setuid and setgid unless they are named.
                let cleared = if is_dir { 0 } else { self.set_ids() };
                let sticky = if self.who == ALL { STICKY } else { 0 };
                (now & !(self.who | cleared | sticky)) | bits
            }
        }
    }

    fn set_ids(self) -> u32 {
        let user = if self.who & 0o700 != 0 { SETUID } else { 0 };
        let group = if self.who & 0o070 != 0 { SETGID } else { 0 };
        user | group
    }
}

fn parse_octal(text: &str) -> Result<Mode, ModeError> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if let Some(wrong) = digits.chars().find(|c| !('0'..='7').contains(c)) {
        let message = format!("{text:?} is no mode: {wrong:?} is not an octal digit");
        return Err((message, "octal digits are 0 to 7, as in 0644"));
    }
    match u16::from_str_radix(digits, 8) {
        Ok(bits) if bits <= 0o7777 => Ok(Mode::Octal(bits)),
        _ => Err((format!("{text:?} is no mode: it is greater than 7777"), "a mode looks like 0644 or 2755")),
    }
}

/// One comma's worth: who, then one or more operations, as in `u=rw-x`.
fn parse_clauses(text: &str) -> Result<Vec<Clause>, ModeError> {
    const HINT: &str = "write octal digits as in 0644, or changes as in u=rw,go=r";
    let wrong = |why: String| (format!("{text:?} is no mode: {why}"), HINT);
    let start = text.find(['=', '+', '-']).ok_or_else(|| wrong("it has none of =, + and -".into()))?;
    let mut who = 0;
    for c in text[..start].chars() {
        who |= match c {
            'u' => 0o700,
            'g' => 0o070,
            'o' => 0o007,
            'a' => ALL,
            other => return Err(wrong(format!("{other:?} is none of u, g, o and a"))),
        };
    }
    if who == 0 {
        who = ALL;
    }
    let mut clauses = Vec::new();
    let mut rest = &text[start..];
    while let Some(op) = rest.chars().next() {
        let op = match op {
            '=' => Op::Set,
            '+' => Op::Add,
            _ => Op::Remove,
        };
        let end = rest[1..].find(['=', '+', '-']).map_or(rest.len(), |at| at + 1);
        clauses.push(Clause { who, op, what: parse_what(&rest[1..end]).map_err(wrong)? });
        rest = &rest[end..];
    }
    Ok(clauses)
}

fn parse_what(text: &str) -> Result<What, String> {
    match text {
        "u" => return Ok(What::CopyOf { shift: 6 }),
        "g" => return Ok(What::CopyOf { shift: 3 }),
        "o" => return Ok(What::CopyOf { shift: 0 }),
        _ => {}
    }
    let (mut digit, mut execute_if_any, mut set_id, mut sticky) = (0, false, false, false);
    for c in text.chars() {
        match c {
            'r' => digit |= 4,
            'w' => digit |= 2,
            'x' => digit |= 1,
            'X' => execute_if_any = true,
            's' => set_id = true,
            't' => sticky = true,
            other => return Err(format!("{other:?} is none of r, w, x, X, s and t")),
        }
    }
    Ok(What::Permissions { digit, execute_if_any, set_id, sticky })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_modes_are_read_with_all_twelve_bits() {
        for (text, bits) in [
            ("0644", 0o644),
            ("644", 0o644),
            ("0", 0),
            ("0o755", 0o755),
            ("4755", 0o4755),
            ("02770", 0o2770),
            ("1777", 0o1777),
        ] {
            assert_eq!(Mode::parse(text), Ok(Mode::Octal(bits)), "{text}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused_with_a_reason() {
        for (text, reason) in [
            ("999", "'9' is not an octal digit"),
            ("0648", "'8' is not an octal digit"),
            ("77777", "greater than 7777"),
            ("rw", "none of =, + and -"),
            ("", "none of =, + and -"),
            ("x=r", "'x' is none of u, g, o and a"),
            ("u=q", "'q' is none of r"),
            ("u=rw,,g=r", "none of =, + and -"),
            ("u=rw, g=r", "' ' is none of u"),
        ] {
            let (message, hint) = Mode::parse(text).unwrap_err();
            assert!(message.contains(reason), "{text}: {message}");
            assert!(!hint.is_empty());
        }
    }

    #[test]
    fn symbolic_modes_do_what_chmod_does() {
        for (text, now, is_dir, then) in [
            ("u=rw,go=r", 0o777, false, 0o644),
            ("u=rw,go=r", 0o4711, false, 0o644),
            ("u=rwx,go=", 0o644, false, 0o700),
            ("a=r", 0o1777, false, 0o444),
            ("=r", 0o777, false, 0o444),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("go-rwx", 0o755, false, 0o700),
            ("g=u", 0o640, false, 0o660),
            ("o=g", 0o750, false, 0o755),
            ("a+X", 0o644, false, 0o644),
            ("a+X", 0o744, false, 0o755),
            ("a+X", 0o644, true, 0o755),
            ("u+s", 0o755, false, 0o4755),
            ("g+s", 0o755, true, 0o2755),
            ("g=rx", 0o2775, true, 0o2755),
            ("g=rx", 0o2775, false, 0o755),
            ("+t", 0o777, true, 0o1777),
            ("u=rw+x-w", 0o000, false, 0o500),
        ] {
            assert_eq!(Mode::parse(text).unwrap().of(now, is_dir), then, "{text} of {now:o}");
        }
    }
}

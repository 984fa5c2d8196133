//! What apt would do, as it says itself.

/// Reads the answer of `apt-get -s install`: a line for each package that would come, change or go, in apt's order.
pub fn parse(text: &str) -> Vec<String> {
    text.lines().filter_map(line).collect()
}

/// What apt-get says in the end when packages would go, and `--no-remove` rules that out.
pub const NO_REMOVE: &str = "Packages need to be removed but remove is disabled";

/// The packages under apt-get's heading of those that would go.
pub fn removed(said: &str) -> Vec<String> {
    let below = said.lines().skip_while(|line| !line.ends_with("will be REMOVED:")).skip(1);
    let names = below.take_while(|line| line.starts_with(' ')).flat_map(str::split_whitespace);
    names.map(|name| name.trim_end_matches('*').to_owned()).collect()
}

/// The names of the packages that would go, by the same answer.
pub fn going(text: &str) -> Vec<String> {
    let words = text.lines().filter_map(|line| line.split_once(' '));
    let going = words.filter(|(action, _)| matches!(*action, "Remv" | "Purg"));
    going.filter_map(|(_, rest)| Some(rest.split(' ').next()?.to_owned())).collect()
}

fn line(line: &str) -> Option<String> {
    let (action, rest) = line.split_once(' ')?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let between = |open: char, close: char| {
        let (_, after) = rest.split_once(open)?;
        after.split(close).next()
    };
    let present = rest.starts_with('[').then(|| between('[', ']')).flatten();
    let new = between('(', ')').and_then(|inside| inside.split(' ').next());
    Some(match (action, present, new) {
        ("Inst", None, Some(new)) => format!("+{name} {new}"),
        ("Inst", Some(present), Some(new)) => format!("-{name} {present}\n+{name} {new}"),
        ("Remv" | "Purg", Some(present), _) => format!("-{name} {present}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_to_be_removed_is_named() {
        let said = "The following packages will be REMOVED:\n  one two*\n  three\nThe following NEW packages will be \
                    installed:\n  four\nE: Packages need to be removed but remove is disabled.\n";
        assert_eq!(removed(said), ["one", "two", "three"]);
        assert!(said.contains(NO_REMOVE));
    }

    #[test]
    fn what_would_come_change_and_go_is_read() {
        let text = "NOTE: This is only a simulation!\nReading package lists...\nRemv old [1.0]\n\
                    Inst libtiny (1.0 test:repo [all])\nInst tiny [1.0] (2.0 test:repo [all]) []\n\
                    Conf libtiny (1.0 test:repo [all])\nPurg away [3]\n";
        let wanted = ["-old 1.0", "+libtiny 1.0", "-tiny 1.0\n+tiny 2.0", "-away 3"];
        assert_eq!(parse(text), wanted);
        assert_eq!(going(text), ["old", "away"]);
    }
}

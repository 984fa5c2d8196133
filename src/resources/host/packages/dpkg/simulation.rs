//! What apt would do, as it says itself.

/// Reads the answer of `apt-get -s install`: a line for each package that would come, change or go, in apt's order.
pub fn parse(text: &str) -> Vec<String> {
    text.lines().filter_map(line).collect()
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
    fn what_would_come_change_and_go_is_read() {
        let text = "NOTE: This is only a simulation!\nReading package lists...\nRemv old [1.0]\n\
                    Inst libtiny (1.0 test:repo [all])\nInst tiny [1.0] (2.0 test:repo [all]) []\n\
                    Conf libtiny (1.0 test:repo [all])\nPurg away [3]\n";
        let wanted = ["-old 1.0", "+libtiny 1.0", "-tiny 1.0\n+tiny 2.0", "-away 3"];
        assert_eq!(parse(text), wanted);
        assert_eq!(going(text), ["old", "away"]);
    }
}

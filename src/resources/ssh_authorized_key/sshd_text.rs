//! What the settings of sshd say by their text, for when sshd cannot be asked. Pure.

/// As deep as sshd itself follows files that include files.
const DEEPEST: usize = 16;

/// The first file of the `AuthorizedKeysFile` that holds for everybody; `None`: nothing is said. `included` has the texts
/// of the files that a pattern after `Include` means, in order.
pub fn keys_file(text: &str, included: &dyn Fn(&str) -> Vec<String>) -> Option<Box<str>> {
    in_file(text, included, DEEPEST)
}

fn in_file(text: &str, included: &dyn Fn(&str) -> Vec<String>, depth: usize) -> Option<Box<str>> {
    // Whom a `Match` means is for sshd to say; it ends with its file.
    let mut for_all = true;
    for line in text.lines() {
        let (keyword, rest) = keyword(line);
        match &*keyword {
            "match" => for_all = rest.trim().eq_ignore_ascii_case("all"),
            "include" if for_all && depth > 0 => {
                let texts = words(rest).flat_map(included);
                let found = texts.into_iter().find_map(|text| in_file(&text, included, depth - 1));
                if found.is_some() {
                    return found;
                }
            }
            "authorizedkeysfile" if for_all => return words(rest).next().map(Box::from),
            _ => {}
        }
    }
    None
}

/// The keyword of a line, in lower case, and what follows: a blank or an equals sign stands between the two.
fn keyword(line: &str) -> (String, &str) {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    (keyword.to_ascii_lowercase(), rest.trim_start().trim_start_matches('='))
}

/// The words of a line up to a comment; quotes keep blanks.
fn words(rest: &str) -> impl Iterator<Item = &str> {
    let mut rest = rest;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            return None;
        }
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_holds_for_everybody_counts() {
        let included = |pattern: &str| match pattern {
            "a/*" => vec!["# none\n".to_owned(), "Match user x\nAuthorizedKeysFile theirs\n".to_owned()],
            "b/*" => vec!["Port 7\n".to_owned(), "authorizedKEYSfile /b/%u\n".to_owned()],
            "loop" => vec!["Include loop\n".to_owned()],
            _ => Vec::new(),
        };
        for (text, wanted) in [
            ("", None),
            ("#AuthorizedKeysFile x\n", None),
            ("AuthorizedKeysFile one two\nAuthorizedKeysFile three", Some("one")),
            (" authorizedkeysfile = \"a b\" c", Some("a b")),
            ("AuthorizedKeysFile=x # y", Some("x")),
            ("Match user x\n AuthorizedKeysFile theirs\n", None),
            ("Match user x\nPort 1\nMatch all\nAuthorizedKeysFile all", Some("all")),
            ("Include a/* b/*\nAuthorizedKeysFile late", Some("/b/%u")),
            ("Include a/*\nAuthorizedKeysFile late", Some("late")),
            ("Match user x\nInclude b/*", None),
            ("Include loop\nAuthorizedKeysFile x", Some("x")),
        ] {
            assert_eq!(keys_file(text, &included).as_deref(), wanted, "{text}");
        }
    }
}

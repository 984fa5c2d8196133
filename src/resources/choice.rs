//! Parameters that take one of a few words.

use crate::engine::ParamError;
use crate::engine::registry::did_you_mean;

/// Words for the same thing, in other tools and here. Typing errors are not listed: they are found by likeness.
const SAME: [&[&str]; 9] = [
    &["exists", "installed", "present", "created", "file", "touch", "managed"],
    &["absent", "uninstalled", "removed", "deleted", "purged", "missing"],
    &["running", "started", "active", "up", "on", "true"],
    &["stopped", "inactive", "dead", "down", "off", "false"],
    &["enabled", "on", "true", "yes", "auto", "automatic", "boot"],
    &["disabled", "off", "false", "no", "manual"],
    &["newest", "latest", "upgraded", "current", "up-to-date"],
    &["restarted-on-refresh", "restarted", "reloaded"],
    &["masked", "blocked"],
];

/// What a word stands for.
///
/// # Errors
/// When it is none of these; names all, and the one that may be meant.
pub fn choice<T: Copy>(param: &'static str, given: &str, words: &[(&str, T)]) -> Result<T, ParamError> {
    choice_beside(param, given, words, &[])
}

/// The same, where other parameters say what may be meant: each with its words.
///
/// # Errors
/// When it is none of these; names what may be meant.
pub fn choice_beside<T: Copy>(
    param: &'static str,
    given: &str,
    words: &[(&str, T)],
    others: &[(&str, &[&str])],
) -> Result<T, ParamError> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == given) {
        return Ok(*meaning);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
    Err(no_choice(param, given, &known, others))
}

/// The error for a word that is none of those known, with the one that may be meant, here or in another parameter.
pub fn no_choice(param: &'static str, given: &str, known: &[&str], others: &[(&str, &[&str])]) -> ParamError {
    let of_others = || {
        let words = others.iter().flat_map(|(param, words)| words.iter().map(move |word| (param, *word)));
        words.into_iter().find(|(_, word)| is_same(word, given))
    };
    let hint = if let Some(word) = known.iter().find(|word| word.eq_ignore_ascii_case(given)) {
        format!("did you mean `{word}`?")
    } else if let Some(word) = known.iter().find(|word| is_same(word, given)) {
        format!("what others call `{given}` is `{word}` here")
    } else if let Some((param, word)) = of_others() {
        format!("that is said by another parameter: `{param}: {word}`")
    } else if let Some(word) = did_you_mean(given, known.iter().copied()) {
        format!("did you mean `{word}`?")
    } else {
        let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
        format!("it is one of {}", known.join(", "))
    };
    ParamError::at(param, format!("{given:?} is no {}", param.replace('_', " "))).hint(hint)
}

fn is_same(known: &str, given: &str) -> bool {
    let given = given.to_lowercase();
    known == given || SAME.iter().any(|group| group.contains(&known) && group.contains(&&*given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(given: &str, words: &[&str], others: &[(&str, &[&str])]) -> String {
        let words: Vec<(&str, ())> = words.iter().map(|word| (*word, ())).collect();
        choice_beside("state", given, &words, others).unwrap_err().hint.unwrap()
    }

    #[test]
    fn a_wrong_word_names_the_near_one_or_all() {
        let words = [("running", 1), ("stopped", 2), ("", 0)];
        assert_eq!(choice("state", "stopped", &words), Ok(2));
        assert_eq!(choice("state", "", &words), Ok(0));
        let near = choice("state", "runing", &words).unwrap_err();
        assert_eq!(near.hint.as_deref(), Some("did you mean `running`?"));
        let far = choice("state", "present", &words).unwrap_err();
        let other = choice("state", "Running", &words).unwrap_err();
        assert_eq!(other.hint.as_deref(), Some("did you mean `running`?"));
        assert_eq!(far.message, "\"present\" is no state");
        assert_eq!(far.hint.as_deref(), Some("it is one of `running`, `stopped`"));
    }

    #[test]
    fn words_of_other_tools_are_translated() {
        let (there, runs) = (["exists", "absent"], ["running", "stopped", "restarted-on-refresh"]);
        let starts = ["enabled", "disabled", "masked"];
        let packages = ["installed", "uninstalled", "newest"];
        for (given, words, here) in [
            ("present", &there[..], "exists"),
            ("Present", &there, "exists"),
            ("removed", &there, "absent"),
            ("started", &runs, "running"),
            ("inactive", &runs, "stopped"),
            ("restarted", &runs, "restarted-on-refresh"),
            ("true", &starts, "enabled"),
            ("off", &starts, "disabled"),
            ("present", &packages, "installed"),
            ("absent", &packages, "uninstalled"),
            ("latest", &packages, "newest"),
        ] {
            assert_eq!(hint(given, words, &[]), format!("what others call `{given}` is `{here}` here"));
        }
        assert_eq!(
            hint("enabled", &runs, &[("startup", &starts)]),
            "that is said by another parameter: `startup: enabled`"
        );
        assert_eq!(
            hint("started", &starts, &[("state", &runs)]),
            "that is said by another parameter: `state: running`"
        );
    }
}

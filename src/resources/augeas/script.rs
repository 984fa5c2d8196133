//! What augtool is told, and what it answers. Pure: nothing runs here.
//!
//! Answers follow one another without a word about which is whose. So before each question something is asked whose
//! answer is known. (With `--echo` augtool repeats its commands, but cuts long ones to the width of a terminal.)

/// Commands in the making.
#[derive(Clone, Debug, Default)]
pub struct Script {
    commands: Vec<String>,
    /// What is answered before the answer to a question.
    mark: String,
    questions: usize,
}

/// What a pattern matched: paths and values.
pub type Matches = Vec<(String, Option<String>)>;

impl Script {
    /// Loads one file with one lens, and nothing else: loading all that augeas knows takes half a second.
    pub fn load(lens: &str, file: &str) -> Self {
        let mut script = Self { mark: format!("/augeas/load/X/lens = {lens}"), ..Self::default() };
        script.add("set", &["/augeas/load/X/lens", lens]);
        script.add("set", &["/augeas/load/X/incl", file]);
        script.add_word("load");
        script
    }

    /// Asks what a pattern matches.
    pub fn ask(&mut self, pattern: &str) {
        self.add_word("get /augeas/load/X/lens");
        self.add("match", &[pattern]);
        self.questions += 1;
    }

    /// Adds a command.
    pub fn add(&mut self, command: &str, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.commands.push(format!("{command} {}", words.join(" ")));
    }

    /// Adds a word that does all by itself.
    pub fn add_word(&mut self, word: &str) {
        self.commands.push(word.to_owned());
    }

    /// The text that augtool reads.
    pub fn text(&self) -> String {
        let mut text = self.commands.join("\n");
        text.push('\n');
        text
    }

    /// What was found to each question, in order, in what augtool wrote; `None`: it did not answer them all.
    pub fn answers(&self, written: &str) -> Option<Vec<Matches>> {
        let mut all: Vec<Vec<&str>> = Vec::new();
        for line in written.lines() {
            if line == self.mark {
                all.push(Vec::new());
            } else if let Some(answer) = all.last_mut() {
                answer.push(line);
            }
        }
        (all.len() == self.questions).then(|| all.iter().map(|answer| read(answer)).collect())
    }
}

/// A word as augtool takes it back.
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

fn read(answer: &[&str]) -> Matches {
    let mut matches: Matches = Vec::new();
    for line in answer {
        match line.split_once(" = ") {
            Some((path, value)) if path.starts_with('/') => {
                matches.push((path.to_owned(), (value != "(none)").then(|| value.to_owned())));
            }
            // A value goes on on the next line.
            _ => {
                if let Some((_, Some(value))) = matches.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_so_that_they_come_back() {
        let mut script = Script::load("Hosts.lns", "/etc/hosts");
        script.add("set", &["/files/etc/hosts/*[ipaddr = \"::1\"]", "a\\b\nc"]);
        assert_eq!(
            script.text(),
            "set \"/augeas/load/X/lens\" \"Hosts.lns\"\nset \"/augeas/load/X/incl\" \"/etc/hosts\"\nload\n\
             set \"/files/etc/hosts/*[ipaddr = \\\"::1\\\"]\" \"a\\\\b\\nc\"\n"
        );
    }

    #[test]
    fn the_answers_to_questions_are_told_apart() {
        let mut script = Script::load("X.lns", "/f");
        ["/a", "/b", "/c"].iter().for_each(|path| script.ask(path));
        let mark = "/augeas/load/X/lens = X.lns";
        let written =
            format!("{mark}\n/a/1 = x = y\n/a/2 = (none)\n{mark}\n  (no matches)\n{mark}\n/c = one\n\ntwo\n");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            script.answers(&written).unwrap(),
            [
                vec![("/a/1".into(), some("x = y")), ("/a/2".into(), None)],
                vec![],
                vec![("/c".into(), some("one\n\ntwo"))],
            ]
        );
        assert_eq!(script.answers("cannot start"), None);
    }
}

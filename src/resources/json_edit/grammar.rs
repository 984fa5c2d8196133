//! Edits as they are written: a path, what is done there, and a value.

use super::json::{Json, NoJson, STRICT, parse};

/// One edit.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// As it was written.
    pub text: String,
    /// Where.
    pub path: Vec<Step>,
    /// What is done there.
    pub act: Act,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Member(String),
    /// An element of an array; negative: from its end.
    Element(i64),
}

/// A path in its one form, names in quotes.
pub fn path_text(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Member(name) => format!("[{name:?}]"),
        Step::Element(at) => format!("[{at}]"),
    };
    format!(".{}", path.iter().map(step).collect::<String>())
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// `=`: it becomes this.
    Set(Json),
    /// `+=`: these are in it.
    Add(Json),
    /// `-=`: these are not in it.
    Take(Vec<Json>),
    /// `del()`: it is not there.
    Delete,
}

/// Why a text is no edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoEdit {
    /// Where, in characters from 1.
    pub column: usize,
    /// In words.
    pub reason: String,
}

/// Reads an edit.
///
/// # Errors
/// Where it is none.
pub fn edit(text: &str) -> Result<Edit, NoEdit> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    let deletes = reader.takes("del");
    let act = if deletes {
        reader.blanks();
        reader.expect("(")?;
        reader.blanks();
        let path = reader.path()?;
        reader.blanks();
        reader.expect(")")?;
        reader.end()?;
        match path.last() {
            Some(Step::Member(_)) => {}
            Some(Step::Element(_)) => {
                let reason = "each run would delete another element: take it out by its value, with \"-=\"";
                return Err(reader.wrong_at(reader.at, reason));
            }
            None => return Err(reader.wrong_at(reader.at, "the whole cannot be deleted")),
        }
        return Ok(Edit { text: text.trim().to_owned(), path, act: Act::Delete });
    } else {
        let path = reader.path()?;
        reader.blanks();
        (path, reader.operator()?)
    };
    let (path, operator) = act;
    let start = reader.at;
    let value = reader.value()?;
    let act = match (operator, value) {
        (Operator::Set, value) => Act::Set(value),
        (Operator::Add, value @ (Json::Array(_) | Json::Object(_))) => Act::Add(value),
        (Operator::Take, Json::Array(elements)) => Act::Take(elements),
        (Operator::Add, _) => {
            let reason = "only an array or an object can be added, or each run would add again";
            return Err(reader.wrong_at(start, reason));
        }
        (Operator::Take, _) => return Err(reader.wrong_at(start, "only an array can be taken away")),
    };
    Ok(Edit { text: text.trim().to_owned(), path, act })
}

#[derive(Clone, Copy)]
enum Operator {
    Set,
    Add,
    Take,
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn wrong_at(&self, at: usize, reason: impl Into<String>) -> NoEdit {
        NoEdit { column: 1 + self.text[..at.min(self.text.len())].chars().count(), reason: reason.into() }
    }

    fn wrong(&self, expected: &str) -> NoEdit {
        let found = match self.rest().chars().next() {
            Some(found) => format!("{:?}", found.to_string()),
            None => "the end".to_owned(),
        };
        self.wrong_at(self.at, format!("expected {expected}, found {found}"))
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), NoEdit> {
        if self.takes(word) { Ok(()) } else { Err(self.wrong(&format!("{word:?}"))) }
    }

    fn end(&mut self) -> Result<(), NoEdit> {
        self.blanks();
        if self.rest().is_empty() { Ok(()) } else { Err(self.wrong("the end")) }
    }

    /// `.` for the whole, or steps.
    fn path(&mut self) -> Result<Vec<Step>, NoEdit> {
        if !self.rest().starts_with('.') {
            return Err(self.wrong("a path that begins with \".\""));
        }
        let mut steps = Vec::new();
        loop {
            if self.takes(".") {
                match self.rest().chars().next() {
                    Some('"') => steps.push(Step::Member(self.quoted()?)),
                    Some('[') if steps.is_empty() => {}
                    Some(c) if is_name(c) && !c.is_ascii_digit() => {
                        let rest = self.rest();
                        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                        steps.push(Step::Member(rest[..end].to_owned()));
                        self.at += end;
                    }
                    _ if steps.is_empty() => return Ok(steps),
                    _ => return Err(self.wrong("a name (others in quotes, as in .\"a b\")")),
                }
            } else if self.takes("[") {
                self.blanks();
                steps.push(self.index()?);
                self.blanks();
                self.expect("]")?;
            } else {
                return Ok(steps);
            }
        }
    }

    fn index(&mut self) -> Result<Step, NoEdit> {
        if self.rest().starts_with('"') {
            return Ok(Step::Member(self.quoted()?));
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        let index = rest[..end].parse().map_err(|_| self.wrong("a number or a name in quotes"))?;
        self.at += end;
        Ok(Step::Element(index))
    }

    /// A text in quotes, as JSON has it.
    fn quoted(&mut self) -> Result<String, NoEdit> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.wrong_at(self.at, "the quotes are not closed")) };
        let text = serde_json::from_str(&rest[..=end])
            .map_err(|_| self.wrong_at(self.at, "it is no text as JSON has it"))?;
        self.at += end + 1;
        Ok(text)
    }

    fn operator(&mut self) -> Result<Operator, NoEdit> {
        for (sign, operator) in [("+=", Operator::Add), ("-=", Operator::Take), ("=", Operator::Set)] {
            if self.takes(sign) {
                self.blanks();
                return Ok(operator);
            }
        }
        Err(self.wrong("\"=\", \"+=\" or \"-=\""))
    }

    fn value(&mut self) -> Result<Json, NoEdit> {
        let root = parse(self.rest(), &STRICT).map_err(|NoJson { at, reason, .. }| {
            self.wrong_at(self.at + at, format!("the value is no JSON: {reason}"))
        })?;
        Ok(Json::of(&root.value().expect("what was read has a value")))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Step> {
        edit(&format!("{text} = 1")).unwrap().path
    }

    fn member(name: &str) -> Step {
        Step::Member(name.to_owned())
    }

    #[test]
    fn paths_are_names_texts_and_numbers() {
        assert_eq!(path(".a.b"), [member("a"), member("b")]);
        assert_eq!(path(".a[\"x y\"][0]"), [member("a"), member("x y"), Step::Element(0)]);
        assert_eq!(path(".\"a \\\"b\"[ -1 ].c-d"), [member("a \"b"), Step::Element(-1), member("c-d")]);
        assert_eq!(path(".[2]"), [Step::Element(2)]);
        assert_eq!(path("."), []);
    }

    #[test]
    fn what_is_done_is_told_by_its_sign() {
        let act = |text: &str| edit(text).unwrap().act;
        assert_eq!(act(" .a={\"k\": true} "), Act::Set(Json::Object(vec![("k".into(), Json::Bool(true))])));
        assert_eq!(act(".a += [\"x\"]"), Act::Add(Json::Array(vec![Json::Text("x".into())])));
        assert_eq!(act(".a -= [1]"), Act::Take(vec![Json::Number("1".into())]));
        assert_eq!(act("del( .a[0].b )"), Act::Delete);
        assert_eq!(edit(" .a = 1 ").unwrap().text, ".a = 1");
        // A name may begin as the word does.
        assert_eq!(path(".del"), [member("del")]);
    }

    #[test]
    fn mistakes_are_told_at_their_column() {
        for (text, column, reason) in [
            ("a = 1", 1, "expected a path"),
            (".a 1", 4, "expected \"=\", \"+=\" or \"-=\", found \"1\""),
            (".a = ", 6, "no JSON"),
            (".a = {x: 1}", 7, "no JSON"),
            (".ä.ö = 1 2", 10, "no JSON"),
            (".a..b = 1", 4, "expected a name"),
            (".a[x] = 1", 4, "expected a number"),
            (".a[0 = 1", 6, "expected \"]\""),
            (".\"a = 1", 2, "not closed"),
            (".a += 1", 7, "each run would add again"),
            (".a -= {}", 7, "only an array"),
            ("del(.a", 7, "expected \")\", found the end"),
            ("del(.a) x", 9, "expected the end"),
            ("del(.)", 7, "cannot be deleted"),
            ("del(.a[0])", 11, "take it out by its value"),
            ("", 1, "found the end"),
        ] {
            let error = edit(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error:?}");
            assert!(error.reason.contains(reason), "{text}: {error:?}");
        }
    }
}

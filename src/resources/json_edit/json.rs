//! JSON values with their order, to compare and to insert.

use std::fmt;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstRootNode};

/// What is nested deeper is not read: readers of JSON call themselves for each level.
const DEEPEST: usize = 200;

/// JSON as the standard has it.
pub const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// With the comments and last commas that many programs allow in their settings.
pub const WITH_COMMENTS: ParseOptions =
    ParseOptions { allow_comments: true, allow_trailing_commas: true, ..STRICT };

/// A value.
#[derive(Clone, Debug)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// Elements.
    Array(Vec<Json>),
    /// Members, in their order.
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON: where, in bytes, and what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct NoJson {
    /// From the beginning of the text, in bytes.
    pub at: usize,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// In words.
    pub reason: String,
}

/// Reads a text.
///
/// # Errors
/// Where it is no JSON.
pub fn parse(text: &str, options: &ParseOptions) -> Result<CstRootNode, NoJson> {
    if let Some(at) = too_deep(text) {
        return Err(no_json(text, at, format!("it is nested more than {DEEPEST} levels deep")));
    }
    let root = CstRootNode::parse(text, options)
        .map_err(|error| no_json(text, error.range().start, error.kind().to_string().to_lowercase()))?;
    match root.value() {
        Some(_) => Ok(root),
        None => Err(no_json(text, text.len(), "there is no value".to_owned())),
    }
}

fn no_json(text: &str, at: usize, reason: String) -> NoJson {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    NoJson { at, line, column, reason }
}

/// Where a text is nested too deep. Texts that are no JSON may seem to be.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Some(at);
        }
    }
    None
}

impl Json {
    /// The value of a node.
    pub fn of(node: &CstNode) -> Self {
        if let Some(object) = node.as_object() {
            let members = object.properties().into_iter().filter_map(|member| {
                Some((member.decoded_name()?, member.value().map_or(Self::Null, |value| Self::of(&value))))
            });
            return Self::Object(members.collect());
        }
        if let Some(array) = node.as_array() {
            return Self::Array(array.elements().iter().map(Self::of).collect());
        }
        if let Some(text) = node.as_string_lit() {
            return Self::Text(text.decoded_value().unwrap_or_default());
        }
        if let Some(number) = node.as_number_lit() {
            return Self::Number(number.to_string());
        }
        node.as_boolean_lit().map_or(Self::Null, |found| Self::Bool(found.value()))
    }

    /// To be inserted.
    pub fn to_input(&self) -> CstInputValue {
        match self {
            Self::Null => CstInputValue::Null,
            Self::Bool(value) => CstInputValue::Bool(*value),
            Self::Number(number) => CstInputValue::Number(number.clone()),
            Self::Text(text) => CstInputValue::String(text.clone()),
            Self::Array(elements) => CstInputValue::Array(elements.iter().map(Self::to_input).collect()),
            Self::Object(members) => CstInputValue::Object(
                members.iter().map(|(name, value)| (name.clone(), value.to_input())).collect(),
            ),
        }
    }

    /// What sort of value it is, in words.
    pub fn sort(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// As a file of its own, with so many blanks a level.
    pub fn pretty(&self, indent: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, indent, 1);
        text.push('\n');
        text
    }

    fn write(&self, text: &mut String, indent: usize, level: usize) {
        let mut all = |open: char, close: char, items: Vec<(Option<&str>, &Self)>| {
            text.push(open);
            let line = |text: &mut String, level: usize| {
                if indent > 0 {
                    text.push('\n');
                    text.extend(std::iter::repeat_n(' ', indent * level));
                }
            };
            for (at, (name, value)) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                line(text, level);
                if let Some(name) = name {
                    text.push_str(&quoted(name));
                    text.push_str(if indent > 0 { ": " } else { ":" });
                }
                value.write(text, indent, level + 1);
            }
            if !items.is_empty() {
                line(text, level - 1);
            }
            text.push(close);
        };
        match self {
            Self::Array(elements) => all('[', ']', elements.iter().map(|value| (None, value)).collect()),
            Self::Object(members) => {
                all('{', '}', members.iter().map(|(name, value)| (Some(name.as_str()), value)).collect());
            }
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => text.push_str(number),
            Self::Text(value) => text.push_str(&quoted(value)),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written as JSON")
}

/// On one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pretty(0).trim_end())
    }
}

/// The order of members does not count; of a name that comes twice, the last does.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            // 1 and 1.0 are the same; great integers are compared digit by digit.
            (Self::Number(a), Self::Number(b)) => {
                a == b || is_float(a, b) && a.parse::<f64>() == b.parse::<f64>()
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => {
                let in_both = |a: &[(String, Self)], b: &[(String, Self)]| {
                    a.iter().all(|(name, _)| member(a, name) == member(b, name))
                };
                in_both(a, b) && in_both(b, a)
            }
            _ => false,
        }
    }
}

fn is_float(a: &str, b: &str) -> bool {
    [a, b].iter().any(|number| number.contains(['.', 'e', 'E']))
}

/// A member of an object.
pub fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::of(&parse(text, &STRICT).unwrap().value().unwrap())
    }

    #[test]
    fn values_are_compared_and_not_how_they_are_written() {
        for (a, b, same) in [
            (r#"{"a":1,"b":[1,2]}"#, "{ \"b\" : [1, 2], \"a\" : 1.0 }", true),
            ("[1,2]", "[2,1]", false),
            ("{}", "[]", false),
            (r#"{"a":null}"#, "{}", false),
            (r#""\u0041""#, r#""A""#, true),
            ("10000000000000000001", "10000000000000000002", false),
            ("1e2", "100", true),
            ("true", "false", false),
        ] {
            assert_eq!(json(a) == json(b), same, "{a} {b}");
        }
    }

    #[test]
    fn a_value_is_written_with_its_order() {
        let value = json(r#"{"b":[1,{}],"a":"x\n","e":[]}"#);
        assert_eq!(value.to_string(), r#"{"b":[1,{}],"a":"x\n","e":[]}"#);
        assert_eq!(
            value.pretty(2),
            "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"x\\n\",\n  \"e\": []\n}\n"
        );
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for text in ["", "{", "{\n  \"a\": }", "[1,]", "{a: 1}", "1 2", "'x'"] {
            assert!(parse(text, &STRICT).is_err(), "{text}");
        }
        assert_eq!(parse("{\n  \"a\": }", &STRICT).unwrap_err().line, 2);
        assert!(parse("// why\n[1,]", &WITH_COMMENTS).is_ok());
        assert!(parse(&"[".repeat(100_000), &STRICT).unwrap_err().reason.contains("deep"));
    }
}

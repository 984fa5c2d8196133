//! Edits of a text of JSON: what they do not concern stays as it was, byte by byte.

use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};

use super::grammar::{Act, Edit, Step};
use super::json::{Json, NoJson, WITH_COMMENTS, parse};

/// Why an edit cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The text is no JSON.
    #[error(transparent)]
    NoJson(#[from] NoJson),
    /// Something on the way is of another sort.
    #[error("`{edit}`: there is {found} {}, where {wanted} is needed", at(.place))]
    Sort {
        /// The edit.
        edit: String,
        /// What is of another sort.
        place: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// An element beyond the end.
    #[error("`{edit}`: the array {} has {length} element{}", at(.place), if *.length == 1 { "" } else { "s" })]
    Beyond {
        /// The edit.
        edit: String,
        /// The array.
        place: String,
        /// How many there are.
        length: usize,
    },
}

/// Where something is; an empty path is the whole.
fn at(place: &str) -> String {
    if place.is_empty() { "at the top of the file".to_owned() } else { format!("at `{place}`") }
}

impl ChangeError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let whole = |place: &str| if place.is_empty() { ".".to_owned() } else { place.to_owned() };
        match self {
            Self::NoJson(_) => Some("it is left as it is: repair it, or remove it".to_owned()),
            Self::Sort { found: "an array", wanted: "an object", place, .. } => {
                let place = if place.is_empty() { "." } else { place };
                Some(format!("elements are chosen by number: `{place}[0]`"))
            }
            Self::Sort { wanted, place, .. } => {
                let empty = if *wanted == "an array" { "[]" } else { "{}" };
                Some(format!("an edit `{} = {empty}` before this one replaces what is there", whole(place)))
            }
            Self::Beyond { place, length, .. } => Some(format!(
                "the next element is `{}[{length}]`; `{} += [...]` adds what is not there yet",
                if place.is_empty() { "." } else { place },
                whole(place)
            )),
        }
    }
}

/// What an edit changed.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// The edit.
    pub edit: String,
    /// What was there.
    pub found: Option<Json>,
    /// What is there now.
    pub made: Option<Json>,
}

/// Makes all edits, in order. Returns the new text, and what each has changed that changed anything.
///
/// # Errors
/// When the text is no JSON; when something on the way is of another sort.
pub fn change(text: &str, edits: &[Edit]) -> Result<(String, Vec<Change>), ChangeError> {
    let root = parse(text, &WITH_COMMENTS)?;
    let before = value(&root);
    let mut changes = Vec::new();
    for edit in edits {
        let maker = Maker { edit, root: &root };
        let found = maker.find();
        maker.make()?;
        let made = maker.find();
        if found != made {
            changes.push(Change { edit: edit.text.clone(), found, made });
        }
    }
    // One edit may take back what another did.
    if value(&root) == before {
        return Ok((text.to_owned(), Vec::new()));
    }
    Ok((root.to_string(), changes))
}

fn value(root: &CstRootNode) -> Option<Json> {
    root.value().map(|node| Json::of(&node))
}

struct Maker<'a> {
    edit: &'a Edit,
    root: &'a CstRootNode,
}

impl Maker<'_> {
    /// The value at the edit's path.
    fn find(&self) -> Option<Json> {
        self.node(&self.edit.path).map(|node| Json::of(&node))
    }

    fn node(&self, path: &[Step]) -> Option<CstNode> {
        path.iter().try_fold(self.root.value()?, |node, step| match step {
            Step::Member(name) => get(&node.as_object()?, name),
            Step::Element(index) => {
                let elements = node.as_array()?.elements();
                elements.get(position(*index, elements.len())?).cloned()
            }
        })
    }

    fn make(&self) -> Result<(), ChangeError> {
        match &self.edit.act {
            Act::Set(wanted) => {
                if self.find().as_ref() != Some(wanted) {
                    self.put(&self.edit.path, wanted)?;
                }
                Ok(())
            }
            Act::Delete => self.delete(),
            Act::Take(elements) => self.take(elements),
            Act::Add(Json::Array(elements)) => self.add_elements(elements),
            Act::Add(Json::Object(members)) => self.add_members(members),
            Act::Add(_) => unreachable!("only arrays and objects are added"),
        }
    }

    /// Has a value at a path, and objects on the way to it.
    fn put(&self, path: &[Step], wanted: &Json) -> Result<(), ChangeError> {
        let Some((last, way)) = path.split_last() else {
            self.root.set_value(wanted.to_input());
            return Ok(());
        };
        if self.node(way).is_none() {
            let empty = match last {
                Step::Member(_) => Json::Object(Vec::new()),
                Step::Element(_) => Json::Array(Vec::new()),
            };
            self.put(way, &empty)?;
        }
        let node = self.node(way).expect("it was just made");
        match last {
            Step::Member(name) => {
                let object = node.as_object().ok_or_else(|| self.sort(way, &node, "an object"))?;
                match object.properties().into_iter().rfind(|it| it.decoded_name().as_ref() == Some(name)) {
                    Some(member) => member.set_value(wanted.to_input()),
                    None => drop(object.append(name, wanted.to_input())),
                }
            }
            Step::Element(index) => {
                let array = node.as_array().ok_or_else(|| self.sort(way, &node, "an array"))?;
                let elements = array.elements();
                match position(*index, elements.len()) {
                    Some(at) if at < elements.len() => replace(elements[at].clone(), wanted.to_input()),
                    Some(at) if at == elements.len() => drop(array.append(wanted.to_input())),
                    _ => return Err(self.beyond(way, elements.len())),
                }
            }
        }
        Ok(())
    }

    fn delete(&self) -> Result<(), ChangeError> {
        let (last, way) = self.edit.path.split_last().expect("the whole is not deleted");
        // What is not there need not go.
        let Some(node) = self.node(way) else { return Ok(()) };
        if let Step::Member(name) = last {
            let object = node.as_object().ok_or_else(|| self.sort(way, &node, "an object"))?;
            let all = object.properties();
            all.into_iter().filter(|it| it.decoded_name().as_ref() == Some(name)).for_each(|it| it.remove());
        }
        Ok(())
    }

    fn take(&self, elements: &[Json]) -> Result<(), ChangeError> {
        let Some(node) = self.node(&self.edit.path) else { return Ok(()) };
        let array = self.array(&node)?;
        let unwanted = array.elements().into_iter().filter(|it| elements.contains(&Json::of(it)));
        unwanted.for_each(CstNode::remove);
        Ok(())
    }

    fn add_elements(&self, wanted: &[Json]) -> Result<(), ChangeError> {
        let Some(node) = self.node(&self.edit.path) else {
            return self.put(&self.edit.path, &Json::Array(wanted.to_vec()));
        };
        let array = self.array(&node)?;
        for element in wanted {
            if !array.elements().iter().any(|it| Json::of(it) == *element) {
                array.append(element.to_input());
            }
        }
        Ok(())
    }

    fn add_members(&self, wanted: &[(String, Json)]) -> Result<(), ChangeError> {
        if self.node(&self.edit.path).is_none() {
            return self.put(&self.edit.path, &Json::Object(wanted.to_vec()));
        }
        for (name, value) in wanted {
            let mut path = self.edit.path.clone();
            path.push(Step::Member(name.clone()));
            if self.node(&path).map(|node| Json::of(&node)).as_ref() != Some(value) {
                self.put(&path, value)?;
            }
        }
        Ok(())
    }

    fn array(&self, node: &CstNode) -> Result<CstArray, ChangeError> {
        node.as_array().ok_or_else(|| self.sort(&self.edit.path, node, "an array"))
    }

    fn sort(&self, path: &[Step], node: &CstNode, wanted: &'static str) -> ChangeError {
        let (edit, found) = (self.edit.text.clone(), Json::of(node).sort());
        ChangeError::Sort { edit, place: show(path), found, wanted }
    }

    fn beyond(&self, path: &[Step], length: usize) -> ChangeError {
        ChangeError::Beyond { edit: self.edit.text.clone(), place: show(path), length }
    }
}

/// Of a name that comes twice, the last counts, as for those who read the file.
fn get(object: &CstObject, name: &str) -> Option<CstNode> {
    let all = object.properties().into_iter();
    all.rev().find(|member| member.decoded_name().as_deref() == Some(name))?.value()
}

fn position(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn replace(node: CstNode, wanted: CstInputValue) {
    let replaced = if let Some(node) = node.as_object() {
        node.replace_with(wanted)
    } else if let Some(node) = node.as_array() {
        node.replace_with(wanted)
    } else if let Some(node) = node.as_string_lit() {
        node.replace_with(wanted)
    } else if let Some(node) = node.as_number_lit() {
        node.replace_with(wanted)
    } else if let Some(node) = node.as_boolean_lit() {
        node.replace_with(wanted)
    } else {
        node.as_null_keyword().and_then(|node| node.replace_with(wanted))
    };
    debug_assert!(replaced.is_some(), "every value can be replaced");
}

fn show(path: &[Step]) -> String {
    if path.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member(name) if name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                text.push('.');
                text.push_str(name);
            }
            Step::Member(name) => text.push_str(&format!(".{name:?}")),
            Step::Element(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::grammar::edit;
    use super::*;

    fn changed(text: &str, edits: &[&str]) -> Result<String, String> {
        let edits: Vec<Edit> = edits.iter().map(|text| edit(text).unwrap()).collect();
        let told = |error: ChangeError| format!("{error} | {}", error.hint().unwrap_or_default());
        let (first, _) = change(text, &edits).map_err(told)?;
        let (again, changes) = change(&first, &edits).unwrap();
        assert_eq!((again.as_str(), changes.len()), (first.as_str(), 0), "it is done once");
        Ok(first)
    }

    #[test]
    fn what_is_not_concerned_stays_as_it_is() {
        let text = "{\n    // why\n    \"b\" : 1,\n    \"a\": [1,2],\n    \"c\": {}\n}\n";
        assert_eq!(
            changed(text, &[".a[1] = 3", ".c.d = true"]).unwrap(),
            "{\n    // why\n    \"b\" : 1,\n    \"a\": [1,3],\n    \"c\": {\n        \"d\": true\n    }\n}\n"
        );
        assert_eq!(changed(text, &[".b = 1.0", ".a = [1, 2]", "del(.x.y)"]).unwrap(), text);
        assert_eq!(changed(text, &["del(.b)", ".b = 1"]).unwrap(), text, "the values are the same");
    }

    #[test]
    fn edits_set_add_take_and_delete() {
        for (text, edit, result) in [
            ("{}", ".a.b = 1", r#"{"a":{"b":1}}"#),
            ("{}", ".a[0].b = 1", r#"{"a":[{"b":1}]}"#),
            (r#"{"a":1}"#, ".a = {\"k\": [true, null]}", r#"{"a":{"k":[true,null]}}"#),
            ("[1,2,3]", ".[-1] = 4", "[1,2,4]"),
            ("[1,2,3]", ".[3] = 4", "[1,2,3,4]"),
            ("[1,2,1]", ". -= [1]", "[2]"),
            (r#"{"l":["x"]}"#, ".l += [\"x\",\"y\"]", r#"{"l":["x","y"]}"#),
            ("{}", ".l += [\"x\"]", r#"{"l":["x"]}"#),
            (r#"{"a":1}"#, ". += {\"a\": 2, \"b\": 3}", r#"{"a":2,"b":3}"#),
            (r#"{"a":1,"b":2}"#, "del(.a)", r#"{"b":2}"#),
            ("1", ". = {}", "{}"),
            ("[null,true,\"x\",[],{}]", ".[0] = 1", "[1,true,\"x\",[],{}]"),
        ] {
            let made = changed(text, &[edit]).unwrap();
            let value = Json::of(&parse(&made, &WITH_COMMENTS).unwrap().value().unwrap());
            assert_eq!(value.to_string(), result, "{edit} of {text} gave {made}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (text, edit, why) in [
            (
                r#"{"a":1}"#,
                ".a.b = 1",
                "`.a.b = 1`: there is a number at `.a`, where an object is needed \
                 | an edit `.a = {}` before this one replaces what is there",
            ),
            (
                r#"{"a":{}}"#,
                ".a += [1]",
                "`.a += [1]`: there is an object at `.a`, where an array is needed \
                 | an edit `.a = []` before this one replaces what is there",
            ),
            (
                r#"{"a b":[]}"#,
                ".\"a b\"[1] = 1",
                "`.\"a b\"[1] = 1`: the array at `.\"a b\"` has 0 elements | the next element is `.\"a b\"[0]`",
            ),
            (
                "[]",
                ".a = 1",
                "`.a = 1`: there is an array at the top of the file, where an object is needed \
                 | elements are chosen by number: `.[0]`",
            ),
            ("{\n oops", ".a = 1", "line 2"),
        ] {
            let error = changed(text, &[edit]).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_an_edit_changed_is_told_with_both_sides() {
        let (_, changes) =
            change(r#"{"a":1}"#, &[edit(".a = 1").unwrap(), edit("del(.a)").unwrap()]).unwrap();
        let found = Some(Json::Number("1".into()));
        assert_eq!(changes, [Change { edit: "del(.a)".into(), found, made: None }]);
    }
}

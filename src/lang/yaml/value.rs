//! From a node to a value, directed by the type that is wanted.

use std::collections::HashSet;
use std::sync::Arc;

use super::build::DEPTH;
use super::reader::Reader;
use super::scalar::{self, NoInteger};
use super::tree::{Id, Shape};
use crate::engine::ty::Width;
use crate::engine::{Type, Value};
use crate::lang::diag::{Quoted, codes};

/// What a person would call a type.
fn wanted(ty: &Type) -> String {
    match ty {
        Type::Bool => "a boolean".to_owned(),
        Type::Int(_) => "an integer".to_owned(),
        Type::Float => "a number".to_owned(),
        Type::Str => "a string".to_owned(),
        Type::List(_) => "a list".to_owned(),
        Type::Map(..) => "a map".to_owned(),
        Type::Struct(_) => format!("a map with the keys of {ty}"),
        Type::Optional(ty) => wanted(ty),
        Type::Any => "a value".to_owned(),
    }
}

impl Reader<'_> {
    /// The value of a node; `None` when it is wrong, which is then reported. `of` is the parameter's name.
    pub fn value(&mut self, id: Id, ty: &Type, of: &str) -> Option<Value> {
        self.typed(id, ty, of, 0)
    }

    fn typed(&mut self, id: Id, ty: &Type, of: &str, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            self.too_deep(id);
            return None;
        }
        let id = self.resolve(id)?;
        let shape = self.tree.shape(id);
        match (ty, shape) {
            (Type::Optional(ty), _) => self.typed(id, ty, of, depth),
            (Type::Any, _) => self.any(id, of, depth),
            (Type::List(item), Shape::List) => self.items(id, item, of, depth),
            (Type::Map(key, value), Shape::Map) => self.typed_map(id, key, value, of, depth),
            (Type::Struct(fields), Shape::Map) => self.fields(id, fields, of, depth),
            (Type::Str, Shape::Text) => Some(Value::str(self.tree.text(id))),
            (Type::Str, Shape::Plain) if !self.tree.is_null(id) => Some(Value::str(self.tree.text(id))),
            (Type::Bool | Type::Int(_) | Type::Float, Shape::Plain) => self.plain(id, ty, of),
            _ => {
                let hint = self.type_hint(id, ty);
                self.wrong_type(id, &wanted(ty), of, hint);
                None
            }
        }
    }

    fn type_hint(&self, id: Id, ty: &Type) -> Option<String> {
        let text = self.tree.text(id);
        let fits = match ty {
            Type::Bool => scalar::boolean(text).is_some(),
            Type::Int(_) => scalar::integer(text).is_ok(),
            Type::Float => scalar::float(text).is_some(),
            Type::List(_) if matches!(self.tree.shape(id), Shape::Plain | Shape::Text) => {
                return Some("write a list as `[a, b]`, or one entry a line, each after `- `".to_owned());
            }
            Type::Str if self.tree.is_null(id) => {
                return Some("put it into quotes to mean the text".to_owned());
            }
            _ => false,
        };
        (fits && self.tree.shape(id) == Shape::Text).then(|| "remove the quotes".to_owned())
    }

    fn plain(&mut self, id: Id, ty: &Type, of: &str) -> Option<Value> {
        let text = self.tree.text(id);
        let (value, hint) = match ty {
            Type::Bool => (scalar::boolean(text).map(Value::Bool), "write `true` or `false`"),
            Type::Float => (scalar::float(text).map(Value::Float), "write a number such as 0.5, or `.inf`"),
            Type::Int(width) => match scalar::integer(text) {
                Ok(number) => return self.ranged(id, number, *width, of),
                Err(NoInteger::TooLarge) => {
                    self.out_of_range(id, *width, of);
                    return None;
                }
                Err(NoInteger::Other) => (None, "write a whole number such as 10, 0x1f or 0o17"),
            },
            _ => (None, ""),
        };
        if value.is_none() {
            self.wrong_type(id, &wanted(ty), of, Some(hint.to_owned()));
        }
        value
    }

    fn ranged(&mut self, id: Id, number: i64, width: Width, of: &str) -> Option<Value> {
        let (low, high) = width.bounds();
        if (low..=high).contains(&number) {
            return Some(Value::Int(number));
        }
        self.out_of_range(id, width, of);
        None
    }

    fn out_of_range(&mut self, id: Id, width: Width, of: &str) {
        let (low, high) = width.bounds();
        let message = format!("{} is out of range for {}", Quoted(self.tree.text(id)), Quoted(of));
        let diagnostic = self.error_at(&codes::OUT_OF_RANGE, id, message);
        self.findings.error(|| diagnostic.hint(format!("it takes {low} to {high}")));
    }

    fn items(&mut self, id: Id, ty: &Type, of: &str, depth: usize) -> Option<Value> {
        let tree = self.tree;
        let items: Vec<Option<Value>> =
            tree.children(id).map(|item| self.typed(item, ty, of, depth + 1)).collect();
        items.into_iter().collect::<Option<Vec<_>>>().map(|items| Value::List(items.into()))
    }

    fn typed_map(&mut self, id: Id, key: &Type, value: &Type, of: &str, depth: usize) -> Option<Value> {
        let pairs = self.map(id, of)?;
        let mut values = Vec::with_capacity(pairs.len());
        let mut whole = true;
        let mut keys = HashSet::new();
        for pair in pairs {
            let name = self.typed(pair.key, key, of, depth + 1);
            let value = self.typed(pair.value, value, of, depth + 1);
            let (Some(name), Some(value)) = (name, value) else {
                whole = false;
                continue;
            };
            // Equal texts are found already; `16` and `0x10` are equal keys too.
            if *key != Type::Str && !keys.insert(name.to_string()) {
                let message = format!("the key {name} is given twice, written differently");
                let diagnostic = self.error_at(&codes::DUPLICATE_KEY, pair.key, message);
                self.findings.error(|| diagnostic);
                whole = false;
            }
            values.push((name, value));
        }
        whole.then(|| Value::Map(values.into()))
    }

    fn fields(&mut self, id: Id, fields: &[(Arc<str>, Type)], of: &str, depth: usize) -> Option<Value> {
        let pairs = self.map(id, of)?;
        let mut whole = true;
        for pair in &pairs {
            if !fields.iter().any(|(name, _)| **name == *pair.text) {
                whole = false;
                let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
                let guess = self.findings.did_you_mean(pair.text, names.iter().copied());
                let hint = guess.map(|guess| format!("did you mean `{guess}`?"));
                let message = format!("unknown field {} of {}", Quoted(pair.text), Quoted(of));
                let diagnostic = self.error_at(&codes::UNKNOWN_KEY, pair.key, message);
                self.findings.error(|| diagnostic.maybe_hint(hint));
            }
        }
        let mut values = Vec::with_capacity(fields.len());
        for (name, ty) in fields {
            match pairs.iter().find(|pair| *pair.text == **name) {
                Some(pair) => match self.typed(pair.value, ty, name, depth + 1) {
                    Some(value) => values.push((name.clone(), value)),
                    None => whole = false,
                },
                None if matches!(ty, Type::Optional(_)) => {}
                None => {
                    whole = false;
                    let message = format!("{} lacks the field {}", Quoted(of), Quoted(name));
                    let diagnostic = self.error_at(&codes::MISSING_KEY, id, message);
                    self.findings.error(|| diagnostic.hint(format!("add `{name}: …`, of type {ty}")));
                }
            }
        }
        whole.then(|| Value::Struct(values.into()))
    }

    /// By what is written.
    fn any(&mut self, id: Id, of: &str, depth: usize) -> Option<Value> {
        let text = self.tree.text(id);
        match self.tree.shape(id) {
            Shape::List => self.items(id, &Type::Any, of, depth),
            Shape::Map => self.typed_map(id, &Type::Any, &Type::Any, of, depth),
            Shape::Text => Some(Value::str(text)),
            Shape::Alias => None,
            Shape::Plain => match (text, scalar::integer(text)) {
                _ if self.tree.is_null(id) => {
                    self.wrong_type(id, "a value", of, Some("remove the entry".to_owned()));
                    None
                }
                ("true" | "True" | "TRUE", _) => Some(Value::Bool(true)),
                ("false" | "False" | "FALSE", _) => Some(Value::Bool(false)),
                (_, Ok(number)) => Some(Value::Int(number)),
                (_, Err(NoInteger::TooLarge)) => {
                    self.out_of_range(id, Width::I64, of);
                    None
                }
                _ => Some(scalar::float(text).map_or_else(|| Value::str(text), Value::Float)),
            },
        }
    }
}

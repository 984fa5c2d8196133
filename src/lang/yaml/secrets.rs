//! `{secret: NAME}` in place of a string: the parameter receives the secret from a resource that the text does not name.

use std::sync::Arc;

use super::document::Document;
use super::reader::Pair;
use super::tree::{Id, Shape};
use crate::engine::declaration::Receive;
use crate::engine::graph::dag::Node;
use crate::engine::graph::{Edge, Vertex};
use crate::engine::{Declaration, Label, Origin, ParamDecl, Params, Type, Value};
use crate::lang::diag::codes;

/// The key, and the kind that sends it.
const SECRET: &str = "secret";
/// Under which name that kind sends.
const KEY: &str = "value";

/// A secret that a text uses, where it does so first.
pub(super) struct UsedSecret {
    /// Which.
    pub from: Label,
    /// Where.
    pub origin: Origin,
    /// By what.
    pub by: Node,
}

/// Whether a type takes a string and nothing that is written as a map.
fn is_string(ty: &Type) -> bool {
    match ty {
        Type::Str => true,
        Type::Optional(ty) => is_string(ty),
        _ => false,
    }
}

impl<'t> Document<'t> {
    /// The parameter as it is written, if secrets stand in it: what it receives goes into `receives`, what else it holds into
    /// `params`. `None`: no secret stands in it; `Some(false)`: something is wrong with one, which is reported.
    pub(super) fn secret_param(
        &mut self,
        pair: &Pair<'t>,
        decl: &ParamDecl,
        params: &mut Params,
        receives: &mut Vec<Receive>,
    ) -> Option<bool> {
        let mut receive =
            |from, entry| receives.push(Receive { param: decl.name, from, key: KEY.into(), entry });
        // Where no kind sends them there are none.
        self.registry.entry(SECRET)?;
        let id = self.reader.resolve(pair.value)?;
        if is_string(&decl.ty) {
            let found = self.secret(id)?;
            found.clone().into_iter().for_each(|from| receive(from, None));
            return Some(found.is_some());
        }
        let Type::Map(_, value) = &decl.ty else { return None };
        if !is_string(value) || !self.holds_secrets(id) {
            return None;
        }
        let mut whole = true;
        let mut plain: Vec<(Value, Value)> = Vec::new();
        for entry in self.reader.map(id, decl.name)? {
            match self.secret(entry.value) {
                Some(Some(from)) => receive(from, Some(Arc::from(entry.text))),
                Some(None) => whole = false,
                None => match self.reader.value(entry.value, value, decl.name) {
                    Some(value) => plain.push((Value::str(entry.text), value)),
                    None => whole = false,
                },
            }
        }
        params.set(decl.name, Value::Map(plain.into()));
        Some(whole)
    }

    /// Whether a map of strings has a secret in one of its values.
    fn holds_secrets(&self, id: Id) -> bool {
        let tree = self.reader.tree;
        let is_map = |id: Id| {
            let id = if tree.shape(id) == Shape::Alias { tree.target(id) } else { id };
            tree.shape(id) == Shape::Map
        };
        tree.shape(id) == Shape::Map && tree.children(id).skip(1).step_by(2).any(is_map)
    }

    /// The secret that is written in place of a string; `None`: none is, `Some(None)`: it is wrong, which is reported.
    fn secret(&mut self, id: Id) -> Option<Option<Label>> {
        let id = self.reader.resolve(id)?;
        if self.reader.tree.shape(id) != Shape::Map {
            return None;
        }
        // What else is a map is no string, and is told so.
        let pairs = self.reader.map(id, "a secret")?;
        let name = *pairs.iter().find(|pair| pair.text == SECRET)?;
        let mut whole = true;
        for other in pairs.iter().filter(|pair| pair.text != SECRET) {
            self.reader.unknown_key(other, "a secret", &[SECRET]);
            whole = false;
        }
        let Some(text) = self.reader.scalar(&name) else { return Some(None) };
        if text.is_empty() {
            let diagnostic =
                self.reader.error_at(&codes::BAD_NAME, name.value, "the name of this secret is empty");
            let hint = "`mgmt secret list` names those that there are";
            self.reader.findings.error(|| diagnostic.hint(hint));
            return Some(None);
        }
        Some(whole.then(|| Label::new(SECRET, text)))
    }

    /// Whether what receives secrets may: others would get it without them.
    pub(super) fn may_receive(&mut self, declaration: &Declaration, at: Id) -> bool {
        if declaration.receives.is_empty() || declaration.meta.export.is_empty() && !declaration.meta.hidden {
            return true;
        }
        let message = format!("{}: what is exported cannot have a secret of this host", declaration.label);
        let diagnostic = self.reader.error_at(&codes::REFUSED, at, message);
        let hint = "declare it where it runs: each host that the secret is for can read it";
        self.reader.findings.error(|| diagnostic.hint(hint));
        false
    }

    /// Notes which secrets a vertex receives.
    pub(super) fn uses_secrets(&mut self, node: Node) {
        let lead = self.graph.vertex(node).lead();
        let Some(origin) = lead.origin.clone() else { return };
        let used = lead.receives.iter().map(|receive| UsedSecret {
            from: receive.from.clone(),
            origin: origin.clone(),
            by: node,
        });
        self.secrets.extend(used);
    }

    /// Adds the resources that send secrets, each before all that receive it.
    pub(super) fn add_secrets(&mut self) {
        for UsedSecret { from, origin, by } in std::mem::take(&mut self.secrets) {
            let Some((_, kind)) = self.registry.entry(SECRET) else { return };
            let node = self.graph.find(&from).unwrap_or_else(|| {
                let mut declaration = Declaration::new(from, Params::new());
                declaration.origin = Some(origin);
                let (Ok(node) | Err(node)) = self.graph.add(Vertex::new(kind.clone(), declaration));
                node
            });
            self.graph.connect(node, by, Edge { notify: false, auto: None });
        }
    }
}

//! A YAML document as a tree with places: an arena of 20-byte nodes, children right after their parent. Scalars are
//! spans of the source wherever the text stands there as it is meant.

use std::sync::Arc;

use crate::engine::{Source, Span};

/// A node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(super) u32);

impl Id {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Unquoted text, which may stand for a number, boolean or null.
    Plain,
    /// Text that is only ever text: quoted, a block, or tagged `!!str`.
    Text,
    /// A list.
    List,
    /// A map: its children are keys and values in turn.
    Map,
    /// Another node's second appearance.
    Alias,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub span: Span,
    /// One past the last node of this subtree.
    pub end: u32,
    /// A scalar: where its text is ([`Node::AS_IS`], [`Node::UNQUOTED`], or an index of owned texts). An alias: its
    /// target. A list or map: unused.
    pub data: u32,
    pub shape: Shape,
}

impl Node {
    /// The text is the whole span.
    pub const AS_IS: u32 = u32::MAX;
    /// The text is the span without its first and last byte.
    pub const UNQUOTED: u32 = u32::MAX - 1;
}

/// A document.
#[derive(Debug)]
pub struct Tree {
    pub(super) source: Arc<Source>,
    pub(super) nodes: Vec<Node>,
    pub(super) owned: Vec<Box<str>>,
}

impl Tree {
    /// The text that it was parsed from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The root; `None`: the document holds nothing.
    pub fn root(&self) -> Option<Id> {
        (!self.nodes.is_empty()).then_some(Id(0))
    }

    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[id.index()]
    }

    /// What a node is.
    pub fn shape(&self, id: Id) -> Shape {
        self.node(id).shape
    }

    /// Where a node stands.
    pub fn span(&self, id: Id) -> Span {
        self.node(id).span
    }

    /// The node that an alias stands for.
    pub(super) fn target(&self, alias: Id) -> Id {
        Id(self.node(alias).data)
    }

    /// How many nodes a subtree has, itself included; aliases count as one.
    pub fn size(&self, id: Id) -> u32 {
        self.node(id).end - id.0
    }

    /// The text of a scalar; empty for others.
    pub fn text(&self, id: Id) -> &str {
        let node = self.node(id);
        if !matches!(node.shape, Shape::Plain | Shape::Text) {
            return "";
        }
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        match node.data {
            Node::AS_IS => &self.source.text()[start..end],
            Node::UNQUOTED => &self.source.text()[start + 1..end - 1],
            owned => &self.owned[owned as usize],
        }
    }

    /// The children of a list or map.
    pub fn children(&self, id: Id) -> impl Iterator<Item = Id> + use<'_> {
        let end = self.node(id).end;
        let mut next = id.0 + 1;
        std::iter::from_fn(move || {
            let child = Id(next);
            (next < end).then(|| {
                next = self.node(child).end;
                child
            })
        })
    }

    /// Whether a scalar is null: nothing, `~`, or `null`.
    pub fn is_null(&self, id: Id) -> bool {
        self.shape(id) == Shape::Plain && matches!(self.text(id), "" | "~" | "null" | "Null" | "NULL")
    }
}

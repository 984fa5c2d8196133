//! The generated reference page: kinds, meta-parameters, codes.

use std::fmt::Write as _;

use super::topic::Topics;
use crate::engine::kind::KindDoc;
use crate::engine::params::ParamDecl;

const HEAD: &str = "\
<!-- Generated from the declarations by `mgmt explain --all --markdown`; `make fix` writes it anew. -->

# Resources

Every kind of resource, what every resource understands whatever its kind, and what the codes of diagnostics mean.
The same texts come from `mgmt explain`.

";

/// The page, in Markdown.
pub fn page(topics: &Topics<'_>) -> String {
    let mut out = HEAD.to_owned();
    for kind in topics.kinds() {
        let _ = writeln!(out, "- [`{0}`](#{0}): {1}", kind.name, joined(kind.summary()));
    }
    for kind in topics.kinds() {
        describe(&mut out, kind);
    }
    out.push_str("\n## Meta-parameters\n\nEvery resource takes these under `meta:`, whatever its kind.\n\n");
    topics.meta().iter().for_each(|param| parameter(&mut out, param));
    out.push_str("\n## Codes of diagnostics\n");
    for code in topics.codes() {
        let _ = writeln!(out, "\n### {}: {}\n\n{}", code.id, code.title, code.explanation.trim());
    }
    out
}

fn describe(out: &mut String, kind: &KindDoc) {
    let _ = writeln!(out, "\n## {}\n\n{}\n\n### Parameters of {0}\n", kind.name, kind.doc.trim());
    kind.params.iter().for_each(|param| parameter(out, param));
    if kind.params.is_empty() {
        out.push_str("None.\n");
    }
    if kind.outputs.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n### What {} sends\n", kind.name);
    for sent in &kind.outputs {
        item(out, sent.name, &sent.ty.to_string(), sent.doc);
    }
}

fn parameter(out: &mut String, param: &ParamDecl) {
    let default = param.default.as_ref().map(|value| format!("; `{value}` if not given")).unwrap_or_default();
    item(out, param.name, &format!("{}{default}", param.ty), &param.doc);
}

/// An item of a list, its paragraphs indented.
fn item(out: &mut String, name: &str, about: &str, doc: &str) {
    let doc = doc.trim().split("\n\n").map(joined).collect::<Vec<_>>().join("\n\n  ");
    let _ = writeln!(out, "- **`{name}`** ({about}): {doc}");
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

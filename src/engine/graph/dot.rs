//! Graphs in the dot language.

use std::fmt::Write as _;

use super::dag::Graph;

/// The graph for Graphviz. Edges of the automatic rules are dashed, those that notify are bold.
pub fn render(graph: &Graph) -> String {
    let mut out = format!("digraph {} {{\n", quote(&graph.name));
    out.push_str("\tnode [shape=box, fontname=\"sans-serif\"];\n");
    for node in graph.nodes() {
        let members = &graph.vertex(node).members;
        let labels: Vec<String> = members.iter().map(|member| member.label.to_string()).collect();
        let _ = writeln!(out, "\tv{} [label={}];", node.index(), quote(&labels.join("\n")));
    }
    for (from, to, edge) in graph.edges() {
        let style = match (edge.auto, edge.notify) {
            (Some(why), true) => format!(" [style=\"dashed,bold\", tooltip={}]", quote(why)),
            (Some(why), false) => format!(" [style=dashed, tooltip={}]", quote(why)),
            (None, true) => " [style=bold]".to_owned(),
            (None, false) => String::new(),
        };
        let _ = writeln!(out, "\tv{} -> v{}{style};", from.index(), to.index());
    }
    out.push_str("}\n");
    out
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

//! Graphs as pictures: SVG by our own layout, without another program.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::dag::{Edge, Graph, Vertex};
use super::layout::{self, Layout, Point};

/// Around everything.
const MARGIN: f64 = 28.0;
/// The heading's height.
const HEAD: f64 = 46.0;
/// The legend's height.
const LEGEND: f64 = 34.0;
/// Height of a line of text in a box.
const LINE: f64 = 17.0;
/// How many members of a group are named.
const NAMED: usize = 6;
/// Names are cut in the middle to so many columns; the whole name is a tooltip.
const COLUMNS: usize = 34;

/// Border and text, and fill, of boxes: one pair a kind, in the order of the kinds' names from a start that depends
/// on the name. All texts have at least 4.5:1 on their fill.
const COLORS: [(&str, &str); 10] = [
    ("#1d4ed8", "#eff6ff"),
    ("#b45309", "#fffbeb"),
    ("#047857", "#ecfdf5"),
    ("#7e22ce", "#faf5ff"),
    ("#be123c", "#fff1f2"),
    ("#0e7490", "#ecfeff"),
    ("#4d7c0f", "#f7fee7"),
    ("#a21caf", "#fdf4ff"),
    ("#c2410c", "#fff7ed"),
    ("#475569", "#f8fafc"),
];

const STYLE: &str = "\
text{font-family:Inter,'Segoe UI','Helvetica Neue','DejaVu Sans',sans-serif;font-size:13px;fill:#0f172a}
.head{font-size:18px;font-weight:600}.note{font-size:12px;fill:#64748b}
.kind{font-size:11px;font-weight:600}.more{fill:#64748b}
.edge{fill:none;stroke:#64748b;stroke-width:1.4}.auto{stroke-dasharray:5 4}
.notify{stroke:#334155;stroke-width:2.4}
";

/// What a box shows.
struct Card {
    kind: String,
    lines: Vec<String>,
    /// Members that are not named.
    more: usize,
    tooltip: String,
    width: f64,
    height: f64,
}

/// The graph as SVG. Edges of the automatic rules are dashed, those that notify are bold.
pub fn render(graph: &Graph) -> String {
    let cards: Vec<Card> = graph.nodes().map(|node| card(graph.vertex(node))).collect();
    let edges: Vec<(usize, usize, Edge)> =
        graph.edges().map(|(from, to, edge)| (from.index(), to.index(), edge)).collect();
    let layout = layout::layout(&layout::Input {
        sizes: cards.iter().map(|card| (card.width, card.height)).collect(),
        edges: edges.iter().map(|(from, to, _)| (*from, *to)).collect(),
    });
    let legend = legend(&edges);
    let resources: usize = graph.nodes().map(|node| graph.vertex(node).members.len()).sum();
    let note = format!("{resources} resources, {} edges", edges.len());
    let least = text_width(&graph.name, 18.0) + text_width(&note, 12.0) + 24.0;
    let width = layout.width.max(least).max(if legend.is_empty() { 0.0 } else { 380.0 }) + 2.0 * MARGIN;
    let below = if legend.is_empty() { 0.0 } else { LEGEND };
    let height = layout.height + HEAD + below + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>{}</title>\n<style>{STYLE}</style>\n{}",
        escape(&graph.name),
        arrow_heads(),
    );
    let _ = writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>");
    let _ = writeln!(
        out,
        "<text class=\"head\" x=\"{MARGIN}\" y=\"{:.0}\">{}<tspan class=\"note\" font-weight=\"400\" dx=\"12\">{note}</tspan></text>",
        MARGIN + 16.0,
        escape(&graph.name),
    );
    let left = MARGIN + (width - 2.0 * MARGIN - layout.width) / 2.0;
    let _ = writeln!(out, "<g transform=\"translate({left:.1} {:.1})\">", MARGIN + HEAD);
    draw_edges(&mut out, &edges, &layout);
    draw_cards(&mut out, &cards, &layout);
    out.push_str("</g>\n");
    if !legend.is_empty() {
        let _ = writeln!(out, "<g transform=\"translate({MARGIN} {:.1})\">{legend}</g>", height - MARGIN);
    }
    out.push_str("</svg>\n");
    out
}

fn card(vertex: &Vertex) -> Card {
    let members = &vertex.members;
    let several = members.len() > 1;
    let kind = match several {
        true => format!("{} × {}", vertex.label().kind, members.len()),
        false => vertex.label().kind.to_string(),
    };
    let more = if members.len() > NAMED + 1 { members.len() - NAMED } else { 0 };
    let named = members.iter().take(members.len() - more);
    let lines: Vec<String> = named.map(|member| cut(&member.label.name)).collect();
    let last = if more > 0 { text_width(&and_more(more), 13.0) } else { 0.0 };
    let widest = lines.iter().map(|line| text_width(line, 13.0)).fold(text_width(&kind, 11.5), f64::max);
    let widest = widest.max(last);
    let tooltip = members.iter().take(40).map(|member| match &member.origin {
        Some(origin) => format!("{} at {origin}", member.label),
        None => member.label.to_string(),
    });
    let tooltip = tooltip.collect::<Vec<_>>().join("\n");
    let rows = lines.len() + usize::from(more > 0);
    Card { kind, lines, more, tooltip, width: widest.max(56.0) + 28.0, height: 30.0 + LINE * rows as f64 }
}

fn and_more(count: usize) -> String {
    format!("and {count} more")
}

fn draw_edges(out: &mut String, edges: &[(usize, usize, Edge)], layout: &Layout) {
    for ((_, _, edge), route) in edges.iter().zip(&layout.routes) {
        let _ = writeln!(out, "{}", path(route, *edge, layout.downward));
    }
}

fn path(route: &[Point], edge: Edge, downward: bool) -> String {
    let mut data = String::new();
    let head = if edge.notify { 9.0 } else { 7.0 };
    for (at, point) in route.iter().enumerate() {
        let mut to = *point;
        if at + 1 == route.len() {
            // The line ends within the arrow head, and not past its tip.
            if downward { to.y -= head } else { to.x -= head }
        }
        let Some(from) = at.checked_sub(1).map(|before| route[before]) else {
            let _ = write!(data, "M{:.1} {:.1}", to.x, to.y);
            continue;
        };
        let _ = match downward {
            _ if from.x == to.x || from.y == to.y => write!(data, "L{:.1} {:.1}", to.x, to.y),
            true => {
                let middle = (from.y + to.y) / 2.0;
                write!(data, "C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", from.x, to.x, to.x, to.y)
            }
            false => {
                let middle = (from.x + to.x) / 2.0;
                write!(data, "C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}", from.y, to.y, to.x, to.y)
            }
        };
    }
    let (class, head) = look(edge);
    format!("<path class=\"{class}\" marker-end=\"url(#{head})\" d=\"{data}\"/>")
}

/// Classes, and the arrow head.
fn look(edge: Edge) -> (&'static str, &'static str) {
    match (edge.auto.is_some(), edge.notify) {
        (true, true) => ("edge notify auto", "bold"),
        (true, false) => ("edge auto", "plain"),
        (false, true) => ("edge notify", "bold"),
        (false, false) => ("edge", "plain"),
    }
}

fn arrow_heads() -> String {
    let head = |id: &str, length: f64, ink: &str| {
        format!(
            "<marker id=\"{id}\" markerUnits=\"userSpaceOnUse\" markerWidth=\"14\" markerHeight=\"14\" refX=\"1\" \
             refY=\"5\" orient=\"auto\"><path d=\"M0 0.5L{length} 5L0 9.5L2 5z\" fill=\"{ink}\"/></marker>"
        )
    };
    format!("<defs>{}{}</defs>\n", head("plain", 8.0, "#64748b"), head("bold", 10.0, "#334155"))
}

fn draw_cards(out: &mut String, cards: &[Card], layout: &Layout) {
    let colors = colors(cards);
    for (card, center) in cards.iter().zip(&layout.centers) {
        let (ink, fill) = colors[&*kind_of(card)];
        let (x, y) = (center.x - card.width / 2.0, center.y - card.height / 2.0);
        let _ = write!(
            out,
            "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" \
             fill=\"{fill}\" stroke=\"{ink}\" stroke-width=\"1.2\"/>\
             <text class=\"kind\" x=\"{:.1}\" y=\"{:.1}\" style=\"fill:{ink}\">{}</text>",
            escape(&card.tooltip),
            card.width,
            card.height,
            x + 14.0,
            y + 18.0,
            escape(&card.kind),
        );
        let more = (card.more > 0).then(|| and_more(card.more));
        let lines = card.lines.iter().map(|line| ("", line.as_str()));
        let lines = lines.chain(more.iter().map(|more| (" class=\"more\"", more.as_str())));
        for (at, (class, line)) in lines.enumerate() {
            let baseline = y + 20.0 + LINE * (at as f64 + 1.0);
            let _ =
                write!(out, "<text{class} x=\"{:.1}\" y=\"{baseline:.1}\">{}</text>", x + 14.0, escape(line));
        }
        out.push_str("</g>\n");
    }
}

fn kind_of(card: &Card) -> String {
    card.kind.split(' ').next().unwrap_or_default().to_owned()
}

/// A colour a kind, with as few shared as can be.
fn colors(cards: &[Card]) -> std::collections::BTreeMap<String, (&'static str, &'static str)> {
    let mut kinds: Vec<String> = cards.iter().map(kind_of).collect();
    kinds.sort();
    kinds.dedup();
    let mut taken = [false; COLORS.len()];
    let mut colors = std::collections::BTreeMap::new();
    for kind in kinds {
        let start = kind.bytes().fold(5_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let slots = (0..COLORS.len()).map(|step| (start + step) % COLORS.len());
        let slot = slots.clone().find(|slot| !taken[*slot]).unwrap_or(start % COLORS.len());
        taken[slot] = true;
        colors.insert(kind, COLORS[slot]);
    }
    colors
}

/// What dashes and boldness mean, where there are any.
fn legend(edges: &[(usize, usize, Edge)]) -> String {
    let mut out = String::new();
    let mut x = 0.0;
    let sorts = [
        (Edge { auto: Some(""), notify: false }, "automatic"),
        (Edge { auto: None, notify: true }, "notifies"),
    ];
    for (edge, said) in sorts {
        let occurs =
            edges.iter().any(|(_, _, e)| e.auto.is_some() && edge.auto.is_some() || e.notify && edge.notify);
        if !occurs {
            continue;
        }
        let line = path(&[Point { x, y: -4.0 }, Point { x: x + 44.0, y: -4.0 }], edge, false);
        let _ = write!(out, "{line}<text class=\"note\" x=\"{:.0}\" y=\"0\">{said}</text>", x + 54.0);
        x += 54.0 + text_width(said, 12.0) + 28.0;
    }
    out
}

/// About as wide as the widest of usual fonts draws it.
fn text_width(text: &str, size: f64) -> f64 {
    let of = |ch: char| match ch {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.34,
        't' | 'f' | 'r' | ' ' | '/' | '(' | ')' | '[' | ']' | '-' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' => 0.97,
        ch if ch.is_ascii_uppercase() => 0.72,
        ch => 0.62 * ch.width().unwrap_or(1) as f64,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// Cut in the middle: beginnings and ends of paths tell most.
fn cut(name: &str) -> String {
    let chars: Vec<char> = name.chars().map(|ch| if ch.is_control() { '\u{fffd}' } else { ch }).collect();
    if chars.len() <= COLUMNS {
        return chars.into_iter().collect();
    }
    let (head, tail) = (COLUMNS / 2 - 1, COLUMNS / 2);
    chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - tail..]).collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no place for other control characters.
            ch if ch.is_control() && ch != '\n' => out.push('\u{fffd}'),
            ch => out.push(ch),
        }
    }
    out
}

//! Diagnostics for people: heading, place, line, marks, causes and hints.

use std::fmt::Write;

use super::excerpt::Excerpt;
use super::{Diagnostic, Place, Severity};
use crate::engine::Origin;

/// How to show diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour by terminal codes.
    pub color: bool,
}

impl Style {
    /// Without colours: for files, tests, and terminals that have none.
    pub const PLAIN: Self = Self { color: false };
    /// With colours.
    pub const COLOR: Self = Self { color: true };

    fn paint(self, ink: Ink, text: &str) -> String {
        if self.color { format!("\x1b[{}m{text}\x1b[0m", ink.code()) } else { text.to_owned() }
    }
}

#[derive(Clone, Copy)]
enum Ink {
    Error,
    Warning,
    Strong,
    Gutter,
}

impl Ink {
    /// The select-graphic-rendition parameters of ECMA-48.
    fn code(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Strong => "1",
            Self::Gutter => "1;34",
        }
    }

    fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
        }
    }
}

/// A marked line.
struct Marked<'a> {
    origin: &'a Origin,
    excerpt: Excerpt,
    label: &'a str,
    primary: bool,
}

/// Shows several, with an empty line between them.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, style: Style) -> String {
    let all: Vec<String> = diagnostics.into_iter().map(|diagnostic| render(diagnostic, style)).collect();
    all.join("\n")
}

/// Shows one. Ends with a line feed.
pub fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let mut out = String::new();
    let code = diagnostic.code.map(|code| format!("[{}]", code.id)).unwrap_or_default();
    let heading = style.paint(Ink::of(diagnostic.severity), &format!("{}{code}", diagnostic.severity));
    let message = style.paint(Ink::Strong, &format!(": {}", clean(&diagnostic.message)));
    let _ = writeln!(out, "{heading}{message}");

    let marked = marked(diagnostic);
    let digits = marked.iter().map(|mark| mark.excerpt.line).max().unwrap_or(1).to_string().len();
    if let Some(Place::File(path)) = &diagnostic.primary {
        let arrow = style.paint(Ink::Gutter, &format!("{:digits$}-->", ""));
        let _ = writeln!(out, "{arrow} {}", clean(&path.display().to_string()));
    }
    let mut sources: Vec<&Origin> = Vec::new();
    for mark in marked.iter() {
        if !sources.iter().any(|known| std::sync::Arc::ptr_eq(&known.source, &mark.origin.source)) {
            sources.push(mark.origin);
        }
    }
    for (at, source) in sources.iter().enumerate() {
        let arrow = if at == 0 { "-->" } else { ":::" };
        let arrow = style.paint(Ink::Gutter, &format!("{:digits$}{arrow}", ""));
        let _ = writeln!(out, "{arrow} {}", clean(&source.to_string()));
        let mut here: Vec<&Marked> = marked
            .iter()
            .filter(|mark| std::sync::Arc::ptr_eq(&mark.origin.source, &source.source))
            .collect();
        here.sort_by_key(|mark| (mark.excerpt.line, mark.origin.span.start));
        excerpts(&mut out, &here, digits, diagnostic, style);
    }
    let equals = style.paint(Ink::Gutter, &format!("{:digits$} =", ""));
    for cause in &diagnostic.causes {
        listed(&mut out, &equals, "cause", cause, digits);
    }
    for hint in &diagnostic.hints {
        listed(&mut out, &equals, "hint", hint, digits);
    }
    out
}

/// A cause or a hint; what it quotes, such as the last lines that a program wrote, keeps its lines.
fn listed(out: &mut String, equals: &str, what: &str, text: &str, digits: usize) {
    let mut lines = text.lines();
    let _ = writeln!(out, "{equals} {what}: {}", clean(lines.next().unwrap_or_default()));
    for line in lines {
        let _ = writeln!(out, "{:digits$}     {}", "", clean(line));
    }
}

/// All marks of a diagnostic, the primary one first.
fn marked(diagnostic: &Diagnostic) -> Vec<Marked<'_>> {
    let primary = match &diagnostic.primary {
        Some(Place::Text(origin)) => Some((origin, diagnostic.label.as_str(), diagnostic.code.is_some())),
        _ => None,
    };
    let others = diagnostic.secondaries.iter().map(|other| (&other.place, other.label.as_str(), false));
    let all = primary.into_iter().chain(others);
    all.map(|(origin, label, primary)| Marked { origin, excerpt: Excerpt::of(origin), label, primary })
        .collect()
}

fn excerpts(out: &mut String, marks: &[&Marked], digits: usize, diagnostic: &Diagnostic, style: Style) {
    let bar = style.paint(Ink::Gutter, &format!("{:digits$} |", ""));
    let _ = writeln!(out, "{bar}");
    let mut before: Option<&Excerpt> = None;
    for mark in marks {
        let excerpt = &mark.excerpt;
        let same = before.is_some_and(|before| before.line == excerpt.line && before.text == excerpt.text);
        if before.is_some_and(|before| excerpt.line > before.line + 1) {
            let _ = writeln!(out, "{}", style.paint(Ink::Gutter, "..."));
        }
        if !same {
            let number = style.paint(Ink::Gutter, &format!("{:>digits$} |", excerpt.line));
            let _ = writeln!(out, "{}", format!("{number} {}", excerpt.text).trim_end());
        }
        let (sign, ink) = if mark.primary { ("^", Ink::of(diagnostic.severity)) } else { ("-", Ink::Gutter) };
        let label = clean(mark.label);
        let gap = if label.is_empty() { "" } else { " " };
        let signs = style.paint(ink, &format!("{}{gap}{label}", sign.repeat(excerpt.width)));
        let _ = writeln!(out, "{bar} {:indent$}{signs}", "", indent = excerpt.indent);
        before = Some(excerpt);
    }
}

/// A text without characters that steer a terminal: messages quote what users and systems wrote.
fn clean(text: &str) -> String {
    text.chars().map(|ch| if ch.is_control() { '\u{fffd}' } else { ch }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Source, Span};

    #[test]
    fn a_failure_at_run_time_is_shown_where_the_resource_was_declared() {
        let source = Source::new("site.yaml", "resources:\n  file:\n  - name: /etc/motd\n");
        let origin = Origin { source, span: Span::new(23..38) };
        let failure = Diagnostic::failure(
            "cannot apply file[\"/etc/motd\"]",
            Some(&origin),
            ["write /etc/motd: read-only file system (os error 30)".to_owned()],
            ["2 retries left, the next in 4 s".to_owned()],
        );
        insta::assert_snapshot!(render(&failure, Style::PLAIN), @r#"
        error: cannot apply file["/etc/motd"]
         --> site.yaml:3:5
          |
        3 |   - name: /etc/motd
          |     --------------- declared here
          = cause: write /etc/motd: read-only file system (os error 30)
          = hint: 2 retries left, the next in 4 s
        "#);
    }

    #[test]
    fn colours_are_codes_around_the_same_text() {
        let failure = Diagnostic::failure("no", None, [], []);
        assert_eq!(render(&failure, Style::COLOR), "\x1b[1;31merror\x1b[0m\x1b[1m: no\x1b[0m\n");
    }
}

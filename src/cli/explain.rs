//! `mgmt explain`: what a diagnostic means, what a kind takes.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use serde::Serialize;

use super::exit;
use super::output::{self, Ink, Paint};
use super::reference;
use super::topic::{Topic, Topics};
use crate::agent::load;
use crate::engine::Registry;
use crate::engine::kind::KindDoc;
use crate::engine::params::{OutputDecl, ParamDecl};
use crate::engine::registry::did_you_mean;
use crate::lang::Diagnostic;
use crate::lang::diag::Code;

/// Explain a diagnostic, a kind of resource, or a meta-parameter
///
/// Without a topic all are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt explain file          a kind: what it does, its parameters
  mgmt explain file.mode     one of its parameters
  mgmt explain meta          what every resource understands
  mgmt explain retry         one of those
  mgmt explain Y0012         what an error means, and what to do")]
pub struct Args {
    /// CODE, KIND, KIND.PARAMETER, `meta`, or a meta-parameter
    #[arg(value_name = "TOPIC", value_parser = AnyTopic, hide_possible_values = true)]
    topic: Option<String>,
    /// Everything
    #[arg(long, conflicts_with = "topic")]
    all: bool,
    /// As Markdown: with --all, the reference page
    #[arg(long, requires = "all")]
    markdown: bool,
    /// As JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

/// Takes any word, and offers the topics to completions.
#[derive(Clone, Debug)]
struct AnyTopic;

impl TypedValueParser for AnyTopic {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let registry = load::registry();
        let words = Topics::new(&registry).words();
        Some(Box::new(words.into_iter().map(PossibleValue::new)))
    }
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    let registry = load::registry();
    let topics = Topics::new(&registry);
    if args.markdown {
        output::print(&reference::page(&topics));
        return ExitCode::SUCCESS;
    }
    let Some(word) = &args.topic else {
        match (args.json, args.all) {
            (true, _) => output::print_json(&All::of(&topics)),
            (false, true) => output::print(&everything(&topics)),
            (false, false) => output::print(&list(&topics, Paint::stdout())),
        }
        return ExitCode::SUCCESS;
    };
    match topics.find(word) {
        Some(topic) if args.json => output::print_json(&Json::of(&topic)),
        Some(topic) => output::print(&explain(&topic, Paint::stdout())),
        None => {
            output::show([&unknown(word, &registry, &topics)]);
            return ExitCode::from(exit::TEXT);
        }
    }
    ExitCode::SUCCESS
}

fn unknown(word: &str, registry: &Registry, topics: &Topics<'_>) -> Diagnostic {
    let words = topics.words();
    let params = word.split_once('.').and_then(|(kind, param)| {
        let names = registry.get(kind)?.describe().params.iter().map(|param| param.name);
        did_you_mean(param, names).map(|param| format!("{kind}.{param}"))
    });
    let meant = params.or_else(|| did_you_mean(word, words.iter().map(String::as_str)).map(str::to_owned));
    let owners = topics.kinds().filter(|kind| kind.param(word).is_some());
    let owned: Vec<String> = owners.map(|kind| format!("`mgmt explain {}.{word}`", kind.name)).collect();
    let hint = match meant {
        _ if !owned.is_empty() => format!("it is a parameter: {}", owned.join(", ")),
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`mgmt explain` lists all topics".to_owned(),
    };
    let message = format!("there is nothing to explain under {word:?}");
    Diagnostic::failure(message, None, [], [hint])
}

fn list(topics: &Topics<'_>, paint: Paint) -> String {
    let mut out = format!("{}\n", paint.ink(Ink::Bold, "Kinds"));
    for kind in topics.kinds() {
        let _ = writeln!(out, "  {:<10} {}", kind.name, one_line(kind.summary()));
    }
    let _ = writeln!(out, "\n{}", paint.ink(Ink::Bold, "Meta-parameters (`mgmt explain meta` tells of all)"));
    for param in topics.meta() {
        let _ = writeln!(out, "  {:<10} {}", param.name, one_line(first_sentence(&param.doc)));
    }
    let _ = writeln!(out, "\n{}", paint.ink(Ink::Bold, "Codes"));
    for code in topics.codes() {
        let _ = writeln!(out, "  {:<10} {}", code.id, code.title);
    }
    out
}

fn everything(topics: &Topics<'_>) -> String {
    let paint = Paint::stdout();
    let all = topics.all();
    all.iter().map(|topic| explain(topic, paint)).collect::<Vec<_>>().join("\n")
}

fn explain(topic: &Topic<'_>, paint: Paint) -> String {
    let mut out = String::new();
    match topic {
        Topic::Kind(kind) => {
            let _ = writeln!(out, "{}\n\n{}", paint.ink(Ink::Bold, kind.name), indented(&kind.doc, 2));
            let _ = writeln!(out, "\n{}", paint.ink(Ink::Bold, "Parameters"));
            kind.params.iter().for_each(|param| explain_param(&mut out, param, paint));
            if !kind.outputs.is_empty() {
                let _ = writeln!(out, "\n{}", paint.ink(Ink::Bold, "Sends"));
            }
            for sent in &kind.outputs {
                let name = paint.ink(Ink::Bold, sent.name);
                let _ = writeln!(out, "  {name} ({})\n{}", sent.ty, indented(sent.doc, 6));
            }
            let _ = writeln!(out, "\nEvery kind takes the meta-parameters too: `mgmt explain meta`.");
        }
        Topic::Meta(params) => {
            let title = paint.ink(Ink::Bold, "Meta-parameters");
            let _ =
                writeln!(out, "{title}: what every resource understands under `meta:`, whatever its kind.\n");
            params.iter().for_each(|param| explain_param(&mut out, param, paint));
        }
        Topic::Param(param) => explain_param(&mut out, param, paint),
        Topic::Code(code) => {
            let title = paint.ink(Ink::Bold, format!("{}: {}", code.id, code.title));
            let _ = writeln!(out, "{title}\n\n{}", indented(code.explanation, 2));
        }
    }
    out
}

fn explain_param(out: &mut String, param: &ParamDecl, paint: Paint) {
    let name = paint.ink(Ink::Bold, param.name);
    let default = param.default.as_ref().map(|value| format!(", {value} if not given")).unwrap_or_default();
    let _ = writeln!(out, "  {name} ({}{default})\n{}", param.ty, indented(&param.doc, 6));
}

/// The widest line of text.
const COLUMNS: usize = 88;

/// Paragraphs, filled, after so many spaces. Examples and tables stay as they are written.
fn indented(text: &str, spaces: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    // Whether the last line may be added to.
    let (mut is_open, mut is_example) = (false, false);
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        is_example ^= is_fence;
        if is_fence {
            is_open = false;
        } else if is_example {
            lines.push(format!("    {line}"));
        } else if line.is_empty() || line.starts_with('|') {
            lines.push(line.to_owned());
            is_open = false;
        } else {
            is_open &= !line.starts_with("- ");
            fill(&mut lines, line, is_open);
            is_open = true;
        }
    }
    let indent =
        |line: &String| if line.is_empty() { String::new() } else { format!("{:spaces$}{line}", "") };
    lines.iter().map(indent).collect::<Vec<_>>().join("\n")
}

/// Adds words, to the last line if it is open.
fn fill(lines: &mut Vec<String>, text: &str, is_open: bool) {
    if !is_open {
        lines.push(String::new());
    }
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("one was added, or is open");
        match last.chars().count() {
            0 => last.push_str(word),
            used if used + 1 + word.chars().count() <= COLUMNS => *last = format!("{last} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").or_else(|| text.find(".\n")).map_or(text, |end| &text[..=end])
}

#[derive(Serialize)]
struct All<'a> {
    kinds: Vec<Json<'a>>,
    meta: Vec<ParamJson<'a>>,
    codes: Vec<Json<'a>>,
}

impl<'a> All<'a> {
    fn of(topics: &'a Topics<'a>) -> Self {
        Self {
            kinds: topics.kinds().map(Json::kind).collect(),
            meta: topics.meta().iter().map(ParamJson::of).collect(),
            codes: topics.codes().iter().map(|code| Json::code(code)).collect(),
        }
    }
}

/// A topic for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Json<'a> {
    Kind { kind: &'a str, doc: &'a str, params: Vec<ParamJson<'a>>, outputs: Vec<OutputJson<'a>> },
    Meta { meta: Vec<ParamJson<'a>> },
    Param(ParamJson<'a>),
    Code { code: &'a str, title: &'a str, explanation: &'a str },
}

#[derive(Serialize)]
struct ParamJson<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    default: Option<String>,
    doc: &'a str,
}

#[derive(Serialize)]
struct OutputJson<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: String,
    doc: &'a str,
}

impl<'a> Json<'a> {
    fn of(topic: &'a Topic<'a>) -> Self {
        match topic {
            Topic::Kind(kind) => Self::kind(kind),
            Topic::Meta(params) => Self::Meta { meta: params.iter().map(ParamJson::of).collect() },
            Topic::Param(param) => Self::Param(ParamJson::of(param)),
            Topic::Code(code) => Self::code(code),
        }
    }

    fn kind(kind: &'a KindDoc) -> Self {
        let params = kind.params.iter().map(ParamJson::of).collect();
        let outputs = kind.outputs.iter().map(OutputJson::of).collect();
        Self::Kind { kind: kind.name, doc: &kind.doc, params, outputs }
    }

    fn code(code: &'a Code) -> Self {
        Self::Code { code: code.id, title: code.title, explanation: code.explanation }
    }
}

impl<'a> ParamJson<'a> {
    fn of(param: &'a ParamDecl) -> Self {
        let default = param.default.as_ref().map(ToString::to_string);
        Self { name: param.name, ty: param.ty.to_string(), default, doc: &param.doc }
    }
}

impl<'a> OutputJson<'a> {
    fn of(output: &'a OutputDecl) -> Self {
        Self { name: output.name, ty: output.ty.to_string(), doc: output.doc }
    }
}

//! Each `tests/cases/yaml/NAME.yaml` gives what is in `NAME.graph` or `NAME.stderr` beside it. What other hosts export
//! is in `NAME.exports.json`, if they do. `BLESS=1` writes those that are given anew; read the difference before you
//! commit it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mgmt::engine::world::{Audience, Collected, CollectedId, HostName};
use mgmt::engine::{Graph, Meta, Value};
use mgmt::lang::collect::{Collections, Gatherer};
use mgmt::lang::diag::{Style, render_all};
use mgmt::lang::{source, yaml};

use super::kinds::registry;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/yaml")
}

fn shown(graph: &Graph) -> String {
    let mut out = format!("graph {:?}\n", &*graph.name);
    for node in graph.nodes() {
        let lead = graph.vertex(node).lead();
        let origin = lead.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "{} at {origin}", lead.label);
        for (name, value) in lead.params.iter() {
            let _ = writeln!(out, "  {name}: {value}");
        }
        if *lead.meta != *Meta::shared_default() {
            let meta = &lead.meta;
            let _ = writeln!(
                out,
                "  meta: noop {} retry {} delay {} poll {} limit {} burst {} sema {:?}",
                meta.noop, meta.retry, meta.delay, meta.poll, meta.limit, meta.burst, meta.sema
            );
            if meta.hidden || !meta.export.is_empty() {
                let _ = writeln!(out, "  hidden {} export {:?}", meta.hidden, meta.export);
            }
        }
    }
    for (from, to, edge) in graph.edges() {
        let notify = if edge.notify { " (notify)" } else { "" };
        let _ = writeln!(out, "{} -> {}{notify}", graph.vertex(from).label(), graph.vertex(to).label());
    }
    out
}

/// What a case gives: its graph, and its diagnostics.
fn outcome(name: &str, bytes: Vec<u8>) -> (Option<String>, Option<String>) {
    let rendered = |diagnostics: &[mgmt::lang::Diagnostic]| {
        (!diagnostics.is_empty()).then(|| render_all(diagnostics, Style::PLAIN))
    };
    let source = match source::text(Path::new(name), bytes) {
        Ok(source) => source,
        Err(error) => return (None, rendered(&[*error.diagnostic])),
    };
    let registry = registry();
    match yaml::parse(&source, &registry) {
        Ok(draft) => {
            let parsed = Gatherer::new(draft, Arc::new(registry)).gather(&exports(name));
            (Some(shown(&parsed.graph)), rendered(&parsed.warnings))
        }
        Err(errors) => (None, rendered(&errors)),
    }
}

/// One line of `NAME.exports.json`.
#[derive(serde::Deserialize)]
struct Exported {
    kind: String,
    name: String,
    from: HostName,
    to: Option<HostName>,
    #[serde(default)]
    params: BTreeMap<Arc<str>, Value>,
    #[serde(default)]
    meta: BTreeMap<Arc<str>, Value>,
    unreadable: Option<Arc<str>>,
}

/// What other hosts export in a case.
fn exports(name: &str) -> Collections {
    let path = folder().join(name).with_extension("exports.json");
    let Ok(text) = std::fs::read(path) else { return Collections::new() };
    let exported: Vec<Exported> = serde_json::from_slice(&text).unwrap();
    let mut kinds: BTreeMap<Arc<str>, BTreeMap<CollectedId, Arc<Collected>>> = BTreeMap::new();
    for Exported { kind, name, from, to, params, meta, unreadable } in exported {
        let to = to.map_or(Audience::All, Audience::Host);
        let id = CollectedId { name: name.into(), from, to };
        let collected = match unreadable {
            Some(why) => Collected::Unreadable { why },
            None => Collected::Read { params, meta },
        };
        kinds.entry(kind.into()).or_default().insert(id, Arc::new(collected));
    }
    kinds.into_iter().map(|(kind, collection)| (kind, Arc::new(collection))).collect()
}

fn compare(path: &Path, found: Option<&str>, wrong: &mut Vec<String>) {
    let expected = std::fs::read_to_string(path).ok();
    if expected.as_deref() == found {
        return;
    }
    if std::env::var_os("BLESS").is_some() {
        match found {
            Some(found) => std::fs::write(path, found).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        return;
    }
    let (expected, found) = (expected.unwrap_or_default(), found.unwrap_or_default());
    wrong.push(format!("{}\n--- expected\n{expected}--- found\n{found}", path.display()));
}

#[test]
fn every_case_gives_what_is_written_beside_it() {
    let mut wrong = Vec::new();
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    names.sort();
    assert!(names.len() > 30, "the cases are there");
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (graph, stderr) = outcome(name, std::fs::read(&path).unwrap());
        compare(&path.with_extension("graph"), graph.as_deref(), &mut wrong);
        compare(&path.with_extension("stderr"), stderr.as_deref(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{} cases differ (BLESS=1 writes them):\n{}", wrong.len(), wrong.join("\n"));
}

/// Codes whose texts are made by tests, since they are no small file.
const SHOWN_ELSEWHERE: &[&str] = &["L0001", "L0002", "L0003", "L0004", "L0007", "L0008", "L0009"];

#[test]
fn every_code_has_a_case_that_shows_it() {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "stderr") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    for code in mgmt::lang::diag::codes::ALL {
        let shown = all.contains(&format!("[{}]", code.id));
        assert_ne!(shown, SHOWN_ELSEWHERE.contains(&code.id), "{}: {}", code.id, code.title);
    }
}

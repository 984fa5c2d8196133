//! What `mgmt explain` shows.

use std::path::Path;
use std::sync::Arc;

use mgmt::lang::diag::{Style, render_all};
use mgmt::lang::{source, yaml};
use mgmt::resources::host::{FakeWatch, Host};
use mgmt::resources::registry;

/// The first YAML block of a documentation.
fn example(doc: &str) -> Option<&str> {
    let (_, after) = doc.split_once("```yaml\n")?;
    Some(after.split_once("```").expect("a block ends").0)
}

#[test]
fn every_kind_says_in_a_sentence_what_it_does_and_documents_all_it_takes_and_sends() {
    for kind in registry(&Host::new(Arc::new(FakeWatch::new()))).iter() {
        let doc = kind.describe();
        let summary = doc.summary();
        assert!(summary.ends_with('.') && !summary.trim_end_matches('.').contains(". "), "{}", doc.name);
        for param in &doc.params {
            assert!(param.doc.ends_with('.'), "{} {}: {:?}", doc.name, param.name, param.doc);
        }
        for output in &doc.outputs {
            assert!(output.doc.ends_with('.'), "{} {}: {:?}", doc.name, output.name, output.doc);
        }
    }
}

#[test]
fn every_example_is_a_graph_that_can_be_built() {
    let registry = registry(&Host::new(Arc::new(FakeWatch::new())));
    let mut seen = 0;
    for kind in registry.iter() {
        let name = kind.describe().name;
        let Some(example) = example(&kind.describe().doc) else { continue };
        seen += 1;
        let text = format!("graph: example\n{example}");
        let source = source::text(Path::new("example.yaml"), text.into_bytes()).unwrap();
        let parsed = yaml::parse(&source, &registry)
            .unwrap_or_else(|errors| panic!("{name}: {}", render_all(&errors, Style::PLAIN)));
        assert!(parsed.warnings.is_empty(), "{name}: {}", render_all(&parsed.warnings, Style::PLAIN));
        for node in parsed.graph.nodes() {
            let vertex = parsed.graph.vertex(node);
            vertex.kind.build(vertex.lead()).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        }
        assert!(parsed.graph.nodes().any(|node| parsed.graph.vertex(node).label().kind.as_ref() == name));
    }
    assert!(seen >= 11, "only {seen} kinds have an example");
}

//! Two resources that would undo one another's work are refused with the text.

use std::path::Path;
use std::sync::Arc;

use mgmt::lang::{source, yaml};
use mgmt::resources::host::{FakeWatch, Host};
use mgmt::resources::registry;

/// What is wrong with these resources, without the code.
fn problems(resources: &str) -> Vec<String> {
    let text = format!("graph: g\nresources:\n{resources}");
    let source = source::text(Path::new("site.yaml"), text.into_bytes()).unwrap();
    match yaml::parse(&source, &registry(&Host::new(Arc::new(FakeWatch::new())))) {
        Ok(_) => Vec::new(),
        Err(found) => found.into_iter().map(|it| it.message.to_string()).collect(),
    }
}

#[test]
fn two_that_are_about_one_thing_contradict_one_another_unless_they_want_the_same() {
    for (resources, about) in [
        ("  mount:\n  - {name: /m, device: /dev/a}\n  - {name: //m/, device: /dev/a}\n", Some("/m")),
        ("  file:\n  - {name: /a, content: x}\n  - {name: /a/}\n", Some("/a")),
        (
            "  file:\n  - {name: x, path: /b, content: x}\n  - {name: y, path: /b/., state: exists}\n",
            Some("/b"),
        ),
        ("  file:\n  - {name: /a, content: x}\n  - {name: /a/b, content: x}\n", None),
        (
            "  git:\n  - {name: /g, source: /r}\n  - {name: /g/, source: /s}\n  file:\n  - {name: /g/}\n",
            Some("/g"),
        ),
        ("  sysctl:\n  - {name: vm.a, value: \"1\"}\n  - {name: vm/a, value: \"2\"}\n", Some("vm.a")),
        ("  sysctl:\n  - {name: vm.a, value: \"1 2\"}\n  - {name: x, values: {vm.a: \"1  2\"}}\n", None),
        (
            "  svc:\n  - {name: a, state: running}\n  - {name: b, unit: a.service, state: stopped}\n",
            Some("a.service"),
        ),
        ("  svc:\n  - {name: a, state: running}\n  - {name: a.service, startup: enabled}\n", None),
        (
            "  json:edit:\n  - {name: a, store: /x, edits: ['.a.b = 1']}\n  - {name: b, store: //x, edits: ['.[\"a\"].b = 2']}\n",
            Some(r#".["a"]["b"] of /x"#),
        ),
        (
            "  json:edit:\n  - {name: a, store: /x, edits: ['.a = 2', '.a = 1']}\n  - {name: b, store: /x, edits: ['.a = 1', '.b += [1]']}\n  \
             - {name: c, store: /y, edits: ['.a = 3']}\n",
            None,
        ),
        (
            "  cron:\n  - {name: t, on_calendar: [daily]}\n  - {name: t.timer, on_calendar: [hourly]}\n",
            Some("t.timer"),
        ),
        // Only the fields that matter of a route.
        (
            "  net:\n  - {name: eth0, addrs: [10.0.0.1/24], routes: [{to: 10.9.0.0/16, via: 10.0.0.2}, {to: 10.8.0.0/16}]}\n",
            None,
        ),
    ] {
        let found = problems(resources);
        match about {
            None => assert!(found.is_empty(), "{resources}{found:?}"),
            Some(about) => {
                assert_eq!(found.len(), 1, "{resources}{found:?}");
                assert!(
                    found[0].ends_with(&format!("contradict one another: both are about {about}")),
                    "{found:?}"
                );
            }
        }
    }
}

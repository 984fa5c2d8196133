//! Every flag of `run`, the peer's included, in every place, and in the environment.

use super::Scratch;

/// Flags, each with a value if it takes one.
const FLAGS: &[&[&str]] = &[
    &["--hostname", "h"],
    &["--prefix", "p"],
    &["--tmp-prefix"],
    &["--allow-tmp-prefix"],
    &["--seeds", "http://127.0.0.1:2379,http://127.0.0.1:2381"],
    &["--listen", "127.0.0.1:2379"],
    &["--advertise", "127.0.0.1:2379"],
    &["--no-server"],
    &["--zone", "z"],
    &["--converged-timeout", "5"],
    &["--converged-timeout=-1"],
    &["--converger-timeout", "5"],
    &["--converged-exit"],
    &["--converged-status-file", "status"],
    &["--converger-status-file", "status"],
    &["--max-runtime", "60"],
    &["--noop"],
    &["--sema", "2"],
    &["--sema", "-1"],
    &["--jobs", "3"],
    &["--no-watch"],
    &["--no-stream-watch"],
    &["--no-deploy-watch"],
    &["--no-autoedges"],
    &["--no-autogroup"],
    &["--graphviz", "g.dot"],
    &["--graphviz-filter", "dot"],
    &["--report", "r.json"],
    &["--record", "r.record"],
    &["--log-format", "json"],
    &["--log", "warn"],
    &["--ssh-url", "ssh://root@127.0.0.1"],
    &["--ssh-hostkey", "key"],
    &["--ssh-id", "id"],
    &["--client-urls", "http://127.0.0.1:2379"],
    &["--server-urls", "http://127.0.0.1:2380"],
    &["--advertise-client-urls", "http://127.0.0.1:2379"],
    &["--advertise-server-urls", "http://127.0.0.1:2380"],
    &["--no-network"],
    &["--no-pgp"],
    &["--no-raise-limits"],
    &["--pgp-key-path", "key"],
    &["--pgp-identity", "me"],
    &["--pprof"],
    &["--pprof", "127.0.0.1:6060"],
];

#[test]
fn every_flag_stands_before_or_after_the_name_of_the_frontend() {
    let scratch = Scratch::new();
    for flag in FLAGS {
        for order in [
            [flag, &["yaml", "missing.yaml"][..], &[]],
            [&["yaml"][..], flag, &["missing.yaml"]],
            [&["yaml", "missing.yaml"][..], flag, &[]],
            [flag, &["missing.yaml"][..], &[]],
            [&["--file", "missing.yaml"][..], flag, &[]],
        ] {
            let args: Vec<&str> = ["run"].into_iter().chain(order.concat()).collect();
            let ran = scratch.mgmt(&args);
            assert_eq!(ran.code, 1, "{args:?}: {}", ran.err);
            assert!(ran.err.contains("L0002") && ran.err.contains("missing.yaml"), "{args:?}: {}", ran.err);
        }
    }
}

#[test]
fn every_flag_can_be_set_in_the_environment() {
    let scratch = Scratch::new();
    for flag in FLAGS.iter().filter(|flag| !flag[0].starts_with("--pprof") && !flag[0].contains('=')) {
        let name = format!("MGMT_{}", flag[0][2..].to_uppercase().replace('-', "_"));
        let value = flag.get(1).unwrap_or(&"true");
        let ran = scratch.mgmt_with(&["run", "missing.yaml"], &[(&name, value)]);
        assert_eq!(ran.code, 1, "{name}={value}: {}", ran.err);
    }
}

#[test]
fn an_error_about_a_value_from_the_environment_names_the_variable() {
    let scratch = Scratch::new();
    let tip = |name| format!("tip: the value comes from the environment variable {name}\n");
    for (name, value) in [
        ("MGMT_JOBS", "abc"),
        ("MGMT_MAX_RUNTIME", "-1"),
        ("MGMT_METRICS", "nowhere"),
        ("MGMT_LOG_FORMAT", "xml"),
        ("MGMT_NOOP", "maybe"),
    ] {
        let ran = scratch.mgmt_with(&["run", "x.yaml"], &[(name, value)]);
        assert!(ran.code == 64 && ran.err.contains(&tip(name)), "{}", ran.err);
    }
    for (name, value) in [("MGMT_SEMA", "0"), ("MGMT_LOG", "lod")] {
        let ran = scratch.mgmt_with(&["run", "x.yaml"], &[(name, value)]);
        assert!(ran.code == 64 && ran.err.starts_with(&format!("error: {name} ")), "{}", ran.err);
    }
    for args in [["run", "--jobs=abc", "x.yaml"].as_slice(), &["run", "--jobs", "abc", "x.yaml"]] {
        let ran = scratch.mgmt_with(args, &[("MGMT_JOBS", "4")]);
        assert!(ran.code == 64 && !ran.err.contains("MGMT_JOBS"), "typed: {}", ran.err);
    }
    let ran = scratch.mgmt_with(&["plan", "x.yaml"], &[("MGMT_JOBS", "abc")]);
    assert!(ran.code == 64 && ran.err.contains(&tip("MGMT_JOBS")), "{}", ran.err);
}

#[test]
fn switches_in_the_environment_are_on_or_off_in_many_words() {
    let scratch = Scratch::new();
    scratch.write("g.yaml", "graph: g\nresources:\n  file:\n  - {name: f, path: DIR/f, state: exists}\n");
    let made = |value: &str| {
        let ran = scratch.mgmt_with(&["run", "--converged-timeout", "0", "g.yaml"], &[("MGMT_NOOP", value)]);
        assert_eq!(ran.code, 0, "MGMT_NOOP={value}: {}", ran.err);
        std::fs::remove_file(scratch.path("f")).is_ok()
    };
    for on in ["true", "1", "yes", "TRUE", "on"] {
        assert!(!made(on), "MGMT_NOOP={on} is on");
    }
    for off in ["false", "0", "no", "", "off"] {
        assert!(made(off), "MGMT_NOOP={off:?} is off");
    }
    let ran = scratch.mgmt_with(&["run", "g.yaml"], &[("MGMT_NOOP", "maybe")]);
    assert_eq!(ran.code, 64);
    assert!(ran.err.contains("expected true, yes or 1"), "{}", ran.err);
}

#[test]
fn what_does_nothing_says_so_once() {
    let scratch = Scratch::new();
    let ran = scratch.mgmt(&["run", "--no-pgp", "--pprof", "--ssh-url", "ssh://h", "missing.yaml"]);
    assert_eq!(ran.err.matches("do nothing").count(), 2, "{}", ran.err);
}

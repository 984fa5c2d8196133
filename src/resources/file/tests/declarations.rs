use super::*;
use crate::engine::kind::Uid;
use crate::resources::file::target::normalize;
use crate::resources::path_asks;

/// A name, what is declared of it, and the parameter that is wrong.
type Case<'a> = (&'a str, Vec<(&'static str, Value)>, &'a str);

#[test]
fn contradictions_are_refused_each_at_its_parameter_with_a_hint() {
    let bed = Bed::new();
    let inside = bed.text("d/src");
    let cases: [Case<'_>; 18] = [
        ("d/sub/", vec![("source", s(bed.text("d/")))], "source"),
        ("d", vec![("source", s(bed.text("d")))], "source"),
        ("d/", vec![("source", s(inside)), ("recurse", yes()), ("purge", yes())], "purge"),
        ("f", vec![("content", s("x")), ("source", s("/etc/motd"))], "source"),
        ("f", vec![("content", s("x")), ("fragments", list(&["/a".into()]))], "fragments"),
        ("f", vec![("source", s("/a")), ("fragments", list(&["/b".into()]))], "fragments"),
        ("d/", vec![("content", s("x"))], "content"),
        ("d/", vec![("fragments", list(&["/a".into()]))], "fragments"),
        ("d/", vec![("purge", yes())], "purge"),
        ("f", vec![("content", s("x")), ("purge", yes()), ("recurse", yes())], "purge"),
        ("f", vec![("mode", s("999"))], "mode"),
        ("f", vec![("state", s("present"))], "state"),
        ("f", vec![("source", s("relative"))], "source"),
        ("f", vec![("fragments", list(&["relative".into()]))], "fragments"),
        ("f", vec![("path", s("relative"))], "path"),
        ("f", vec![("symlink", yes())], "symlink"),
        ("f", vec![("symlink", yes()), ("source", s("x")), ("mode", s("0644"))], "mode"),
        ("l/", vec![("symlink", yes()), ("source", s("x"))], "symlink"),
    ];
    for (name, params, param) in cases {
        let errors = bed.errors(name, &params);
        assert_eq!(errors.len(), 1, "{params:?}: {errors:?}");
        assert_eq!(errors[0].param, Some(param), "{params:?}");
        assert!(errors[0].hint.is_some(), "{errors:?}");
    }
    let both = bed.errors("f", &[("mode", s("999")), ("state", s("gone"))]);
    assert_eq!(both.len(), 2);
    assert!(bed.errors("f", &[("mode", Value::Int(644))])[0].message.contains("expected str"));
}

#[test]
fn a_directory_of_the_system_is_never_purged_removed_or_replaced() {
    let bed = Bed::new();
    for path in ["/etc/", "/usr/./", "//tmp/", "/lib64/", "/var/"] {
        let purge = bed.errors("d", &[("path", s(path)), ("recurse", yes()), ("purge", yes())]);
        let absent = [("path", s(path)), ("state", s("absent")), ("recurse", yes()), ("force", yes())];
        for (errors, param) in [(purge, "purge"), (bed.errors("d", &absent), "force")] {
            assert_eq!(errors.len(), 1, "{path}: {errors:?}");
            assert_eq!(errors[0].param, Some(param));
            assert!(errors[0].message.contains("is a directory of the system"), "{errors:?}");
            assert!(errors[0].hint.is_some());
        }
    }
    let inside = bed.declare("d", &[("path", s("/etc/x.d/")), ("recurse", yes()), ("purge", yes())]);
    assert!(FileKind::new(bed.host.clone()).build(&inside).is_ok());
    assert!(FileKind::new(bed.host.clone()).build(&bed.declare("d", &[("path", s("/etc/"))])).is_ok());
}

#[test]
fn content_beside_state_absent_is_ignored() {
    let bed = Bed::new();
    bed.write("f", "x");
    bed.converge("f", &[("content", s("should not be here")), ("state", s("absent"))]);
    assert!(!bed.exists("f"));
}

#[test]
fn a_content_that_will_be_received_makes_the_file_exist() {
    let bed = Bed::new();
    let mut declaration = bed.declare("f", &[]);
    declaration.receives.push(crate::engine::declaration::Receive {
        param: "content",
        from: Label::new("password", "p"),
        key: "password".into(),
        entry: None,
    });
    let resource = FileKind::new(bed.host.clone()).build(&declaration).unwrap();
    assert_eq!(whats(&check(&*resource).unwrap())[0], "state");
}

#[test]
fn a_file_asks_for_its_directories_and_for_what_it_is_made_of() {
    let bed = Bed::new();
    let kind = FileKind::new(bed.host.clone());
    let of = |name: &str, params: Given<'_>| {
        let params: Params = params.iter().cloned().collect();
        kind.capabilities(&Declaration::new(Label::new("file", name), params))
    };
    let file = of("/a/b/c/", &[]);
    assert_eq!(file.offers, [Uid::path("/a/b/c")]);
    assert_eq!(file.asks, path_asks::of_target(&normalize("/a/b/c", None).unwrap()));
    assert_eq!(file.asks[0].first_of, [Uid::path("/a/b"), Uid::path("/a")]);
    let sorts: Vec<_> = file.asks.iter().map(|ask| ask.first_of[0].sort).collect();
    assert_eq!(sorts, ["path", "mount", "owned"]);
    assert!(!file.reversible);
    let file = of("/a", &[("fragments", list(&["/x/".into(), "/y".into()]))]);
    assert_eq!(file.asks[1..], ["/x", "/y"].map(path_asks::of_source));
    assert!(file.reversible && !file.unwatched);
    let file = of("/a", &[("source", s("/x"))]);
    assert_eq!(file.asks[1..], [path_asks::of_source("/x")]);
    assert!(!file.reversible);
    let link = of("/a", &[("source", s("x")), ("symlink", yes())]);
    assert!(link.asks.len() == 1 && link.reversible);
    let owned = of("/a", &[("owner", s("anna")), ("group", s("staff"))]);
    assert_eq!(owned.asks[1..], path_asks::of_owner("anna", "staff").collect::<Vec<_>>());
}

#[test]
fn the_path_and_what_it_is_made_of_are_watched() {
    let bed = Bed::new();
    bed.mkdir("parts");
    let parts = [bed.text("one"), bed.text("parts")];
    let resource = bed.build("f", &[("fragments", list(&parts))]);
    let wakes = now(resource.watch(&cx())).unwrap();
    assert!(wakes.guard.is_some());
    let expected = [
        (bed.path("f"), Interest::LOOKED_AT),
        (bed.path("one"), Interest::CONTENT),
        (bed.path("parts"), Interest::TREE),
    ];
    assert_eq!(*bed.watch.0.lock().unwrap(), expected);
}

#[test]
fn the_watch_is_told_of_other_names_while_there_is_one() {
    let bed = Bed::new();
    let resource = bed.build("f", &[("content", s("x"))]);
    let says = || {
        let before = bed.watch.1.load(Ordering::SeqCst);
        now(resource.check(&cx())).unwrap();
        bed.watch.1.load(Ordering::SeqCst) - before
    };
    let wakes = now(resource.watch(&cx())).unwrap();
    assert_eq!(says(), 0, "nothing is there");
    fs::write(bed.path("f"), "x").unwrap();
    assert_eq!(says(), 0, "it has one name");
    fs::hard_link(bed.path("f"), bed.path("g")).unwrap();
    assert_eq!(says(), 1, "it has two");
    drop(wakes);
    assert_eq!(says(), 0, "it is not watched");
}

#[test]
fn a_path_is_managed_while_its_resource_lives() {
    let bed = Bed::new();
    let resource = bed.build("f", &[]);
    assert!(bed.host.managed.has(&bed.text("f")));
    drop(resource);
    assert!(!bed.host.managed.has(&bed.text("f")));
}

use super::*;

fn source(bed: &Bed) {
    bed.mkdir("src/sub/deep");
    bed.write("src/a", "a");
    bed.write("src/sub/b", "b");
    bed.write("src/sub/deep/c", "c");
    bed.chmod("src/sub/b", 0o755);
    std::os::unix::fs::symlink("a", bed.path("src/link")).unwrap();
}

#[test]
fn a_source_directory_is_copied_whole_with_recurse_and_its_top_without() {
    let bed = Bed::new();
    source(&bed);
    bed.converge("flat/", &[("source", s(bed.text("src/")))]);
    assert_eq!(bed.names("flat"), ["a", "link"]);
    bed.converge("d/", &[("source", s(bed.text("src/"))), ("recurse", yes())]);
    assert_eq!(bed.names("d"), ["a", "link", "sub"]);
    assert_eq!((bed.read("d/sub/deep/c").as_str(), bed.mode("d/sub/b")), ("c", 0o755));
    assert_eq!(fs::read_link(bed.path("d/link")).unwrap(), Path::new("a"));
    bed.write("d/sub/deep/c", "X");
    fs::remove_file(bed.path("d/a")).unwrap();
    bed.chmod("d/sub/b", 0o600);
    bed.write("d/unknown", "stays");
    let drift = bed.converge("d/", &[("source", s(bed.text("src/"))), ("recurse", yes())]);
    let mut shown: Vec<String> = drift.iter().map(ToString::to_string).collect();
    shown.sort();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[0], "entry: a: absent -> 1 bytes");
    assert!(shown[1].starts_with("entry: sub/b: 0600"), "{shown:?}");
    assert_eq!(shown[2], "entry: sub/deep/c: 1 bytes -> 1 bytes");
    assert!(bed.exists("d/unknown"));
}

#[test]
fn a_source_may_turn_out_to_be_a_directory() {
    let bed = Bed::new();
    source(&bed);
    bed.converge("d", &[("source", s(bed.text("src"))), ("recurse", yes())]);
    assert_eq!(bed.read("d/sub/b"), "b");
    assert_eq!(bed.mode("d"), 0o755);
    bed.write("d/a", "x");
    let resource = bed.build("d", &[("source", s(bed.text("src"))), ("recurse", yes())]);
    let drift = check(&*resource).unwrap();
    let diff = block_on(resource.diff(&cx(), &drift)).unwrap().unwrap();
    assert!(diff.contains("-x\n") && diff.contains("+a\n"), "{diff}");
}

#[test]
fn purge_spares_what_is_in_the_source_managed_or_temporary() {
    let bed = Bed::new();
    source(&bed);
    bed.mkdir("d/old/deep");
    bed.mkdir("d/half/way");
    for name in ["d/junk", "d/old/deep/x", "d/half/managed", "d/half/way/junk", "d/mine"] {
        bed.write(name, "x");
    }
    bed.write("d/.mgmt-0123456789abcdef-1", "in flight");
    let _managed = [bed.build("d/half/managed", &[]), bed.build("d/mine", &[("content", s("x"))])];
    let params = [("source", s(bed.text("src/"))), ("recurse", yes()), ("purge", yes())];
    let resource = bed.build("d/", &params);
    let found = check(&*resource).unwrap();
    assert!(bed.exists("d/junk"), "a check only looks");
    assert_eq!(found.iter().filter(|item| item.wanted == crate::engine::Shown::Absent).count(), 3);
    // In flight, as far as this process can tell.
    let flight = fs::File::open(bed.path("d/.mgmt-0123456789abcdef-1")).unwrap();
    rustix::fs::flock(&flight, rustix::fs::FlockOperation::LockExclusive).unwrap();
    bed.converge("d/", &params);
    assert_eq!(bed.names("d"), [".mgmt-0123456789abcdef-1", "a", "half", "link", "mine", "sub"]);
    assert_eq!(bed.names("d/half"), ["managed"]);
}

#[test]
fn purge_without_a_source_empties() {
    let bed = Bed::new();
    bed.mkdir("d/old");
    bed.write("d/old/x", "x");
    bed.converge("d/", &[("recurse", yes()), ("purge", yes())]);
    assert!(bed.names("d").is_empty());
}

#[test]
fn what_another_resource_manages_is_not_copied_over() {
    let bed = Bed::new();
    source(&bed);
    let _managed = bed.build("d/a", &[("content", s("mine"))]);
    bed.converge("d/", &[("source", s(bed.text("src/")))]);
    assert_eq!(bed.names("d"), ["link"]);
}

#[test]
fn a_directory_in_the_way_of_a_file_needs_force() {
    let bed = Bed::new();
    source(&bed);
    bed.mkdir("d/a/full");
    let params = vec![("source", s(bed.text("src/"))), ("recurse", yes())];
    assert!(bed.fails("d/", &params).hint().unwrap().contains("force"));
    bed.converge("d/", &[params, vec![("force", yes())]].concat());
    assert_eq!(bed.read("d/a"), "a");
}

#[test]
fn recurse_gives_all_of_a_tree_its_owner() {
    if !is_root() {
        return;
    }
    let bed = Bed::new();
    source(&bed);
    bed.converge("src/", &[("recurse", yes()), ("owner", s("4711"))]);
    for name in ["src", "src/a", "src/link", "src/sub/deep/c"] {
        assert_eq!(fs::symlink_metadata(bed.path(name)).unwrap().uid(), 4711, "{name}");
    }
    assert_eq!(bed.mode("src/sub/b"), 0o755);
}

#[test]
fn a_directory_is_not_copied_into_itself_by_way_of_a_link() {
    let bed = Bed::new();
    source(&bed);
    std::os::unix::fs::symlink("src", bed.path("alias")).unwrap();
    bed.converge("src/copy/", &[("source", s(bed.text("alias"))), ("recurse", yes())]);
    assert_eq!(bed.names("src/copy"), ["a", "link", "sub"]);
}

#[test]
fn many_differences_are_counted_beyond_a_hundred() {
    let bed = Bed::new();
    bed.mkdir("src");
    bed.mkdir("d");
    for n in 0..150 {
        bed.write(&format!("src/{n}"), "x");
    }
    let drift = bed.converge("d/", &[("source", s(bed.text("src/")))]);
    assert_eq!(drift.iter().count(), 101);
    assert!(drift.iter().last().unwrap().to_string().contains("50 more differ"));
    assert_eq!(bed.names("d").len(), 150);
}

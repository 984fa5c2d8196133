use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_link_where_others_can_write_is_not_followed() {
    let bed = Bed::new();
    bed.mkdir("real");
    bed.mkdir("open");
    symlink("../real", bed.path("open/link")).unwrap();
    bed.converge("open/link/f", &[("content", s("x"))]);
    assert_eq!(bed.read("real/f"), "x", "nobody else can write there yet");
    for mode in [0o777, 0o775] {
        bed.chmod("open", mode);
        let error = bed.fails("open/link/g", &[("content", s("x"))]);
        assert!(error.to_string().contains("open/link may be someone else's"), "{error}");
        assert!(
            bed.fails("f", &[("source", s(bed.text("open/link/f")))]).to_string().contains("not followed")
        );
    }
    bed.chmod("open", 0o1777);
    bed.converge("open/link/g", &[("content", s("sticky, and the link is ours"))]);
    if is_root() {
        rustix::fs::chownat(
            rustix::fs::CWD,
            bed.path("open/link"),
            Some(rustix::fs::Uid::from_raw(4711)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
        assert!(bed.fails("open/link/h", &[("content", s("x"))]).to_string().contains("not followed"));
        // A directory of another user's is that user's to change, whatever its mode.
        bed.mkdir("home");
        symlink("../real", bed.path("home/link")).unwrap();
        std::os::unix::fs::chown(bed.path("home"), Some(4711), None).unwrap();
        assert!(bed.fails("home/link/h", &[("content", s("x"))]).to_string().contains("not followed"));
    }
    assert!(!bed.exists("real/h"));
}

#[test]
fn links_on_the_way_may_be_absolute_relative_chained_but_not_endless() {
    let bed = Bed::new();
    bed.mkdir("real/deep");
    symlink(bed.path("real"), bed.path("one")).unwrap();
    symlink("one/deep/../deep", bed.path("two")).unwrap();
    bed.converge("two/f", &[("content", s("x"))]);
    assert_eq!(bed.read("real/deep/f"), "x");
    symlink("b", bed.path("a")).unwrap();
    symlink("a", bed.path("b")).unwrap();
    assert!(bed.fails("a/f", &[("content", s("x"))]).to_string().contains("Too many levels"));
}

#[test]
fn a_final_link_is_replaced_and_what_it_points_to_is_left_alone() {
    let bed = Bed::new();
    bed.write("precious", "keep");
    bed.chmod("precious", 0o644);
    symlink("precious", bed.path("f")).unwrap();
    bed.converge("f", &[("content", s("new")), ("mode", s("0600"))]);
    assert_eq!((bed.read("precious").as_str(), bed.read("f").as_str()), ("keep", "new"));
    assert_eq!(bed.mode("precious"), 0o644);
    fs::remove_file(bed.path("f")).unwrap();
    symlink("precious", bed.path("f")).unwrap();
    let error = bed.fails("f", &[("mode", s("0600"))]);
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
    bed.converge("f", &[("state", s("absent"))]);
    assert!(bed.exists("precious") && !bed.exists("f"));
}

#[test]
fn links_are_made_repaired_and_may_dangle() {
    let bed = Bed::new();
    let link = |target: &str| vec![("symlink", yes()), ("source", s(target))];
    let drift = bed.converge("l", &link("../no/where"));
    assert_eq!(whats(&drift), ["state", "source"]);
    assert_eq!(fs::read_link(bed.path("l")).unwrap(), Path::new("../no/where"));
    assert_eq!(whats(&bed.converge("l", &link("/else"))), ["source"]);
    bed.write("f", "a file gives way to a link");
    bed.converge("f", &link("l"));
    bed.mkdir("d/full");
    assert!(bed.fails("d", &link("l")).hint().unwrap().contains("force"));
    bed.converge("d", &[("symlink", yes()), ("source", s("l")), ("force", yes())]);
    assert_eq!(fs::read_link(bed.path("d")).unwrap(), Path::new("l"));
}

#[test]
fn a_directory_gives_way_only_by_force() {
    let bed = Bed::new();
    bed.mkdir("d/full");
    let error = bed.fails("d", &[("content", s("x"))]);
    assert!(error.to_string().ends_with("is a directory, not a file"), "{error}");
    bed.converge("d", &[("content", s("x")), ("force", yes())]);
    assert_eq!(bed.read("d"), "x");
    let error = bed.fails("d/", &[]);
    assert!(error.to_string().ends_with("is a file, not a directory"), "{error}");
    bed.converge("d/", &[("force", yes())]);
    assert!(bed.path("d").is_dir());
    assert_eq!(bed.mode("d"), 0o755);
}

#[test]
fn a_directory_is_removed_when_it_is_empty_or_when_all_is_meant() {
    let bed = Bed::new();
    bed.mkdir("d/sub");
    bed.write("d/sub/f", "x");
    bed.mkdir("elsewhere");
    bed.write("elsewhere/kept", "x");
    symlink("../elsewhere", bed.path("d/link")).unwrap();
    let absent = ("state", s("absent"));
    assert!(bed.fails("d", std::slice::from_ref(&absent)).hint().unwrap().contains("force"));
    for params in [vec![absent.clone(), ("force", yes())], vec![absent.clone(), ("recurse", yes())]] {
        let name = if params.iter().any(|(name, _)| *name == "force") { "d" } else { "d/" };
        assert!(bed.fails(name, &params).to_string().contains("not empty"));
    }
    bed.converge("d", &[absent.clone(), ("force", yes()), ("recurse", yes())]);
    assert!(!bed.exists("d") && bed.exists("elsewhere/kept"));
    bed.mkdir("d");
    bed.converge("d/", &[absent]);
    assert!(!bed.exists("d"));
}

#[test]
fn a_file_linked_in_by_others_is_not_given_to_them() {
    let bed = Bed::new();
    bed.write("precious", "keep");
    bed.chmod("precious", 0o600);
    bed.mkdir("open");
    fs::hard_link(bed.path("precious"), bed.path("open/f")).unwrap();
    bed.converge("open/f", &[("mode", s("0640"))]);
    bed.chmod("open", 0o1777);
    let error = bed.fails("open/f", &[("mode", s("0666"))]);
    assert!(error.to_string().contains("several names"), "{error}");
    assert_eq!(bed.mode("precious"), 0o640);
    bed.converge("open/f", &[("mode", s("0666")), ("content", s("its own file"))]);
    assert_eq!((bed.mode("precious"), bed.mode("open/f")), (0o640, 0o666));
}

#[test]
fn a_named_pipe_is_neither_waited_for_nor_replaced_without_force() {
    let bed = Bed::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, bed.path("p"), 0o600.into()).unwrap();
    assert!(bed.fails("p", &[("content", s("x"))]).to_string().contains("a named pipe"));
    assert!(bed.fails("f", &[("source", s(bed.text("p")))]).to_string().contains("a named pipe"));
    bed.converge("p", &[("content", s("x")), ("force", yes())]);
    assert_eq!(bed.read("p"), "x");
}

use super::*;
use crate::engine::drift::Shown;

#[test]
fn a_new_file_gets_its_content_and_0644_at_the_first_poll() {
    let bed = Bed::new();
    let resource = bed.build("f", &[("content", s("hello\n"))]);
    let cx = cx();
    let drift = now(resource.check(&cx)).unwrap().drift;
    assert_eq!(whats(&drift), ["state", "content"]);
    now(resource.apply(&cx, drift)).unwrap();
    assert_eq!(cx.take_wrote(), None, "the hub knows our renames by their names");
    assert_eq!((bed.read("f").as_str(), bed.mode("f")), ("hello\n", 0o644));
    assert!(now(resource.check(&cx)).unwrap().drift.is_empty());
    assert_eq!(bed.names(""), ["f"]);
}

#[test]
fn a_check_that_finds_nothing_changes_nothing() {
    let bed = Bed::new();
    bed.converge("f", &[("content", s("x")), ("mode", s("0600"))]);
    let before = fs::metadata(bed.path("f")).unwrap();
    assert!(bed.converge("f", &[("content", s("x")), ("mode", s("u=rw,go="))]).is_empty());
    let after = fs::metadata(bed.path("f")).unwrap();
    assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
}

#[test]
fn under_noop_a_check_lists_all_and_touches_nothing() {
    let bed = Bed::new();
    bed.write("f", "old");
    bed.chmod("f", 0o640);
    let before = fs::metadata(bed.path("f")).unwrap();
    let mut cx = cx();
    cx.noop = true;
    let drift = now(bed.build("f", &[("content", s("x")), ("mode", s("0600"))]).check(&cx)).unwrap().drift;
    assert_eq!(whats(&drift), ["content", "mode"]);
    let after = fs::metadata(bed.path("f")).unwrap();
    assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    assert_eq!(bed.names(""), ["f"]);
}

#[test]
fn other_content_is_shown_by_size_and_digest_and_replaced() {
    let bed = Bed::new();
    bed.write("f", "bad\n");
    let drift = bed.converge("f", &[("content", s("abc\n"))]);
    let item = drift.iter().next().unwrap();
    assert!(matches!(item.found, Shown::Content { size: 4, sha256: Some(_) }));
    assert_eq!(bed.read("f"), "abc\n");
    bed.write("f", "longer than that");
    let drift = bed.converge("f", &[("content", s("abc\n"))]);
    assert!(matches!(drift.iter().next().unwrap().found, Shown::Content { size: 16, sha256: None }));
}

#[test]
fn an_empty_content_empties_and_state_exists_alone_keeps() {
    let bed = Bed::new();
    bed.write("f", "x");
    assert!(bed.converge("f", &[("state", s("exists"))]).is_empty());
    bed.converge("f", &[("content", s(""))]);
    assert_eq!(bed.read("f"), "");
    bed.converge("new", &[("state", s("exists"))]);
    assert_eq!(bed.read("new"), "");
}

#[test]
fn an_undefined_state_never_makes_a_file() {
    let bed = Bed::new();
    for params in [vec![("mode", s("0600"))], vec![("content", s("x")), ("state", s(""))]] {
        let error = bed.fails("f", &params);
        assert!(error.to_string().ends_with("f does not exist"), "{error}");
        assert_eq!(error.hint(), Some("add `state: exists` to have it made"));
        let mut cx = cx();
        cx.noop = true;
        let drift = now(bed.build("f", &params).check(&cx)).unwrap().drift;
        assert_eq!(whats(&drift)[0], "state", "under noop it is a difference");
    }
    bed.write("f", "old");
    bed.converge("f", &[("content", s("x")), ("state", s("undefined"))]);
    assert_eq!(bed.read("f"), "x");
}

#[test]
fn a_missing_parent_is_an_error_that_says_what_to_do_and_absent_is_content_with_it() {
    let bed = Bed::new();
    let error = bed.fails("no/f", &[("content", s("x"))]);
    assert!(error.to_string().contains("No such file or directory"), "{error}");
    assert!(error.hint().unwrap().contains("declare the directory"));
    assert!(bed.converge("no/f", &[("state", s("absent"))]).is_empty());
}

#[test]
fn fragments_are_put_together_a_directory_stands_for_its_files() {
    let bed = Bed::new();
    bed.mkdir("parts/deeper");
    bed.write("head", "head\n");
    bed.write("parts/20", "twenty\n");
    bed.write("parts/10", "ten\n");
    bed.write("parts/deeper/x", "no\n");
    let parts = [bed.text("parts/"), bed.text("head")];
    bed.converge("f", &[("fragments", list(&parts))]);
    assert_eq!(bed.read("f"), "ten\ntwenty\nhead\n");
    bed.write("parts/10", "TEN\n");
    let drift = bed.converge("f", &[("fragments", list(&parts))]);
    assert_eq!(whats(&drift), ["fragments"]);
    assert_eq!(bed.read("f"), "TEN\ntwenty\nhead\n");
}

#[test]
fn a_source_is_copied_and_dev_null_is_empty() {
    let bed = Bed::new();
    bed.write("src", "copied");
    bed.chmod("src", 0o700);
    bed.converge("f", &[("source", s(bed.text("src")))]);
    assert_eq!((bed.read("f").as_str(), bed.mode("f")), ("copied", 0o644));
    bed.converge("f", &[("source", s("/dev/null"))]);
    assert_eq!(bed.read("f"), "");
    assert!(bed.fails("f", &[("source", s("/dev/zero"))]).to_string().contains("is a device, not a file"));
    assert!(bed.fails("f", &[("source", s(bed.text("none")))]).to_string().contains("none"));
}

#[test]
fn a_big_file_is_streamed_off_the_worker_and_can_be_cancelled() {
    let bed = Bed::new();
    let big: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(bed.path("src"), &big).unwrap();
    let resource = bed.build("f", &[("source", s(bed.text("src"))), ("mode", s("0600"))]);
    assert!(resource.check(&cx()).now_or_never().is_none(), "long work is not done at the first poll");
    run(&*resource).unwrap();
    assert_eq!((fs::read(bed.path("f")).unwrap() == big, bed.mode("f")), (true, 0o600));
    assert!(check(&*resource).unwrap().is_empty());

    let mut damaged = big.clone();
    damaged[4_999_999] ^= 1;
    fs::write(bed.path("f"), &damaged).unwrap();
    let cancelled = cx();
    cancelled.cancel.cancel();
    let error = block_on(resource.check(&cancelled)).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    let drift = run(&*resource).unwrap();
    assert!(matches!(drift.iter().next().unwrap().wanted, Shown::Content { sha256: Some(_), .. }));
    assert!(fs::read(bed.path("f")).unwrap() == big);
    assert_eq!(bed.names(""), ["f", "src"]);
}

#[test]
fn diffs_are_unified_and_secrets_are_never_shown() {
    let bed = Bed::new();
    bed.write("f", "old\n");
    let params = [("content", s("new\n"))];
    let resource = bed.build("f", &params);
    let drift = check(&*resource).unwrap();
    let diff = now(resource.diff(&cx(), &drift)).unwrap().unwrap();
    assert!(diff.ends_with("@@ -1 +1 @@\n-old\n+new\n"), "{diff}");
    let mut meta = (*Meta::shared_default()).clone();
    meta.sensitive = vec!["content".into()];
    let resource = bed.built_with("f", &params, meta);
    let drift = check(&*resource).unwrap();
    assert_eq!(drift.iter().next().unwrap().to_string(), "content: (sensitive) -> (sensitive)");
    assert_eq!(now(resource.diff(&cx(), &drift)).unwrap(), None);
}

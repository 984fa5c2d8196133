use super::*;

/// What brings back the state of now, of a resource with these parameters.
fn undo(bed: &Bed, name: &str, params: Given<'_>) -> Result<Params, ResourceError> {
    let mut meta = (*Meta::shared_default()).clone();
    meta.reverse = true;
    let resource = bed.built_with(name, params, meta);
    now(resource.undo(&cx())).map(|undo| undo.expect("files can be undone"))
}

#[test]
fn a_file_comes_back_as_it_was() {
    let bed = Bed::new();
    bed.write("f", "before");
    bed.chmod("f", 0o4640);
    let params = [("path", s(bed.text("f"))), ("content", s("after")), ("mode", s("0600"))];
    let undo = undo(&bed, "some name", &params).unwrap();
    bed.converge("some name", &params);
    assert_eq!(bed.read("f"), "after");
    let undo: Vec<(&'static str, Value)> = undo.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.converge("some name", &undo);
    assert_eq!((bed.read("f").as_str(), bed.mode("f")), ("before", 0o4640));
}

#[test]
fn what_was_not_there_goes_again_and_what_was_gone_comes_back() {
    let bed = Bed::new();
    let nothing = undo(&bed, "f", &[("content", s("x"))]).unwrap();
    assert_eq!(nothing.get("state"), Some(&s("absent")));
    std::os::unix::fs::symlink("there", bed.path("l")).unwrap();
    let link = undo(&bed, "l", &[("state", s("absent"))]).unwrap();
    bed.converge("l", &[("state", s("absent"))]);
    let link: Vec<(&'static str, Value)> = link.iter().map(|(name, value)| (name, value.clone())).collect();
    bed.converge("l", &link);
    assert_eq!(fs::read_link(bed.path("l")).unwrap(), Path::new("there"));
}

#[test]
fn what_cannot_be_written_down_is_refused() {
    let bed = Bed::new();
    bed.mkdir("d");
    fs::write(bed.path("binary"), [0xff, 0xfe]).unwrap();
    bed.write("f", "x");
    for (name, params, reason) in [
        ("d/", vec![], "directories"),
        ("d", vec![("state", s("absent")), ("force", yes())], "directories"),
        ("binary", vec![("content", s("x"))], "not UTF-8"),
        ("f", vec![("source", s("/etc/hostname"))], "source"),
    ] {
        let error = undo(&bed, name, &params).unwrap_err();
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

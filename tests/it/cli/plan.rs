//! `mgmt plan`.

use std::process::Command;

use super::{MGMT, Scratch};

const SITE: &str = r#"graph: site
resources:
  file:
  - {name: motd, path: DIR/w/motd, content: "new line\nsame\n", mode: "0600", state: exists}
  - {name: sub, path: DIR/w/sub/, state: exists}
  - {name: inner, path: DIR/w/sub/x, content: "hi\n", state: exists}
  - {name: secret, path: DIR/w/secret, content: hunter2, state: exists, meta: {sensitive: [content]}}
  - {name: gone, path: DIR/w/gone, state: absent}
"#;
const FAILING: &str = r#"graph: failing
resources:
  file:
  - {name: fails, path: DIR/w/motd/below, content: x, state: exists, meta: {retry: -1, delay: 100000}}
  - {name: after, path: DIR/w/after, content: x, state: exists}
edges:
- {name: e, from: {kind: file, name: fails}, to: {kind: file, name: after}}
"#;

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("site.yaml", SITE);
    scratch.write("failing.yaml", FAILING);
    std::fs::create_dir(scratch.path("w")).unwrap();
    scratch.write("w/motd", "old line\nsame\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(scratch.path("w/motd"), mode).unwrap();
    scratch
}

#[test]
fn a_plan_shows_what_differs_and_how() {
    let ran = scratch().mgmt(&["plan", "site.yaml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    insta::assert_snapshot!(ran.out, @r#"
    ~ file["motd"] at site.yaml:4:6
        content: 14 bytes sha256:11219867f6ae -> 14 bytes sha256:8bedb9f21e72
        mode: 0644 -> 0600
        --- DIR/w/motd
        +++ DIR/w/motd
        @@ -1,2 +1,2 @@
        -old line
        +new line
         same
    + file["sub"] at site.yaml:5:6
        state: absent -> a directory
    ? file["inner"] at site.yaml:6:6
        known after apply
    + file["secret"] at site.yaml:7:6
        state: absent -> a file
        content: (sensitive) -> (sensitive)

    plan: 3 to change, 1 known after apply, 1 as wanted, 0 failed
    "#);
}

#[test]
fn scripts_learn_from_the_exit_code_whether_something_would_change() {
    let scratch = scratch();
    assert_eq!(scratch.mgmt(&["plan", "--detailed-exitcode", "site.yaml"]).code, 2);
    assert_eq!(scratch.mgmt(&["run", "--converged-timeout", "0", "site.yaml"]).code, 0);
    let ran = scratch.mgmt(&["plan", "--detailed-exitcode", "site.yaml"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "plan: 0 to change, 5 as wanted, 0 failed\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_check_that_fails_is_shown_at_its_place_and_never_waited_for() {
    let ran = scratch().mgmt(&["plan", "--detailed-exitcode", "failing.yaml"]);
    assert_eq!(ran.code, 3);
    insta::assert_snapshot!(ran.out, @r#"
    ! file["after"] is blocked by file["fails"]

    plan: 0 to change, 0 as wanted, 1 failed, 1 blocked
    "#);
    assert!(
        ran.err.starts_with("error: cannot check file[\"fails\"]\n --> failing.yaml:4:6\n"),
        "{}",
        ran.err
    );
}

#[test]
fn a_new_file_of_nobody_known_is_planned_as_the_failure_that_it_will_be() {
    let scratch = scratch();
    scratch.write(
        "site.yaml",
        "graph: g\nresources:\n  file:\n  - {name: DIR/w/new, content: x, owner: no such user}\n",
    );
    let planned = scratch.mgmt(&["plan", "site.yaml"]);
    assert_eq!(planned.out, "plan: 0 to change, 0 as wanted, 1 failed\n");
    let cause = "= cause: there is no user \"no such user\"\n";
    assert!(planned.err.contains(cause), "{}", planned.err);
    let ran = scratch.mgmt(&["run", "--converged-timeout", "0", "site.yaml"]);
    assert!(ran.code == 3 && ran.err.contains(cause), "{ran:?}");
}

#[test]
fn programs_are_told_as_json_and_no_secret_is() {
    let ran = scratch().mgmt(&["plan", "--json", "site.yaml"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["to_change"], &told["known_after_apply"], &told["as_wanted"]),
        (&3.into(), &1.into(), &1.into())
    );
    assert_eq!(told["changes"][0]["items"][1]["wanted"], "0600");
    assert!(told["changes"][0]["diff"].as_str().unwrap().contains("+new line\n"));
    assert!(!ran.out.contains("hunter2"));
}

/// Calls that change a file, whatever their arguments.
const CHANGING: &str = "creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,\
    symlinkat,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,utimensat,\
    setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr";

#[test]
fn a_plan_writes_nothing_anywhere() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "strace is missing");
        eprintln!("skipped: needs strace");
        return;
    }
    let scratch = scratch();
    let trace = format!("trace=open,openat,openat2,{CHANGING}");
    let traced = |file: &str| {
        let args = ["-f", "-qq", "-o", "trace.log", "-e", &trace, MGMT, "plan", file];
        let ran = scratch.finish(&mut scratch.command("strace", &args));
        assert!(ran.out.contains("plan: "), "{ran:?}");
        std::fs::read_to_string(scratch.path("trace.log")).unwrap()
    };
    for file in ["site.yaml", "failing.yaml"] {
        let log = traced(file);
        assert!(log.contains("motd"), "the plan was traced: {log}");
        for line in log.lines() {
            let opens = line.contains(" open");
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
            let harmless =
                ["\"/dev/", "+++ exited", "--- SIG", "<detached"].iter().any(|what| line.contains(what));
            let resumed = line.contains("resumed>");
            assert!(harmless || resumed || (opens && !writes), "{line}");
        }
    }
    assert!(!scratch.path("state").exists(), "no folder was made");
    assert_eq!(std::fs::read_dir(scratch.path("w")).unwrap().count(), 1);
}

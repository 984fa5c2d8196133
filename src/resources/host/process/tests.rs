use std::time::Duration;

use futures_util::StreamExt;
use rustix::fs::{FileType, Mode};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver};

use super::*;

/// What does not come about in this time does not come about.
const PATIENCE: Duration = Duration::from_secs(20);

fn sh(script: &str) -> Invocation {
    Invocation {
        words: ["/bin/sh", "-c", script].map(Arc::from).to_vec(),
        cwd: None,
        env: Env::default(),
        identity: None,
        signal: Signal::TERM,
        merged: false,
        log: None,
    }
}

fn command(words: &[&str]) -> Invocation {
    Invocation { words: words.iter().copied().map(Arc::from).collect(), ..sh("") }
}

async fn run(invocation: &Invocation) -> Result<Outcome, ProcessError> {
    SystemProcesses::default().run(invocation, &Cancel::default()).await
}

/// A pipe with a name that a whole process group holds open: its script tells there, and its end is that of them all.
struct Line {
    dir: tempfile::TempDir,
    told: BufReader<Receiver>,
}

impl Line {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("line");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Opened before anybody writes, so that no writer waits.
        let told = BufReader::new(OpenOptions::new().open_receiver(fifo).unwrap());
        Self { dir, told }
    }

    /// How a script opens it for itself and all that it starts.
    fn open(&self) -> String {
        format!("exec 9> {}", self.dir.path().join("line").display())
    }

    /// How a script opens it, and tells its process id.
    fn announce(&self) -> String {
        format!("{}; echo $$ >&9", self.open())
    }

    /// The next line that was told.
    async fn next(&mut self) -> String {
        let mut line = String::new();
        let reading = async {
            // Before the first writer there seems to be an end.
            self.told.get_ref().readable().await.unwrap();
            self.told.read_line(&mut line).await.unwrap()
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it tells");
        line.trim().to_owned()
    }

    /// The process id that was announced.
    async fn pid(&mut self) -> Pid {
        Pid::from_raw(self.next().await.parse().unwrap()).unwrap()
    }

    /// Waits until nobody of a group runs (descendants' zombies are init's), and its leader, our child, was reaped.
    async fn gone(mut self, group: Pid) {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, self.told.read_to_end(&mut rest)).await;
        ended.expect("the group ends").unwrap();
        // It is reaped by this runtime, which so gets its turns. Looked at only: reaping is not the test's business.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let reaped = async {
            while waitid(WaitId::Pid(group), look).is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reaped).await.expect("it is reaped");
    }
}

#[tokio::test]
async fn a_command_ends_with_its_status_and_its_outputs_apart_and_together() {
    let outcome = run(&sh("echo out; echo err >&2; exit 3")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Exit(3));
    assert!(outcome.stdout.equals("out\n") && outcome.stderr.equals("err\n"));
    assert_eq!(outcome.output.text().len(), 8);
    assert_eq!(run(&sh("kill -9 $$")).await.unwrap().ending, Ending::Signal(9));
    let merged = Invocation { merged: true, ..sh("for i in 1 2 3; do echo o$i; echo e$i >&2; done") };
    assert!(run(&merged).await.unwrap().output.equals("o1\ne1\no2\ne2\no3\ne3\n"));
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_standard_input_is_empty() {
    assert!(run(&command(&["env"])).await.unwrap().stdout.equals(""));
    let env = Env(Arc::new([("A".into(), "1 2".into())].into()));
    assert!(!format!("{env:?}").contains("1 2"));
    assert!(run(&Invocation { env, ..command(&["env"]) }).await.unwrap().stdout.equals("A=1 2\n"));
    assert!(run(&command(&["cat"])).await.unwrap().stdout.equals(""));
}

#[tokio::test]
async fn a_command_runs_in_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let outcome = run(&Invocation { cwd: Some(path.clone()), ..command(&["pwd"]) }).await.unwrap();
    assert!(outcome.stdout.equals(&format!("{}\n", path.display())));
}

#[tokio::test]
async fn what_cannot_be_started_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str, mode| {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let error = run(&command(&["no-such-command-here"])).await.unwrap_err();
    assert!(error.hint().unwrap().contains("/usr/local/sbin:"), "{error}");
    assert!(matches!(run(&command(&["/no/such"])).await.unwrap_err(), ProcessError::NotFound { .. }));
    let plain = script("plain", "text", 0o644);
    assert!(matches!(run(&command(&[&plain])).await.unwrap_err(), ProcessError::Denied { .. }));
    let headless = script("headless", "text", 0o755);
    let error = run(&command(&[&headless])).await.unwrap_err();
    assert!(error.hint().unwrap().contains("`#!`"), "{error:?}");
    let orphan = script("orphan", "#!/no/such/interpreter\n", 0o755);
    let error = run(&command(&[&orphan])).await.unwrap_err();
    assert!(error.hint().unwrap().contains("interpreter"), "{error:?}");
    let nowhere = Invocation { cwd: Some("/no/such/folder".into()), ..sh("true") };
    assert!(matches!(run(&nowhere).await.unwrap_err(), ProcessError::Cwd { .. }));
}

#[tokio::test]
async fn an_output_without_bound_is_drained_and_kept_in_part() {
    let outcome = run(&sh("head -c 9000000 /dev/zero; echo end; echo quiet >&2")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Exit(0));
    assert!(!outcome.stdout.is_whole() && outcome.stderr.equals("quiet\n"));
    let text = outcome.stdout.text();
    assert!(text.len() < KEPT + 100 && text.contains("bytes are left out here") && text.ends_with("\0end\n"));
}

#[tokio::test]
async fn a_command_is_over_though_a_descendant_holds_its_pipe() {
    let outcome = run(&sh("sleep 1000 & echo $!")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Exit(0));
    let left = Pid::from_raw(outcome.stdout.text().trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(left, Signal::KILL).expect("a daemon is left alone");
}

#[tokio::test]
async fn a_cancel_sends_the_signal_to_the_whole_group() {
    let mut line = Line::new();
    // `wait` hears a signal whenever it comes; a shell that is just about to start a command may not.
    let script =
        format!("trap 'echo heard >&9; exit 7' USR1; {}; sleep 1000 & echo $$ >&9; wait", line.open());
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let invocation = Invocation { signal: Signal::USR1, ..sh(&script) };
    let running = tokio::spawn(async move { SystemProcesses::default().run(&invocation, &asked).await });
    let pid = line.pid().await;
    cancel.cancel();
    let outcome = running.await.unwrap().unwrap();
    assert!(outcome.cancelled);
    assert_eq!(outcome.ending, Ending::Exit(7));
    assert_eq!(line.next().await, "heard");
    line.gone(pid).await;
}

#[tokio::test]
async fn who_does_not_listen_is_killed_with_its_group() {
    let mut line = Line::new();
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let invocation = sh(&format!("trap '' TERM; {}; while :; do sleep 1000; done", line.announce()));
    let running = tokio::spawn(async move { SystemProcesses::default().run(&invocation, &asked).await });
    let pid = line.pid().await;
    cancel.cancel();
    cancel.kill();
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((outcome.cancelled, outcome.ending), (true, Ending::Signal(9)));
    line.gone(pid).await;
}

#[tokio::test]
async fn a_cancelled_run_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("made");
    let cancel = Cancel::default();
    cancel.cancel();
    let made = sh(&format!("touch {}", file.display()));
    let error = SystemProcesses::default().run(&made, &cancel).await.unwrap_err();
    assert!(matches!(error, ProcessError::Cancelled));
    assert!(!file.exists());
}

#[tokio::test]
async fn a_forgotten_run_kills_its_group_and_leaves_no_zombie() {
    let mut line = Line::new();
    let invocation = sh(&format!("trap '' TERM; {}; while :; do sleep 1000; done", line.announce()));
    let processes = SystemProcesses::default();
    let cancel = Cancel::default();
    let pid = tokio::select! {
        _ = processes.run(&invocation, &cancel) => panic!("it does not end"),
        pid = line.pid() => pid,
    };
    line.gone(pid).await;
}

#[tokio::test]
async fn lines_are_followed_to_the_end_and_its_reason() {
    let script = "echo one; echo two; echo partial >&2; printf three; exit 4";
    let following = SystemProcesses::default().follow(&sh(script)).await.unwrap();
    let items: Vec<Followed> = following.map(Result::unwrap).collect().await;
    let [Followed::Line, Followed::Line, Followed::Ended(outcome)] = &items[..] else {
        panic!("{items:?}");
    };
    assert_eq!(outcome.ending, Ending::Exit(4));
    assert_eq!(outcome.stderr.last_lines(1, 100), "partial");
    assert!(SystemProcesses::default().follow(&command(&["/no/such"])).await.is_err());
}

#[tokio::test]
async fn a_forgotten_follower_kills_its_group() {
    let mut line = Line::new();
    let invocation = sh(&format!("{}; echo; while :; do sleep 1000; done", line.announce()));
    let mut following = SystemProcesses::default().follow(&invocation).await.unwrap();
    assert_eq!(following.next().await.unwrap().unwrap(), Followed::Line);
    let pid = line.pid().await;
    drop(following);
    line.gone(pid).await;
}

#[tokio::test]
async fn a_command_that_is_fed_reads_exactly_that_and_then_the_end() {
    let fed = |input: Vec<u8>| async move {
        let cat = command(&["wc", "-c"]);
        SystemProcesses::default().run_fed(&cat, &input, &Cancel::default()).await.unwrap().stdout.text()
    };
    assert_eq!(fed(Vec::new()).await.trim(), "0");
    assert_eq!(fed(vec![b'x'; 300_000]).await.trim(), "300000", "more than a pipe holds");
    let as_other = Invocation { identity: Some(Identity { uid: 1, gid: 1, groups: vec![] }), ..sh("cat") };
    let refused = SystemProcesses::default().run_fed(&as_other, b"x", &Cancel::default()).await;
    assert!(matches!(refused, Err(ProcessError::Around { .. })));
}

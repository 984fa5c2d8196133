//! `mgmt top` and the progress bar in a real terminal: tmux.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::host::{Host, ILL, LONG, RETRIED, WELL};

/// A terminal of 120 columns and 32 rows.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(host: &Host, command: &str) -> Self {
        let terminal = Self { socket: host.path("tmux").display().to_string() };
        let program = Path::new(env!("CARGO_BIN_EXE_mgmt")).display();
        let shell = format!("'{program}' {command}; echo \"ended: $?\"; exec cat");
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "32", "sh", "-c", &shell]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let run = Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output().unwrap();
        assert!(run.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8_lossy(&run.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen is as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(began.elapsed() < LONG, "the screen never showed {what}:\n{screen}");
        }
    }

    fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    fn keys(&self, keys: &str) {
        self.tmux(&["send-keys", keys]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

#[test]
fn top_shows_states_and_failures_and_hears_keys() {
    let host = Host::new(ILL);
    let agent = host.run(&[]);
    host.settled();
    let top = Terminal::open(&host, &format!("top --prefix '{}'", host.prefix.display()));
    let screen = top.shows("what fails and why");
    for text in
        ["ill", "not all is well", "1 failed", "1 blocked", "file[\"bad\"]", "blocks 1", "checks a second"]
    {
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
    }
    top.keys("s");
    top.shows("by name");
    top.keys("?");
    top.shows("╭ keys ─");
    top.keys("?");
    top.until("no help", |screen| !screen.contains("╭ keys ─"));
    top.keys("/");
    top.keys("after");
    top.until("what was found", |screen| {
        screen.contains("file[\"after\"]") && !screen.contains("file[\"a\"]  ")
    });
    top.keys("Escape");
    top.shows("file[\"a\"]  ");
    top.tmux(&["resize-window", "-x", "80", "-y", "20"]);
    top.until("the narrow form", |screen| !screen.contains("checks a second"));
    agent.stop();
    top.shows("the agent is gone");
    host.save(WELL);
    let _agent = host.run(&[]);
    top.shows("all is well");
    top.keys("q");
    let after = top.shows("ended: 0");
    assert!(!after.contains("all is well"), "the screen is as it was before:\n{after}");
}

#[test]
fn top_gives_the_terminal_back_when_it_is_ended() {
    let host = Host::new(WELL);
    let top = Terminal::open(&host, &format!("top --prefix '{}'", host.prefix.display()));
    top.shows("no agent answers at");
    let pane = top.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", pane.trim())).unwrap();
    let pid: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let after = top.shows("ended: 0");
    assert!(!after.contains("no agent answers"), "{after}");
}

#[test]
fn a_bar_shows_work_that_lasts_and_leaves_when_it_is_done() {
    let host = Host::new(RETRIED);
    let run = format!("run --prefix '{}' '{}'", host.prefix.display(), host.path("site.yaml").display());
    let terminal = Terminal::open(&host, &run);
    terminal.shows("0/1");
    let screen = terminal.shows("1 to be tried again");
    assert!(screen.contains("cannot apply file[\"bad\"]"), "{screen}");
    host.save(WELL);
    terminal.until("no bar", |screen| screen.contains("put right") && !screen.contains("to be tried again"));
}

#[test]
fn an_agent_ends_with_its_terminal() {
    let host = Host::new(WELL);
    let run = format!("run --prefix '{}' '{}'", host.prefix.display(), host.path("site.yaml").display());
    let terminal = Terminal::open(&host, &run);
    terminal.shows("the graph runs");
    let holder = std::fs::read_to_string(host.prefix.join("lock")).unwrap();
    let process = format!("/proc/{}", holder.trim());
    assert!(Path::new(&process).exists());
    drop(terminal);
    let began = Instant::now();
    while Path::new(&process).exists() {
        assert!(began.elapsed() < LONG, "it runs on without its terminal");
        std::thread::yield_now();
    }
}

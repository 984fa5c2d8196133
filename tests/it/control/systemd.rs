//! The protocol of `Type=notify`, with a socket in systemd's place.

use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use super::host::{Agent, Host, LONG, WELL};

/// What systemd would hear.
struct Ear(UnixDatagram);

impl Ear {
    fn new(host: &Host) -> Self {
        let socket = UnixDatagram::bind(host.path("notify")).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Self(socket)
    }

    fn start(host: &Host, environment: &[(&str, &str)]) -> (Self, Agent) {
        let ear = Self::new(host);
        let mut command = host.command(&[]);
        command.env("NOTIFY_SOCKET", host.path("notify")).envs(environment.iter().copied());
        (ear, Agent::start(command))
    }

    fn next(&self) -> String {
        let mut message = [0; 4096];
        loop {
            match self.0.recv(&mut message) {
                Ok(length) => return String::from_utf8_lossy(&message[..length]).into_owned(),
                // A child of another test has ended: what has a time-out is not begun again by itself.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("systemd heard nothing: {error}"),
            }
        }
    }

    /// Hears all of these, in whichever order.
    fn hears_all<const N: usize>(&self, what: [&str; N]) {
        let mut left = what.to_vec();
        while !left.is_empty() {
            let message = self.next();
            left.retain(|what| !message.lines().any(|line| line.starts_with(what)));
        }
    }

    fn hears(&self, what: &str) -> String {
        loop {
            let message = self.next();
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
        }
    }
}

#[test]
fn ready_means_that_the_first_graph_runs() {
    let host = Host::new(WELL);
    let (ear, agent) = Ear::start(&host, &[]);
    // Whether the graph is settled by then is for the scheduler to say.
    ear.hears_all(["READY=1", "STATUS=1 of 1 ok"]);
    assert_eq!(host.settled()["graph"], "well");
    agent.signal(Signal::TERM);
    ear.hears("STOPPING=1");
}

#[test]
fn a_reload_begins_with_its_time_and_ends_ready() {
    let host = Host::new(WELL);
    let (ear, agent) = Ear::start(&host, &[]);
    ear.hears("READY=1");
    // Once with the same text, about which there is nothing to say, and once with another.
    for text in [WELL, "graph: other\n", "graph: [broken\n"] {
        std::fs::write(host.path("site.yaml"), text.replace("DIR", host.folder.path().to_str().unwrap()))
            .unwrap();
        agent.signal(Signal::HUP);
        let reloading = ear.hears("RELOADING=1");
        assert!(reloading.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{reloading}");
        ear.hears("READY=1");
    }
}

#[test]
fn the_watchdog_is_patted_where_it_watches() {
    let host = Host::new(WELL);
    let (ear, _agent) = Ear::start(&host, &[("WATCHDOG_USEC", "100000")]);
    ear.hears("READY=1");
    ear.hears("WATCHDOG=1");
    ear.hears("WATCHDOG=1");
}

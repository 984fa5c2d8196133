//! Hosts of a test: network namespaces, joined by bridges in one more, where the clients are.

use std::future::Future;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::task::LocalSet;

/// Tells networks of one process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Hosts, numbered from 0, all of which reach each other at first.
pub struct Net {
    /// Where the bridges and the clients are.
    hub: String,
    hosts: Vec<String>,
}

/// A place in the network.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Beside the hosts: whoever is not cut off is reached.
    Outside,
    Host(usize),
}

/// Whether namespaces are to be had; says so if not. Under CI they must be.
pub fn is_possible() -> bool {
    let tried = Command::new("unshare").args(["--net", "--mount", "ip", "link"]).output();
    let possible = rustix::process::geteuid().is_root() && tried.is_ok_and(|tried| tried.status.success());
    if !possible {
        assert!(std::env::var_os("CI").is_none(), "needs root and namespaces");
        eprintln!("skipped: needs root and namespaces");
    }
    possible
}

impl Net {
    /// `None`, and a word about it, where namespaces are not to be had; not under CI.
    pub fn with_hosts(count: usize) -> Option<Self> {
        is_possible().then(|| Self::made(count))
    }

    fn made(count: usize) -> Self {
        let name = format!("mgmt-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut net = Self { hub: format!("{name}-hub"), hosts: Vec::new() };
        ip(&["netns", "add", &net.hub]);
        for (bridge, address) in [("main", Some("10.77.0.254/24")), ("cut", None)] {
            net.in_hub(&["link", "add", bridge, "type", "bridge"]);
            address.iter().for_each(|address| net.in_hub(&["addr", "add", address, "dev", bridge]));
            net.in_hub(&["link", "set", bridge, "up"]);
        }
        for host in 0..count {
            let name = format!("{name}-{host}");
            ip(&["netns", "add", &name]);
            ip(&["-n", &name, "link", "set", "lo", "up"]);
            net.hosts.push(name);
            net.plug(host);
        }
        net
    }

    /// A host gets its interface, address and cable.
    pub fn plug(&self, host: usize) {
        let (name, link) = (&self.hosts[host], link(host));
        self.in_hub(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", name]);
        self.in_hub(&["link", "set", &link, "master", "main", "up"]);
        let address = format!("{}/24", Self::address(host));
        ip(&["-n", name, "addr", "add", &address, "dev", "eth0"]);
        ip(&["-n", name, "link", "set", "eth0", "up"]);
    }

    /// A host loses them: it has nothing but itself.
    pub fn unplug(&self, host: usize) {
        self.in_hub(&["link", "del", &link(host)]);
    }

    pub fn address(host: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(host).unwrap() + 1)
    }

    /// A command that will run on a host, as the very process that is started.
    pub fn command(&self, host: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hosts[host], program]);
        command
    }

    /// From now on these hosts reach only each other; packets to others are lost without a word.
    pub fn cut(&self, hosts: &[usize]) {
        hosts.iter().for_each(|host| self.in_hub(&["link", "set", &link(*host), "master", "cut"]));
    }

    /// All reach all again.
    pub fn heal(&self) {
        (0..self.hosts.len()).for_each(|host| self.in_hub(&["link", "set", &link(host), "master", "main"]));
    }

    /// Runs something at a place of the network, on a thread of its own, and waits for what comes of it.
    pub fn at<T, F>(&self, place: Place, work: impl FnOnce() -> F + Send) -> T
    where
        F: Future<Output = T>,
        T: Send,
    {
        let name = match place {
            Place::Outside => &self.hub,
            Place::Host(host) => &self.hosts[host],
        };
        let space = std::fs::File::open(format!("/run/netns/{name}")).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                use std::os::fd::AsFd as _;
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                LocalSet::new().block_on(&runtime, work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn in_hub(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.hub], arguments].concat());
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.hub]) {
            // What holds it still has ended, or will.
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// The hub's end of the cable to a host.
fn link(host: usize) -> String {
    format!("to{host}")
}

fn ip(arguments: &[&str]) {
    let ran = Command::new("ip").args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "ip {}: {complaint} (this test needs root)", arguments.join(" "));
}

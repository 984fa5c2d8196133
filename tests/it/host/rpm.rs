//! The kind `pkg`, with rpm and dnf on a test host and a repository of tiny packages.

use super::machine::Machine;

/// A host whose dnf knows nothing but what is in `/srv/repository`.
struct Fedora(Machine);

const REPOSITORY: &str = "[tiny]\nname=tiny\nbaseurl=file:///srv/repository\ngpgcheck=0\n";

impl Fedora {
    fn new() -> Option<Self> {
        let host = Machine::bare()?;
        // Debian's rpm has its database in the home directory, so that nobody takes it for the host's own.
        host.write("/etc/rpm/macros", "%_dbpath /var/lib/rpm\n");
        host.write("/etc/dnf/vars/releasever", "1\n");
        host.write("/etc/yum.repos.d/tiny.repo", REPOSITORY);
        host.sh("mkdir /srv/repository");
        Some(Self(host))
    }

    /// Adds packages to the repository, each with a file and perhaps a script that is run once it is there.
    fn add(&self, packages: &[(&str, &str, &str)]) {
        for (name, version, script) in packages {
            // The shell that is here is no package of rpm's.
            let shell = if script.is_empty() { "" } else { "Provides: /bin/sh\n" };
            let post = if script.is_empty() { String::new() } else { format!("%post\n{script}\n") };
            self.0.write(
                "/tmp/tiny.spec",
                format!(
                    "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: tiny\nLicense: none\nBuildArch: noarch\n\
                     {shell}%description\ntiny\n%install\nmkdir -p %{{buildroot}}/etc/{name}\n\
                     echo {version} >%{{buildroot}}/etc/{name}/owned\n{post}%files\n/etc/{name}/owned\n"
                ),
            );
            self.0.sh("rpmbuild -bb --quiet -D '_rpmdir /srv/repository' -D '_topdir /tmp/rpm' \
                 -D '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' /tmp/tiny.spec 2>&1");
        }
        self.0.sh("createrepo_c -q /srv/repository");
    }

    fn with(packages: &[(&str, &str, &str)]) -> Option<Self> {
        let fedora = Self::new()?;
        fedora.add(packages);
        fedora.0.sh("dnf -q makecache");
        Some(fedora)
    }

    /// The version that is installed; empty: none.
    fn version(&self, name: &str) -> String {
        self.0
            .sh(&format!("rpm -q --qf '%{{VERSION}}' {name} || true"))
            .replace(&format!("package {name} is not installed"), "")
    }

    fn once(&self, packages: &str) -> Result<(), String> {
        self.0.try_once(&graph(packages))
    }
}

/// Each package begins with `- name: X`.
fn graph(packages: &str) -> String {
    format!("graph: site\nresources:\n  pkg:\n{}", packages.replace("- name:", "- backend: dnf\n    name:"))
}

#[test]
fn what_rpm_erases_is_installed_again_and_whoever_only_asks_wakes_nobody() {
    let Some(fedora) = Fedora::with(&[("tiny", "1.0", ""), ("unwanted", "1.0", "")]) else { return };
    let host = &fedora.0;
    let agent = host.agent(&graph("  - name: tiny\n"));
    assert_eq!(fedora.version("tiny"), "1.0");
    for by_hand in ["rpm -e tiny", "dnf -y -q remove tiny"] {
        host.sh(by_hand);
        agent.until(by_hand, || fedora.version("tiny") == "1.0");
    }
    // What it did itself may wake it for a while.
    agent.until("whoever only asks wakes nobody", || {
        let checks = agent.checks("pkg[tiny]");
        host.sh(
            "for i in 1 2 3 4 5 6 7 8 9 10; do rpm -qa; rpm -V tiny; done; dnf -q repoquery --cacheonly tiny",
        );
        agent.checks("pkg[tiny]") == checks
    });
    agent.save(&graph("  - name: unwanted\n    state: uninstalled\n"));
    host.sh("rpm -i /srv/repository/unwanted-1.0.rpm");
    agent.until("it is removed", || fedora.version("unwanted").is_empty());
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn versions_are_chosen_kept_lowered_with_leave_and_raised_when_new_ones_come() {
    let Some(fedora) =
        Fedora::with(&[("tiny", "1.0", ""), ("tiny", "1.10", ""), ("tiny", "1.9", ""), ("tiny", "2.0", "")])
    else {
        return;
    };
    let host = &fedora.0;
    let once = |params: &str| fedora.once(&format!("  - name: tiny\n{params}"));
    assert_eq!(once("    version: 1.*\n"), Ok(()));
    assert_eq!(fedora.version("tiny"), "1.10");
    let refused = once("    state: 1.0-1\n").unwrap_err();
    assert!(refused.contains("version 1.0-1 would replace the newer 1.10-1"), "{refused}");
    assert_eq!(once("    state: 1.0-1\n    allow_downgrade: true\n"), Ok(()));
    assert_eq!(fedora.version("tiny"), "1.0");
    let missing = once("    version: '7'\n").unwrap_err();
    assert!(
        missing.contains("no repository has version 7; there is 2.0-1, 1.10-1, 1.9-1, 1.0-1"),
        "{missing}"
    );
    let agent = host.agent(&graph("  - name: tiny\n    state: newest\n"));
    assert_eq!(fedora.version("tiny"), "2.0");
    fedora.add(&[("tiny", "3.0", "")]);
    host.sh("dnf -q makecache");
    agent.until("the newest is installed", || fedora.version("tiny") == "3.0");
}

#[test]
fn unknown_ones_fail_alone_and_a_repository_that_comes_with_the_graph_is_looked_into() {
    let Some(fedora) = Fedora::new() else { return };
    fedora.add(&[("tiny", "1.0", ""), ("other", "1.0", ""), ("loose", "1.0", "")]);
    let host = &fedora.0;
    // Nothing was ever fetched.
    let said = fedora.once("  - name: tiny\n  - name: nosuch\n  - name: other\n").unwrap_err();
    assert!(said.contains("nosuch: no repository") && !said.contains("other:"), "{said}");
    assert_eq!((fedora.version("tiny"), fedora.version("other")), ("1.0".into(), "1.0".into()));
    // The time at which its transaction began.
    assert_eq!(host.sh("rpm -q --qf '%{INSTALLTID}\\n' tiny other | sort -u | wc -l"), "1");
    host.sh(
        "mkdir /srv/second; mv /srv/repository/loose* /srv/second; createrepo_c -q /srv/second; rpm -e tiny
        createrepo_c -q /srv/repository; dnf -q makecache",
    );
    let file = format!(
        "  file:\n  - name: /etc/yum.repos.d/second.repo\n    content: {:?}\n",
        REPOSITORY.replace("tiny", "second").replace("repository", "second")
    );
    let both = graph("  - name: loose\n  - name: tiny\n    source: /srv/repository/tiny-1.0.rpm\n");
    let output = host.once(&format!("{both}{file}"));
    assert!(output.status.success(), "{output:?}");
    assert_eq!((fedora.version("loose"), fedora.version("tiny")), ("1.0".into(), "1.0".into()));
}

#[test]
fn whoever_has_the_lock_is_waited_for_and_named_in_the_end() {
    let Some(fedora) =
        Fedora::with(&[("slow", "1.0", "touch /run/begun; cat /run/go >/dev/null"), ("tiny", "1.0", "")])
    else {
        return;
    };
    let host = &fedora.0;
    host.sh("mkfifo /run/go");
    let mut other = host.command("rpm").args(["-i", "/srv/repository/slow-1.0.rpm"]).spawn().unwrap();
    host.until_sh("test -e /run/begun");
    let said = fedora.once("  - name: tiny\n    lock_timeout_ms: 100\n").unwrap_err();
    assert!(said.contains("the package database is in use by process") && said.contains("(rpm)"), "{said}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| fedora.once("  - name: tiny\n"));
        host.until_sh("pgrep -x mgmt");
        host.sh("echo >/run/go");
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    assert!(other.wait().unwrap().success());
    assert_eq!((fedora.version("slow"), fedora.version("tiny")), ("1.0".into(), "1.0".into()));
}

//! The kind `pkg`, with pacman on a test host and a repository of tiny packages.

use super::machine::Machine;

/// A host whose pacman knows nothing but what is in `/srv/repository`.
struct Arch(Machine);

impl Arch {
    fn with(packages: &[(&str, &str, &str)]) -> Option<Self> {
        let host = Machine::bare()?;
        host.write(
            "/etc/pacman.conf",
            "[options]\nArchitecture = auto\nSigLevel = Never\n[tiny]\nServer = file:///srv/repository\n",
        );
        let arch = Self(host);
        arch.add(packages);
        Some(arch)
    }

    /// Adds packages to the repository, in place of those of the same name, each with a file and perhaps a script that is
    /// run once it is there. pacman does not know of them yet.
    fn add(&self, packages: &[(&str, &str, &str)]) {
        for (name, version, script) in packages {
            self.0.sh("rm -rf /tmp/tiny; mkdir -p /srv/repository /tmp/list");
            let info = format!(
                "pkgname = {name}\npkgbase = {name}\npkgver = {version}\narch = any\nbackup = etc/{name}/owned\n"
            );
            self.0.write("/tmp/tiny/.PKGINFO", info);
            self.0.write(&format!("/tmp/tiny/etc/{name}/owned"), *version);
            if !script.is_empty() {
                self.0.write("/tmp/tiny/.INSTALL", format!("post_install() {{ {script}; }}\n"));
            }
            let file = format!("{name}-{version}-any.pkg.tar.gz");
            self.0.sh(&format!(
                "cd /tmp/tiny; tar -czf /srv/repository/{file} $(ls -A); rm -rf /tmp/list/{name}-*"
            ));
            let size = self.0.path(&format!("/srv/repository/{file}")).metadata().unwrap().len();
            let fields = [
                ("FILENAME", &*file),
                ("NAME", name),
                ("VERSION", version),
                ("ARCH", "any"),
                ("CSIZE", &size.to_string()),
            ];
            let text: String =
                fields.iter().map(|(field, value)| format!("%{field}%\n{value}\n\n")).collect();
            self.0.write(&format!("/tmp/list/{name}-{version}/desc"), text);
        }
        self.0.sh("tar -czf /srv/repository/tiny.db -C /tmp/list $(ls /tmp/list)");
    }

    /// The version that is installed; empty: none.
    fn version(&self, name: &str) -> String {
        self.0.sh(&format!("pacman -Q {name} 2>/dev/null || true")).replace(&format!("{name} "), "")
    }

    /// What an administrator does beside an agent: again while the agent holds pacman's lock.
    fn by_hand(&self, command: &str) {
        self.0.sh(&format!("until {command}; do :; done"));
    }

    fn once(&self, packages: &str) -> Result<(), String> {
        self.0.try_once(&graph(packages))
    }
}

/// Each package begins with `- name: X`.
fn graph(packages: &str) -> String {
    format!(
        "graph: site\nresources:\n  pkg:\n{}",
        packages.replace("- name:", "- backend: pacman\n    name:")
    )
}

#[test]
fn what_is_removed_by_hand_is_installed_again_and_the_newest_follows_the_lists() {
    let Some(arch) = Arch::with(&[("tiny", "1.0-1", ""), ("other", "1.0-1", ""), ("unwanted", "1.0-1", "")])
    else {
        return;
    };
    let host = &arch.0;
    // The lists were never fetched, and nothing is installed.
    let all = graph(
        "  - name: tiny\n    state: newest\n  - name: other\n  - name: unwanted\n    state: uninstalled\n    purge: true\n",
    );
    let agent = host.agent(&all);
    assert_eq!((arch.version("tiny"), arch.version("other")), ("1.0-1".into(), "1.0-1".into()));
    let log = host.read("/var/log/pacman.log");
    assert_eq!(log.matches("transaction completed").count(), 1, "{log}");
    for by_hand in ["pacman -R --noconfirm tiny", "pacman -R --noconfirm other tiny"] {
        arch.by_hand(by_hand);
        agent.until(by_hand, || arch.version("tiny") == "1.0-1" && arch.version("other") == "1.0-1");
    }
    arch.by_hand("pacman -U --noconfirm /srv/repository/unwanted-1.0-1-any.pkg.tar.gz");
    agent.until("it is removed", || arch.version("unwanted").is_empty());
    arch.add(&[("tiny", "1.10-1", "")]);
    // Once would take lists of the same second for the same.
    arch.by_hand("pacman -Syy");
    agent.until("the newest is installed", || arch.version("tiny") == "1.10-1");
    let (status, said) = agent.stop();
    assert!(status.success(), "{said}");
}

#[test]
fn unknown_ones_fail_alone_and_package_files_versions_and_purges_are_as_asked() {
    let Some(arch) = Arch::with(&[("tiny", "1.0-1", ""), ("other", "1.0-1", "")]) else { return };
    let host = &arch.0;
    let said = arch.once("  - name: tiny\n  - name: nosuch\n  - name: other\n").unwrap_err();
    assert!(said.contains("nosuch: no repository") && !said.contains("other:"), "{said}");
    assert_eq!((arch.version("tiny"), arch.version("other")), ("1.0-1".into(), "1.0-1".into()));
    let said = arch.once("  - name: tiny\n    version: '7'\n").unwrap_err();
    assert!(said.contains("no repository has version 7; there is 1.0-1"), "{said}");
    let said = arch.once("  - name: tiny\n    hold: true\n").unwrap_err();
    assert!(said.contains("pacman cannot hold packages"), "{said}");
    for (purge, left) in [("", "owned.pacsave"), ("    purge: true\n", "")] {
        host.sh("rm -f /etc/tiny/*");
        assert_eq!(
            arch.once("  - name: tiny\n    source: /srv/repository/tiny-1.0-1-any.pkg.tar.gz\n"),
            Ok(())
        );
        assert_eq!(arch.version("tiny"), "1.0-1");
        host.write("/etc/tiny/owned", "mine\n");
        assert_eq!(arch.once(&format!("  - name: tiny\n    state: uninstalled\n{purge}")), Ok(()));
        assert_eq!(
            (arch.version("tiny"), host.sh("ls /etc/tiny 2>/dev/null || true")),
            (String::new(), left.into())
        );
        host.sh("rm -rf /etc/tiny");
    }
}

#[test]
fn whoever_has_the_lock_is_waited_for() {
    let slow = "touch /run/begun; cat /run/go >/dev/null";
    let Some(arch) = Arch::with(&[("slow", "1.0-1", slow), ("tiny", "1.0-1", "")]) else { return };
    let host = &arch.0;
    host.sh("mkfifo /run/go; pacman -Sy");
    let mut other = host.command("pacman").args(["-S", "--noconfirm", "slow"]).spawn().unwrap();
    host.until_sh("test -e /run/begun");
    let said = arch.once("  - name: tiny\n    lock_timeout_ms: 100\n").unwrap_err();
    assert!(said.contains("the package database is in use by another program"), "{said}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| arch.once("  - name: tiny\n"));
        host.until_sh("pgrep -x mgmt");
        host.sh("echo >/run/go");
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    assert!(other.wait().unwrap().success());
    assert_eq!((arch.version("slow"), arch.version("tiny")), ("1.0-1".into(), "1.0-1".into()));
}

//! Names of kernel parameters (sysctl.d(5)). Pure.

use std::path::{Path, PathBuf};

/// A kernel parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The path below /proc/sys.
    path: Box<str>,
}

impl Key {
    /// Reads a name. If its first separator is a dot, dots and slashes change places, so that the dot of a VLAN's name can be
    /// written: `net.ipv4.conf.eth0/7.forwarding`, or `net/ipv4/conf/eth0.7/forwarding`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let path: String = match text.find(['.', '/']) {
            Some(at) if text[at..].starts_with('.') => text
                .chars()
                .map(|sign| match sign {
                    '.' => '/',
                    '/' => '.',
                    other => other,
                })
                .collect(),
            Some(_) => text.to_owned(),
            None => return Err("a parameter has a group, as in `vm.swappiness`"),
        };
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '=' | '*' | '?' | '['))
        {
            return Err("it has a blank, `=` or a wildcard in it");
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("a part of it is empty");
        }
        Ok(Self { path: path.into() })
    }

    /// Its file.
    pub fn file(&self, root: &Path) -> PathBuf {
        root.join(&*self.path)
    }

    /// The name as sysctl(8) shows it.
    pub fn name(&self) -> String {
        let swap = |sign| match sign {
            '/' => '.',
            '.' => '/',
            other => other,
        };
        self.path.chars().map(swap).collect()
    }

    /// The network interface that it is of.
    pub fn interface(&self) -> Option<&str> {
        let mut parts = self.path.split('/');
        let is_of_one = parts.next() == Some("net")
            && matches!(parts.next(), Some("ipv4" | "ipv6"))
            && matches!(parts.next(), Some("conf" | "neigh"));
        parts.next().filter(|name| is_of_one && !matches!(*name, "all" | "default"))
    }

    /// Whether the kernel tells of it over netlink (linux/netconf.h), also when it changes with another one:
    /// `net.ipv4.ip_forward` and `net.ipv4.conf.all.forwarding` are the same.
    pub fn is_of_netconf(&self) -> bool {
        let told = ["forwarding", "mc_forwarding", "bc_forwarding", "rp_filter", "proxy_arp", "proxy_ndp"];
        let name = self.path.strip_prefix("net/ipv4/").or(self.path.strip_prefix("net/ipv6/"));
        let last = name.and_then(|name| name.strip_prefix("conf/")?.rsplit('/').next());
        name == Some("ip_forward")
            || last.is_some_and(|last| told.contains(&last) || last == "ignore_routes_with_linkdown")
    }
}

/// A value in a form in which the same ones are equal.
pub fn words(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two values are the same: they are compared word by word, as the kernel puts tabs between them.
pub fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_and_with_slashes_are_the_same_parameter() {
        for (text, file, name) in [
            ("vm.swappiness", "/p/vm/swappiness", "vm.swappiness"),
            ("vm/swappiness", "/p/vm/swappiness", "vm.swappiness"),
            ("net/ipv4/conf/a.b/x", "/p/net/ipv4/conf/a.b/x", "net.ipv4.conf.a/b.x"),
            ("net.ipv4.conf.a/b.x", "/p/net/ipv4/conf/a.b/x", "net.ipv4.conf.a/b.x"),
        ] {
            let key = Key::parse(text).unwrap();
            assert_eq!((key.file(Path::new("/p")), key.name()), (file.into(), name.to_owned()));
        }
        assert_eq!(Key::parse("net/ipv4/conf/a.b/x").unwrap().interface(), Some("a.b"));
        assert_eq!(Key::parse("net.ipv6.conf.all.x").unwrap().interface(), None);
        assert_eq!(Key::parse("kernel.hostname").unwrap().interface(), None);
        for wrong in ["", "x", ".x", "a..b", "a/../b", "a b.c", "a.b=c", "net.*.x", "/etc/passwd"] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
        assert!(is_same("4096\t1 2\n", "4096 1  2") && !is_same("1", "10"));
    }

    #[test]
    fn what_netlink_tells_of_is_known() {
        for (name, is_told) in [
            ("net.ipv4.ip_forward", true),
            ("net.ipv6.conf.all.forwarding", true),
            ("net.ipv4.conf.eth0/7.rp_filter", true),
            ("net.ipv4.conf.all.arp_announce", false),
            ("net.core.somaxconn", false),
            ("vm.forwarding", false),
        ] {
            assert_eq!(Key::parse(name).unwrap().is_of_netconf(), is_told, "{name}");
        }
    }
}

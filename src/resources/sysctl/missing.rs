//! What to do about a kernel parameter that is not there. Pure, but for a look at its neighbours.

use std::path::Path;

use super::key::Key;
use crate::engine::registry::did_you_mean;

/// Parameters that come with a module, by the beginning of their names.
const MODULES: [(&str, &str); 8] = [
    ("net.bridge.", "br_netfilter"),
    ("net.netfilter.nf_conntrack", "nf_conntrack"),
    ("net.netfilter.nf_log", "nf_log_syslog"),
    ("net.ipv4.vs.", "ip_vs"),
    ("net.sctp.", "sctp"),
    ("sunrpc.", "sunrpc"),
    ("fs.nfs.", "nfs"),
    ("dev.raid.", "md_mod"),
];

/// What to do. `root`: where the parameters are.
pub fn hint(key: &Key, root: &Path) -> String {
    let path = key.file(Path::new(""));
    let mut above = root.to_owned();
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    // The first part that is not there: a group, or the parameter.
    let wrong = parts.find(|part| {
        let next = above.join(&**part);
        let is_there = next.exists();
        if is_there {
            above = next;
        }
        !is_there
    });
    let listed = std::fs::read_dir(&above).into_iter().flatten().flatten();
    let neighbours: Vec<String> =
        listed.filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect();
    let near = wrong.as_deref().and_then(|wrong| did_you_mean(wrong, neighbours.iter().map(String::as_str)));
    let meant = near.and_then(|near| {
        let way = above.strip_prefix(root).ok()?.join(near);
        Key::parse(&parts.fold(way, |way, part| way.join(&*part)).to_string_lossy()).ok()
    });
    told(&key.name(), meant.filter(|it| it.file(root).exists()).map(|it| it.name()))
}

fn told(name: &str, meant: Option<String>) -> String {
    let module = MODULES.iter().find(|(begin, _)| name.starts_with(begin));
    match (meant, module) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Some((_, module))) => {
            format!(
                "it comes with the module {module}: `modprobe {module}`, and a line in /etc/modules-load.d for the next boot"
            )
        }
        (None, None) => "load its kernel module before, or add `ignore_missing: true`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_a_module_or_neither_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("net/ipv4/conf/eth0")).unwrap();
        std::fs::create_dir_all(root.path().join("vm")).unwrap();
        for file in ["vm/swappiness", "net/ipv4/tcp_syncookies", "net/ipv4/conf/eth0/forwarding"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        for (name, wanted) in [
            ("vm.swapiness", "did you mean `vm.swappiness`?"),
            ("net.ipv4.tcp_syncookie", "did you mean `net.ipv4.tcp_syncookies`?"),
            ("net.ip4.tcp_syncookies", "did you mean `net.ipv4.tcp_syncookies`?"),
            ("net.ipv4.conf.eth1.forwarding", "did you mean `net.ipv4.conf.eth0.forwarding`?"),
            (
                "net.bridge.bridge-nf-call-iptables",
                "it comes with the module br_netfilter: `modprobe br_netfilter`, and a line in /etc/modules-load.d for the next boot",
            ),
            ("kernel.zzz", "load its kernel module before, or add `ignore_missing: true`"),
        ] {
            assert_eq!(hint(&Key::parse(name).unwrap(), root.path()), wanted, "{name}");
        }
    }
}

//! The rules as a real etcd can keep them: its users and roles, as commands for `etcdctl`.

use std::fmt::{self, Write as _};

use super::{AdministratorName, Principal};
use crate::cluster::shell_word;
use crate::cluster::world::keys;
use crate::engine::world::HostName;

/// What a role of etcd cannot say, and what that means.
const CANNOT: &str = "\
# What a role of etcd cannot say, and what follows:
# - A key whose middle or last part is the host's name. So every host may write below /_mgmt/export/, /_mgmt/strings/host/
#   and /_mgmt/schedule/, and not only what is its own: what claims to come from another host is to be told by its
#   signature, not by where it stands. And every host may read all of /_mgmt/secret/: that is ciphertext.
# - That a key may be written once only. So a host may change what it has written below /_mgmt/audit/ about itself:
#   `mgmt audit` tells where the chain is broken.
# - That a value is signed. Hosts verify that themselves.
# - Which host a lease belongs to; and, to older versions (3.5.30 knows it), that only administrators compact.
# - Who is evicted: take the user away (etcdctl user delete), and have etcd not believe the certificate (a CRL).
";

/// A command for `etcdctl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdCommand {
    /// Its words, without `etcdctl` itself.
    pub words: Vec<String>,
    /// It makes something; that this is there already is no failure.
    pub makes: bool,
}

impl EtcdCommand {
    fn makes(words: &[&str]) -> Self {
        Self { makes: true, ..Self::gives(words) }
    }

    fn gives(words: &[&str]) -> Self {
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), makes: false }
    }
}

impl fmt::Display for EtcdCommand {
    /// As a shell takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("etcdctl")?;
        self.words.iter().try_for_each(|word| write!(f, " {}", shell_word(word)))
    }
}

/// What gives hosts and administrators their users and roles in an etcd that stands in for the mesh's store, in order. It may be
/// done again. Users are known by the common names of their certificates, and have no passwords.
pub fn commands(hosts: &[HostName], administrators: &[AdministratorName]) -> Vec<EtcdCommand> {
    let mut all = Vec::new();
    everybody(&mut all);
    for host in hosts {
        of_host(&mut all, host);
    }
    if !administrators.is_empty() {
        // etcd makes it by itself only when authentication is turned on.
        all.push(EtcdCommand::makes(&["role", "add", "root"]));
    }
    for name in administrators {
        let Some(user) = Principal::Administrator(name.clone()).etcd_user() else { continue };
        all.push(EtcdCommand::makes(&["user", "add", &user, "--no-password"]));
        all.push(EtcdCommand::gives(&["user", "grant-role", &user, "root"]));
    }
    all
}

/// The same as a script, for people to read and to run.
pub fn script(hosts: &[HostName], administrators: &[AdministratorName]) -> String {
    let mut text = "#!/bin/sh\n# Users and roles for an etcd that stands in for the store of a mesh. Run it with the variables\n\
                    # ETCDCTL_ENDPOINTS, ETCDCTL_CACERT and ETCDCTL_USER (root:PASSWORD) set. It may be run again.\n\
                    # etcd must know its clients by their certificates: --client-cert-auth --trusted-ca-file. Then it asks\n\
                    # for one here too: ETCDCTL_CERT and ETCDCTL_KEY.\n"
        .to_owned();
    text.push_str(CANNOT);
    text.push_str("once() { \"$@\" 2>&1 | grep -v 'already exists' || true; }\n");
    for command in commands(hosts, administrators) {
        let once = if command.makes { "once " } else { "" };
        writeln!(text, "{once}{command}").expect("a text takes all");
    }
    text.push_str("# At last, once root has a user: etcdctl auth enable\n");
    text
}

/// What every host may.
fn everybody(all: &mut Vec<EtcdCommand>) {
    all.push(EtcdCommand::makes(&["role", "add", "mgmt-host"]));
    let read = [
        keys::HOSTS,
        keys::DEPLOYS,
        keys::BLOBS,
        keys::POLICIES,
        keys::STORES,
        keys::ENROLLED,
        keys::SHARED_STRINGS,
        keys::SECRETS,
    ];
    for prefix in read {
        grant(all, "mgmt-host", "read", prefix, true);
    }
    for key in [keys::POLICY, keys::ROLLOUT, keys::MEMBERS, keys::ADMINISTRATORS, keys::DENIED, keys::ROOTS] {
        grant(all, "mgmt-host", "read", key, false);
    }
    for prefix in [keys::HOST_STRINGS, keys::SCHEDULES] {
        grant(all, "mgmt-host", "readwrite", prefix, true);
    }
    grant(all, "mgmt-host", "write", keys::EXPORTS, true);
    grant(all, "mgmt-host", "read", &format!("{}*/", keys::EXPORTS), true);
}

/// What only this host may.
fn of_host(all: &mut Vec<EtcdCommand>, host: &HostName) {
    let Some(user) = Principal::Host(host.clone()).etcd_user() else { return };
    let role = format!("mgmt-{user}");
    all.push(EtcdCommand::makes(&["role", "add", &role]));
    grant(all, &role, "readwrite", &keys::of_host(host), true);
    grant(all, &role, "read", &format!("{}{host}/", keys::EXPORTS), true);
    grant(all, &role, "write", &keys::audit_of(host.as_str()), true);
    all.push(EtcdCommand::makes(&["user", "add", &user, "--no-password"]));
    for role in ["mgmt-host", &role] {
        all.push(EtcdCommand::gives(&["user", "grant-role", &user, role]));
    }
}

fn grant(all: &mut Vec<EtcdCommand>, role: &str, access: &str, key: &str, is_prefix: bool) {
    let prefix: &[&str] = if is_prefix { &["--prefix=true"] } else { &[] };
    let words = [&["role", "grant-permission", role][..], prefix, &[access, key]].concat();
    all.push(EtcdCommand::gives(&words));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> String {
        script(&["web-1".parse().unwrap()], &["ann b".parse().unwrap()])
    }

    #[test]
    fn a_host_gets_a_user_that_its_certificate_names_and_a_role_of_its_own() {
        let text = made();
        for line in [
            "once etcdctl user add host:web-1 --no-password",
            "etcdctl role grant-permission mgmt-host:web-1 --prefix=true readwrite /_mgmt/host/web-1/",
            "etcdctl role grant-permission mgmt-host:web-1 --prefix=true read /_mgmt/export/web-1/",
            "etcdctl role grant-permission mgmt-host --prefix=true read '/_mgmt/export/*/'",
            "etcdctl role grant-permission mgmt-host read /_mgmt/policy",
            "etcdctl user grant-role host:web-1 mgmt-host",
            "etcdctl user grant-role 'admin:ann b' root",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn nobody_but_administrators_may_write_what_is_signed() {
        for line in made().lines().filter(|line| line.contains("write")).filter(|line| !line.starts_with('#'))
        {
            for prefix in ["/_mgmt/deploy", "/_mgmt/blob", "/_mgmt/policy", "/_mgmt/pki", "/_mgmt/secret"] {
                assert!(!line.contains(prefix), "{line}");
            }
        }
    }

    #[test]
    fn what_roles_cannot_say_is_said() {
        let text = made();
        assert!(text.contains("cannot say") && text.contains("signature"));
        assert!(
            text.lines()
                .all(|line| line.starts_with('#') || line.contains("etcdctl") || line.contains("once()"))
        );
    }
}

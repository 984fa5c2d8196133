//! Where in the store what is: everything under `/_mgmt/`, every key under its owner.
//!
//! ```text
//! /_mgmt/export/<to or *>/<kind>/<from>/<name>
//! /_mgmt/host/<host>/{live,card,seq,state,deploy,duty}
//! /_mgmt/strings/shared/<key>        /_mgmt/strings/host/<escaped key>/<host>
//! /_mgmt/deploy/<id>   /_mgmt/rollout   /_mgmt/blob/<hash>   /_mgmt/upload/<host>/<number>
//! /_mgmt/schedule/<escaped namespace>/{candidate/<host>,choice}
//! /_mgmt/policy   /_mgmt/policy/kv/<escaped prefix>/<hosts>   /_mgmt/steward/{exchange,members}   /_mgmt/store/<id>
//! /_mgmt/secret/<escaped name>/<to>   /_mgmt/secret-to/<escaped name>   /_mgmt/audit/<host or admin:name>/<number>
//! /_mgmt/pki/{administrators,denied,roots}   /_mgmt/pki/host/<host>
//! /_mgmt/pki/invite/<id>   /_mgmt/pki/used/<id>   /_mgmt/pki/used/<id>/<host>/<key>
//! ```
//!
//! Names that come last are written as they are; others with `/` and `%` escaped, so that no name can leave its place.

use std::sync::Arc;

use bytes::Bytes;

use crate::cluster::identity::{AdministratorName, Fingerprint, KvGrant, Principal};
use crate::cluster::store::key::KeyRange;
use crate::engine::id::Label;
use crate::engine::world::{Audience, CollectedId, ContentHash, DeployId, ExportId, HostName, Slot};

/// What all keys begin with.
pub const ROOT: &str = "/_mgmt/";
/// The policy of the mesh.
pub const POLICY: &str = "/_mgmt/policy";
/// How far the newest deploy goes.
pub const ROLLOUT: &str = "/_mgmt/rollout";
/// Where the members of the store are, as the steward sees them: who follows it learns of a change at once.
pub const MEMBERS: &str = "/_mgmt/steward/members";
/// The last exchange of a voter, for the steward.
pub const EXCHANGE: &str = "/_mgmt/steward/exchange";
/// Which stores this one is, and was before it began anew: their ids, in hexadecimal.
pub const STORES: &str = "/_mgmt/store/";
/// What hosts keep about themselves.
pub const HOSTS: &str = "/_mgmt/host/";
/// All deploys.
pub const DEPLOYS: &str = "/_mgmt/deploy/";
/// What hosts export.
pub const EXPORTS: &str = "/_mgmt/export/";
/// All chunks.
pub const BLOBS: &str = "/_mgmt/blob/";
/// Who stores chunks that no deploy names yet: bound to leases.
pub const UPLOADS: &str = "/_mgmt/upload/";
/// The texts for all hosts.
pub const SHARED_STRINGS: &str = "/_mgmt/strings/shared/";
/// The texts of hosts.
pub const HOST_STRINGS: &str = "/_mgmt/strings/host/";
/// Who was chosen for what.
pub const SCHEDULES: &str = "/_mgmt/schedule/";
/// Parts of the policy that have keys of their own.
pub const POLICIES: &str = "/_mgmt/policy/";
/// What hosts may write of what is everybody's: signed.
pub const KV_GRANTS: &str = "/_mgmt/policy/kv/";
/// Secrets, encrypted for each recipient.
pub const SECRETS: &str = "/_mgmt/secret/";
/// For which hosts each secret is: nothing that hosts may read.
pub const SECRET_RECORDS: &str = "/_mgmt/secret-to/";
/// What was done.
pub const AUDIT: &str = "/_mgmt/audit/";
/// How the administrators came to be: the chain's JSON.
pub const ADMINISTRATORS: &str = "/_mgmt/pki/administrators";
/// Who is out: a list of signed evictions, as JSON.
pub const DENIED: &str = "/_mgmt/pki/denied";
/// What certificates are signed with: PEM, the newest first.
pub const ROOTS: &str = "/_mgmt/pki/roots";
/// Who has an identity: every host's papers, and which certificate is its newest.
pub const ENROLLED: &str = "/_mgmt/pki/host/";
/// Who may join: signed invites.
pub const INVITES: &str = "/_mgmt/pki/invite/";
/// Who has joined: how many with each invite, and who.
pub const USED: &str = "/_mgmt/pki/used/";

/// What a host keeps about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// That it is there: bound to its lease.
    Live,
    /// Its addresses, zone, version and labels.
    Card,
    /// How many batches of writes it has made.
    Seq,
    /// How its graph stands.
    State,
    /// What it makes of its deploy.
    Deploy,
    /// What it was asked to do for the store: written by the steward.
    Duty,
}

impl Fact {
    /// The last part of its key.
    fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Card => "card",
            Self::Seq => "seq",
            Self::State => "state",
            Self::Deploy => "deploy",
            Self::Duty => "duty",
        }
    }
}

/// All keys with a prefix.
pub fn under(prefix: &str) -> KeyRange {
    KeyRange::of(Bytes::copy_from_slice(prefix.as_bytes()), past(prefix))
}

/// The first key past those with a prefix.
pub fn past(prefix: &str) -> Bytes {
    let mut end = prefix.as_bytes().to_vec();
    // A prefix ends with `/`, or is text: its last byte can be raised.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end.into()
}

/// What a host keeps about itself.
pub fn of_host(host: &HostName) -> String {
    format!("{HOSTS}{host}/")
}

/// The key of a fact.
pub fn fact(host: &HostName, fact: Fact) -> String {
    format!("{HOSTS}{host}/{}", fact.name())
}

/// Whose fact a key holds, and which.
pub fn fact_of(key: &[u8]) -> Option<(HostName, Fact)> {
    let (host, name) = std::str::from_utf8(key).ok()?.strip_prefix(HOSTS)?.split_once('/')?;
    let all = [Fact::Live, Fact::Card, Fact::Seq, Fact::State, Fact::Deploy, Fact::Duty];
    Some((host.parse().ok()?, all.into_iter().find(|fact| fact.name() == name)?))
}

/// The key of an export.
pub fn export(from: &HostName, id: &ExportId) -> String {
    format!("{}{from}/{}", exports_to(&id.to, &id.label.kind), id.label.name)
}

/// The exports for someone.
pub fn exports_for(to: &Audience) -> String {
    format!("{ROOT}export/{to}/")
}

/// The exports of a kind for someone.
pub fn exports_to(to: &Audience, kind: &str) -> String {
    format!("{EXPORTS}{to}/{kind}/")
}

/// All exports.
pub fn exports() -> String {
    EXPORTS.to_owned()
}

/// Which export a key holds, and its kind.
pub fn export_of(key: &[u8]) -> Option<(HostName, ExportId)> {
    let rest = std::str::from_utf8(key).ok()?.strip_prefix(ROOT)?.strip_prefix("export/")?;
    let mut parts = rest.splitn(4, '/');
    let to = match parts.next()? {
        "*" => Audience::All,
        host => Audience::Host(host.parse().ok()?),
    };
    let (kind, from, name) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    Some((from, ExportId { to, label: Label::new(kind, name) }))
}

/// Which export reaches a collector through a key.
pub fn collected_of(key: &[u8]) -> Option<CollectedId> {
    let (from, id) = export_of(key)?;
    Some(CollectedId { name: id.label.name, from, to: id.to })
}

/// The key of a text.
pub fn string(slot: &Slot) -> String {
    match slot {
        Slot::Shared { key } => format!("{SHARED_STRINGS}{key}"),
        Slot::OfHost { key, host } => format!("{}{host}", strings_of_hosts(key)),
    }
}

/// The texts that hosts have under a name.
pub fn strings_of_hosts(key: &str) -> String {
    format!("{HOST_STRINGS}{}/", escaped(key))
}

/// The last part of a key, if it is text.
pub fn last_part<'k>(prefix: &str, key: &'k [u8]) -> Option<&'k str> {
    std::str::from_utf8(key.strip_prefix(prefix.as_bytes())?).ok()
}

/// The key of a deploy: numbers of one length, so that keys sort as they do.
pub fn deploy(id: DeployId) -> String {
    format!("{DEPLOYS}{:020}", id.0)
}

/// The key of a chunk.
pub fn blob(hash: &ContentHash) -> String {
    format!("{BLOBS}{hash}")
}

/// The mark of an upload.
pub fn upload(host: &HostName, number: u64) -> String {
    format!("{UPLOADS}{host}/{number:016x}")
}

/// The candidates of a namespace.
pub fn candidates(namespace: &str) -> String {
    format!("{SCHEDULES}{}/candidate/", escaped(namespace))
}

/// Who was chosen in a namespace.
pub fn choice(namespace: &str) -> String {
    format!("{SCHEDULES}{}/choice", escaped(namespace))
}

/// That hosts may write texts that are everybody's.
pub fn kv_grant(grant: &KvGrant) -> String {
    format!("{KV_GRANTS}{}/{}", escaped(&grant.prefix), grant.hosts)
}

/// Under which name somebody writes down what they did; nobody has none. No host has a `:` in its name.
pub fn audit_author(who: &Principal) -> Option<String> {
    match who {
        Principal::Host(host) => Some(host.to_string()),
        Principal::Administrator(name) => Some(format!("admin:{name}")),
        Principal::Nobody => None,
    }
}

/// What somebody did.
pub fn audit_of(author: &str) -> String {
    format!("{AUDIT}{author}/")
}

/// One entry of it: numbers of one length, so that keys sort as they do.
pub fn audit_entry(author: &str, seq: u64) -> String {
    format!("{}{seq:020}", audit_of(author))
}

/// Whose entry a key holds, and which.
pub fn audit_entry_of(key: &[u8]) -> Option<(String, u64)> {
    let (author, seq) = std::str::from_utf8(key).ok()?.strip_prefix(AUDIT)?.split_once('/')?;
    let number = seq.parse().ok()?;
    (audit_entry(author, number).as_bytes() == key).then(|| (author.to_owned(), number))
}

/// What is known of a host that has an identity.
pub fn enrolled(host: &HostName) -> String {
    format!("{ENROLLED}{host}")
}

/// An invite. Its id is its key, in hexadecimal, since a fingerprint's own text may have a `/`.
pub fn invite(id: &Fingerprint) -> String {
    format!("{INVITES}{}", id.to_hex())
}

/// How many have joined with an invite.
pub fn used(invite: &Fingerprint) -> String {
    format!("{USED}{}", invite.to_hex())
}

/// That a host has joined with an invite, with this key.
pub fn used_by(invite: &Fingerprint, host: &HostName, key: &Fingerprint) -> String {
    format!("{}/{host}/{}", used(invite), key.to_hex())
}

/// A secret, encrypted for each recipient.
pub fn secrets_named(name: &str) -> String {
    format!("{SECRETS}{}/", escaped(name))
}

/// A secret for a host.
pub fn secret(name: &str, host: &HostName) -> String {
    format!("{}{host}", secrets_named(name))
}

/// A secret as the administrator who has put it may read it again: no host has a `:` in its name.
pub fn secret_of_administrator(name: &str, administrator: &AdministratorName) -> String {
    format!("{}{}", secrets_named(name), secret_reader(administrator))
}

/// What stands in the place of a host's name there.
pub fn secret_reader(administrator: &AdministratorName) -> String {
    format!("admin:{administrator}")
}

/// The record of a secret.
pub fn secret_record(name: &str) -> String {
    format!("{SECRET_RECORDS}{}", escaped(name))
}

/// A name in which `/` and `%` are written as `%2F` and `%25`.
fn escaped(name: &str) -> Arc<str> {
    if !name.contains(['/', '%']) {
        return name.into();
    }
    name.replace('%', "%25").replace('/', "%2F").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HostName {
        name.parse().unwrap()
    }

    #[test]
    fn an_export_is_found_by_its_key_whatever_its_name() {
        for name in ["/etc/motd", "a", "../x", "a//b", "*"] {
            for to in [Audience::All, Audience::Host(host("b"))] {
                let id = ExportId { to, label: Label::new("file", name) };
                assert_eq!(export_of(export(&host("a"), &id).as_bytes()), Some((host("a"), id)));
            }
        }
        let all = ExportId { to: Audience::All, label: Label::new("file", "/etc/motd") };
        assert_eq!(export(&host("a"), &all), "/_mgmt/export/*/file/a//etc/motd");
    }

    #[test]
    fn no_name_of_a_string_leaves_its_place() {
        let slot = |key: &str| Slot::OfHost { key: key.into(), host: host("h") };
        assert_eq!(string(&slot("a/b")), "/_mgmt/strings/host/a%2Fb/h");
        assert_ne!(string(&slot("a/b")), string(&slot("a%2Fb")));
        assert_eq!(candidates("x/../y"), "/_mgmt/schedule/x%2F..%2Fy/candidate/");
    }

    #[test]
    fn what_tells_who_is_who_lies_in_one_place() {
        let (id, key) = (Fingerprint::from_bytes([0xab; 32]), Fingerprint::from_bytes([1; 32]));
        let hex = "ab".repeat(32);
        assert_eq!(invite(&id), format!("/_mgmt/pki/invite/{hex}"));
        assert_eq!(used(&id), format!("/_mgmt/pki/used/{hex}"));
        assert_eq!(used_by(&id, &host("a"), &key), format!("/_mgmt/pki/used/{hex}/a/{}", "01".repeat(32)));
        assert_eq!(enrolled(&host("a")), "/_mgmt/pki/host/a");
    }

    #[test]
    fn a_fact_is_found_by_its_key() {
        assert_eq!(fact_of(fact(&host("a"), Fact::Card).as_bytes()), Some((host("a"), Fact::Card)));
        assert_eq!(fact_of(b"/_mgmt/host/a/shoe-size"), None);
    }
}

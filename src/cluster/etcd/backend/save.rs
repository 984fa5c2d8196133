//! Writing the buckets.

use std::io::{Seek, Write};

use prost::Message as _;

use super::member_json::MemberJson;
use super::record::{ConfStateJson, DowngradeJson, Lease, mark_key};
use super::{bucket, name};
use crate::cluster::disk::bbolt::{WriteError, Writer};
use crate::cluster::etcd::convert::{alarm_to_wire, key_value, permission_to_wire};
use crate::cluster::etcd::pb::authpb;
use crate::cluster::raft::wire::ConfState;
use crate::cluster::store::auth::record::{AuthRecord, RoleRecord, UserRecord};
use crate::cluster::store::id::{Mark, Revision};
use crate::cluster::store::member::Members;
use crate::cluster::store::snapshot::Snapshot;

/// What is saved, as it was at one moment.
#[derive(Debug)]
pub struct Contents {
    /// Keys, leases, users.
    pub store: Snapshot,
    /// Who belongs to the cluster.
    pub members: Members,
    /// Who of them votes.
    pub voters: ConfState,
    /// The term of the last entry that is in it.
    pub term: u64,
}

/// Writes everything into a bbolt file, and gives it back unsynced.
pub fn save<W: Write + Seek>(contents: &Contents, file: W) -> Result<W, WriteError> {
    let store = &contents.store;
    let mut writer = Writer::new(file)?;
    let mut alarms: Vec<_> = store.alarms.iter().map(|alarm| alarm_to_wire(*alarm).encode_to_vec()).collect();
    alarms.sort_unstable();
    writer.bucket(bucket::ALARM, alarms.into_iter().map(|alarm| (alarm, [])))?;
    save_auth(&mut writer, &store.auth)?;
    save_cluster(&mut writer, store)?;
    let versions = store.versions().map(|version| {
        let (key, length) = mark_key(version.mark, version.tombstone);
        (SizedKey(key, length), key_value(version.kv).encode_to_vec())
    });
    writer.bucket(bucket::KEY, versions)?;
    let mut leases: Vec<_> = store.leases.iter().map(|(id, ttl_s)| (id.0, *ttl_s)).collect();
    // As unsigned numbers: their bytes are the keys.
    leases.sort_unstable_by_key(|(id, _)| id.to_be_bytes());
    let leases = leases
        .into_iter()
        .map(|(id, ttl_s)| (id.to_be_bytes(), Lease { id, ttl_s, remaining_ttl_s: 0 }.encode_to_vec()));
    writer.bucket(bucket::LEASE, leases)?;
    save_members(&mut writer, &contents.members)?;
    save_meta(&mut writer, contents)?;
    writer.finish()
}

/// A key of one of two lengths.
struct SizedKey([u8; 18], usize);

impl AsRef<[u8]> for SizedKey {
    fn as_ref(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

fn save_auth<W: Write + Seek>(writer: &mut Writer<W>, auth: &AuthRecord) -> Result<(), WriteError> {
    let state = [
        (name::AUTH_ENABLED, vec![u8::from(auth.enabled)]),
        (name::AUTH_REVISION, auth.revision.to_be_bytes().to_vec()),
    ];
    writer.bucket(bucket::AUTH, state)?;
    writer
        .bucket(bucket::AUTH_ROLES, auth.roles.iter().map(|role| (role.name.as_bytes(), role_bytes(role))))?;
    writer.bucket(bucket::AUTH_USERS, auth.users.iter().map(|user| (user.name.as_bytes(), user_bytes(user))))
}

fn role_bytes(role: &RoleRecord) -> Vec<u8> {
    let permissions = role.permissions.iter().map(permission_to_wire).collect();
    authpb::Role { name: role.name.as_bytes().to_vec().into(), key_permission: permissions }.encode_to_vec()
}

fn user_bytes(user: &UserRecord) -> Vec<u8> {
    let options = authpb::UserAddOptions { no_password: user.password_hash.is_none() };
    let user = authpb::User {
        name: user.name.as_bytes().to_vec().into(),
        password: user.password_hash.clone().unwrap_or_default().into(),
        roles: user.roles.iter().map(ToString::to_string).collect(),
        options: Some(options),
    };
    user.encode_to_vec()
}

fn save_cluster<W: Write + Seek>(writer: &mut Writer<W>, store: &Snapshot) -> Result<(), WriteError> {
    let facts = &store.facts;
    let version = facts.version.iter().map(|version| (name::CLUSTER_VERSION, version.clone().into_bytes()));
    let downgrade = facts.downgrade.iter().map(|target| {
        let json = DowngradeJson { target_version: target.clone(), enabled: true };
        (name::DOWNGRADE, serde_json::to_vec(&json).expect("strings are JSON"))
    });
    writer.bucket(bucket::CLUSTER, version.chain(downgrade))
}

fn save_members<W: Write + Seek>(writer: &mut Writer<W>, members: &Members) -> Result<(), WriteError> {
    // Hexadecimal numbers of different lengths are in another order than the numbers.
    let mut present: Vec<_> =
        members.iter().map(|member| (member.id.to_string(), MemberJson::from(member).to_bytes())).collect();
    present.sort_unstable();
    writer.bucket(bucket::MEMBERS, present)?;
    let mut removed: Vec<_> = members.removed().map(|id| id.to_string()).collect();
    removed.sort_unstable();
    writer.bucket(bucket::MEMBERS_REMOVED, removed.into_iter().map(|id| (id, b"removed")))
}

fn save_meta<W: Write + Seek>(writer: &mut Writer<W>, contents: &Contents) -> Result<(), WriteError> {
    let store = &contents.store;
    let voters = serde_json::to_vec(&ConfStateJson::from(&contents.voters)).expect("numbers are JSON");
    let mut meta = vec![
        (name::CONF_STATE, voters),
        (name::CONSISTENT_INDEX, store.applied.to_be_bytes().to_vec()),
        (name::TERM, contents.term.to_be_bytes().to_vec()),
    ];
    if store.compacted > Revision(0) {
        let (key, length) = mark_key(Mark { main: store.compacted, sub: 0 }, false);
        meta.push((name::FINISHED_COMPACT, key[..length].to_vec()));
        meta.push((name::SCHEDULED_COMPACT, key[..length].to_vec()));
    }
    meta.sort_unstable();
    writer.bucket(bucket::META, meta)
}

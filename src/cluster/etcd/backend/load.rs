//! Reading the buckets.

use bytes::Bytes;
use prost::Message as _;

use super::member_json::MemberJson;
use super::record::{DowngradeJson, Lease, mark_of};
use super::{bucket, name};
use crate::cluster::disk::bbolt::{Pages, ReadError, Reader};
use crate::cluster::etcd::convert::{alarm_kind, permission};
use crate::cluster::etcd::pb::etcdserverpb::AlarmMember;
use crate::cluster::etcd::pb::{authpb, mvccpb};
use crate::cluster::store::Store;
use crate::cluster::store::auth::record::{AuthRecord, RoleRecord, UserRecord};
use crate::cluster::store::facts::Facts;
use crate::cluster::store::id::{LeaseId, MemberId, Revision};
use crate::cluster::store::member::{Member, Members};
use crate::cluster::store::reply::{Alarm, KeyValue};
use crate::cluster::store::restore::{Restore, RestoreError};
use crate::cluster::store::snapshot::Saved;

/// Why a file makes no state machine.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum LoadError {
    #[error("cannot read the snapshot: {0}")]
    Read(#[from] ReadError),
    #[error("the snapshot has a {what} that is none: {key:?}")]
    Record { what: &'static str, key: Bytes },
    #[error("the snapshot does not fit together: {0}")]
    Restore(#[from] RestoreError),
}

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// Keys, leases, users.
    pub store: Store,
    /// Who belongs to the cluster.
    pub members: Members,
    /// The term of the last entry that is in it.
    pub term: u64,
}

/// Reads everything.
pub fn load<P: Pages>(pages: P) -> Result<Loaded, LoadError> {
    let reader = Buckets { reader: Reader::open(pages)? };
    let mut restore = Restore::new();
    for entry in reader.entries(bucket::LEASE)? {
        let (key, value) = entry?;
        let lease = Lease::decode(value).map_err(|_| bad("lease", &key))?;
        restore.lease(LeaseId(lease.id), lease.ttl_s)?;
    }
    for entry in reader.entries(bucket::ALARM)? {
        restore.alarm(alarm(&entry?.0)?);
    }
    restore.auth(auth(&reader)?);
    restore.facts(facts(&reader)?);
    for entry in reader.entries(bucket::KEY)? {
        let (key, value) = entry?;
        restore.version(&version(&key, value)?)?;
    }
    let scheduled = reader.single(bucket::META, name::SCHEDULED_COMPACT)?;
    let compacted = scheduled.and_then(|key| mark_of(&key)).map_or(Revision(-1), |(mark, _)| mark.main);
    let applied = reader.number(bucket::META, name::CONSISTENT_INDEX)?.unwrap_or(0);
    let term = reader.number(bucket::META, name::TERM)?.unwrap_or(0);
    Ok(Loaded { store: restore.finish(compacted, applied), members: members(&reader)?, term })
}

fn bad(what: &'static str, key: &Bytes) -> LoadError {
    LoadError::Record { what, key: key.clone() }
}

fn version(key: &Bytes, value: Bytes) -> Result<Saved, LoadError> {
    let (mark, tombstone) = mark_of(key).ok_or_else(|| bad("revision", key))?;
    let kv = mvccpb::KeyValue::decode(value).map_err(|_| bad("key", key))?;
    let kv = KeyValue {
        key: kv.key,
        created: Revision(kv.create_revision),
        modified: Revision(kv.mod_revision),
        version: kv.version,
        value: kv.value,
        lease: LeaseId(kv.lease),
    };
    Ok(Saved { mark, tombstone, kv })
}

fn alarm(key: &Bytes) -> Result<Alarm, LoadError> {
    let wire = AlarmMember::decode(key.clone()).map_err(|_| bad("alarm", key))?;
    let kind = alarm_kind(wire.alarm).ok().flatten().ok_or_else(|| bad("alarm", key))?;
    Ok(Alarm { member: MemberId(wire.member_id), kind })
}

fn auth<P: Pages>(reader: &Buckets<P>) -> Result<AuthRecord, LoadError> {
    let enabled = reader.single(bucket::AUTH, name::AUTH_ENABLED)?.is_some_and(|value| *value == [1]);
    let revision = reader.number(bucket::AUTH, name::AUTH_REVISION)?.unwrap_or(1);
    let mut users = Vec::new();
    for entry in reader.entries(bucket::AUTH_USERS)? {
        let (key, value) = entry?;
        users.push(user(value).ok_or_else(|| bad("user", &key))?);
    }
    let mut roles = Vec::new();
    for entry in reader.entries(bucket::AUTH_ROLES)? {
        let (key, value) = entry?;
        roles.push(role(value).ok_or_else(|| bad("role", &key))?);
    }
    Ok(AuthRecord { enabled, revision, users, roles })
}

fn user(value: Bytes) -> Option<UserRecord> {
    let user = authpb::User::decode(value).ok()?;
    let hashed = !user.options.is_some_and(|options| options.no_password);
    Some(UserRecord {
        name: text(&user.name)?.into(),
        password_hash: if hashed { Some(text(&user.password)?.to_owned()) } else { None },
        roles: user.roles.into_iter().map(Into::into).collect(),
    })
}

fn role(value: Bytes) -> Option<RoleRecord> {
    let role = authpb::Role::decode(value).ok()?;
    // A kind of permission that this version does not know allows nothing.
    let permissions = role.key_permission.iter().filter_map(|wire| permission(Some(wire)).ok()).collect();
    Some(RoleRecord { name: text(&role.name)?.into(), permissions })
}

fn text(bytes: &Bytes) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn facts<P: Pages>(reader: &Buckets<P>) -> Result<Facts, LoadError> {
    let version = reader.single(bucket::CLUSTER, name::CLUSTER_VERSION)?;
    let version = version.and_then(|version| text(&version).map(ToOwned::to_owned));
    let downgrade = reader.single(bucket::CLUSTER, name::DOWNGRADE)?;
    let downgrade = downgrade.and_then(|json| serde_json::from_slice::<DowngradeJson>(&json).ok());
    let downgrade = downgrade.filter(|downgrade| downgrade.enabled).map(|downgrade| downgrade.target_version);
    Ok(Facts { version, downgrade, ..Facts::default() })
}

fn members<P: Pages>(reader: &Buckets<P>) -> Result<Members, LoadError> {
    let mut members = Vec::new();
    for entry in reader.entries(bucket::MEMBERS)? {
        let (key, value) = entry?;
        members.push(Member::from(MemberJson::parse(&value).map_err(|_| bad("member", &key))?));
    }
    let mut removed = Vec::new();
    for entry in reader.entries(bucket::MEMBERS_REMOVED)? {
        let (key, _) = entry?;
        let id = text(&key).and_then(|id| u64::from_str_radix(id, 16).ok());
        removed.push(MemberId(id.ok_or_else(|| bad("removed member", &key))?));
    }
    Ok(Members::restore(members, removed))
}

/// A reader that knows which buckets may be missing: those that older etcds do not make.
struct Buckets<P> {
    reader: Reader<P>,
}

impl<P: Pages> Buckets<P> {
    fn entries(
        &self,
        bucket: &[u8],
    ) -> Result<impl Iterator<Item = Result<(Bytes, Bytes), ReadError>> + '_, LoadError> {
        let there = self.reader.buckets()?.iter().any(|name| *name == *bucket);
        let entries = if there { Some(self.reader.entries(bucket)?) } else { None };
        Ok(entries.into_iter().flatten())
    }

    fn single(&self, bucket: &[u8], wanted: &[u8]) -> Result<Option<Bytes>, LoadError> {
        for entry in self.entries(bucket)? {
            let (key, value) = entry?;
            if *key == *wanted {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn number(&self, bucket: &[u8], wanted: &[u8]) -> Result<Option<u64>, LoadError> {
        let value = self.single(bucket, wanted)?;
        Ok(value.and_then(|value| value.as_ref().try_into().ok()).map(u64::from_be_bytes))
    }
}

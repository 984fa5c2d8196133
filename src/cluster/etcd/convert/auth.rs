//! Permissions, between the wire and the store.

use bytes::Bytes;

use super::{RequestError, ends_of};
use crate::cluster::etcd::pb::authpb;
use crate::cluster::store::auth::{Access, Permission};
use crate::cluster::store::key::KeyRange;

/// A permission.
pub fn permission(wire: Option<&authpb::Permission>) -> Result<Permission, RequestError> {
    use authpb::permission::Type;
    let wire = wire.ok_or(RequestError::NoPermissionGiven)?;
    let access = match Type::try_from(wire.perm_type).map_err(|_| RequestError::NoPermissionGiven)? {
        Type::Read => Access::Read,
        Type::Write => Access::Write,
        Type::Readwrite => Access::ReadWrite,
    };
    Ok(Permission { access, range: permission_range(&wire.key, &wire.range_end) })
}

/// The keys of a permission. Unlike a request's, its key may be empty: all keys up to the end.
pub fn permission_range(key: &Bytes, end: &Bytes) -> KeyRange {
    KeyRange::of(Bytes::copy_from_slice(key), Bytes::copy_from_slice(end))
}

/// A permission, to the wire.
pub fn permission_to_wire(permission: &Permission) -> authpb::Permission {
    use authpb::permission::Type;
    let (key, range_end) = ends_of(&permission.range);
    let access = match permission.access {
        Access::Read => Type::Read,
        Access::Write => Type::Write,
        Access::ReadWrite => Type::Readwrite,
    };
    authpb::Permission { perm_type: access.into(), key, range_end }
}

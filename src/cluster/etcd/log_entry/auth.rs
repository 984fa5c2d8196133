//! Changes of who may do what, in the log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::LogEntryError;
use crate::cluster::etcd::convert::{ends_of, permission, permission_range, permission_to_wire};
use crate::cluster::etcd::pb::authpb::UserAddOptions;
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, InternalRaftRequest};
use crate::cluster::store::auth::AuthChange;

/// Sets the field of the request that says so.
pub fn encode(change: &AuthChange, request: &mut InternalRaftRequest) {
    match change {
        AuthChange::Enable => request.auth_enable = Some(pb::AuthEnableRequest {}),
        AuthChange::Disable => request.auth_disable = Some(pb::AuthDisableRequest {}),
        AuthChange::Authenticate { user, simple_token } => {
            request.authenticate = Some(pb::InternalAuthenticateRequest {
                name: user.to_string(),
                password: String::new(),
                simple_token: simple_token.clone(),
            });
        }
        AuthChange::UserAdd { user, password_hash } => {
            request.auth_user_add = Some(pb::AuthUserAddRequest {
                name: user.to_string(),
                password: String::new(),
                options: Some(UserAddOptions { no_password: password_hash.is_none() }),
                hashed_password: password_hash.as_ref().map(|hash| STANDARD.encode(hash)).unwrap_or_default(),
            });
        }
        AuthChange::UserDelete { user } => {
            request.auth_user_delete = Some(pb::AuthUserDeleteRequest { name: user.to_string() });
        }
        AuthChange::UserChangePassword { user, password_hash } => {
            request.auth_user_change_password = Some(pb::AuthUserChangePasswordRequest {
                name: user.to_string(),
                password: String::new(),
                hashed_password: STANDARD.encode(password_hash),
            });
        }
        AuthChange::UserGrantRole { user, role } => {
            request.auth_user_grant_role =
                Some(pb::AuthUserGrantRoleRequest { user: user.to_string(), role: role.to_string() });
        }
        AuthChange::UserRevokeRole { user, role } => {
            request.auth_user_revoke_role =
                Some(pb::AuthUserRevokeRoleRequest { name: user.to_string(), role: role.to_string() });
        }
        AuthChange::RoleAdd { role } => {
            request.auth_role_add = Some(pb::AuthRoleAddRequest { name: role.to_string() });
        }
        AuthChange::RoleDelete { role } => {
            request.auth_role_delete = Some(pb::AuthRoleDeleteRequest { role: role.to_string() });
        }
        AuthChange::RoleGrantPermission { role, permission } => {
            request.auth_role_grant_permission = Some(pb::AuthRoleGrantPermissionRequest {
                name: role.to_string(),
                perm: Some(permission_to_wire(permission)),
            });
        }
        AuthChange::RoleRevokePermission { role, range } => {
            let (key, range_end) = ends_of(range);
            request.auth_role_revoke_permission =
                Some(pb::AuthRoleRevokePermissionRequest { role: role.to_string(), key, range_end });
        }
    }
}

/// What the request says.
pub fn decode(request: InternalRaftRequest) -> Result<AuthChange, LogEntryError> {
    if request.auth_enable.is_some() {
        return Ok(AuthChange::Enable);
    }
    if request.auth_disable.is_some() {
        return Ok(AuthChange::Disable);
    }
    if let Some(wire) = request.authenticate {
        return Ok(AuthChange::Authenticate { user: wire.name.into(), simple_token: wire.simple_token });
    }
    if let Some(wire) = request.auth_user_add {
        let no_password = wire.options.is_some_and(|options| options.no_password);
        let password_hash = if no_password { None } else { Some(hash(&wire.hashed_password)?) };
        return Ok(AuthChange::UserAdd { user: wire.name.into(), password_hash });
    }
    if let Some(wire) = request.auth_user_delete {
        return Ok(AuthChange::UserDelete { user: wire.name.into() });
    }
    if let Some(wire) = request.auth_user_change_password {
        let password_hash = hash(&wire.hashed_password)?;
        return Ok(AuthChange::UserChangePassword { user: wire.name.into(), password_hash });
    }
    if let Some(wire) = request.auth_user_grant_role {
        return Ok(AuthChange::UserGrantRole { user: wire.user.into(), role: wire.role.into() });
    }
    if let Some(wire) = request.auth_user_revoke_role {
        return Ok(AuthChange::UserRevokeRole { user: wire.name.into(), role: wire.role.into() });
    }
    role(request)
}

fn role(request: InternalRaftRequest) -> Result<AuthChange, LogEntryError> {
    if let Some(wire) = request.auth_role_add {
        return Ok(AuthChange::RoleAdd { role: wire.name.into() });
    }
    if let Some(wire) = request.auth_role_delete {
        return Ok(AuthChange::RoleDelete { role: wire.role.into() });
    }
    if let Some(wire) = request.auth_role_grant_permission {
        let permission = permission(wire.perm.as_ref())?;
        return Ok(AuthChange::RoleGrantPermission { role: wire.name.into(), permission });
    }
    if let Some(wire) = request.auth_role_revoke_permission {
        let range = permission_range(&wire.key, &wire.range_end);
        return Ok(AuthChange::RoleRevokePermission { role: wire.role.into(), range });
    }
    Err(LogEntryError::Empty)
}

fn hash(base64: &str) -> Result<String, LogEntryError> {
    let bytes = STANDARD.decode(base64).map_err(|_| LogEntryError::PasswordHash)?;
    String::from_utf8(bytes).map_err(|_| LogEntryError::PasswordHash)
}

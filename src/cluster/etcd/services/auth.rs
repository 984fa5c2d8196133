//! `etcdserverpb.Auth`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::cluster::etcd::convert::{permission, permission_range, permission_to_wire};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, ResponseHeader, auth_server::Auth};
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::auth::AuthChange;
use crate::cluster::store::request::Change;

/// Users, roles, and logging in.
pub struct AuthService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

impl AuthService {
    async fn change<T>(
        &self,
        request: &Request<T>,
        change: AuthChange,
    ) -> Result<Option<ResponseHeader>, Status> {
        let caller = self.0.caller(request)?;
        let applied = self.0.propose(Change::Auth(change), caller).await?;
        Ok(self.0.header(applied.revision))
    }
}

#[tonic::async_trait]
impl Auth for AuthService {
    async fn auth_enable(&self, request: Request<pb::AuthEnableRequest>) -> Answer<pb::AuthEnableResponse> {
        let header = self.change(&request, AuthChange::Enable).await?;
        Ok(Response::new(pb::AuthEnableResponse { header }))
    }

    async fn auth_disable(
        &self,
        request: Request<pb::AuthDisableRequest>,
    ) -> Answer<pb::AuthDisableResponse> {
        let header = self.change(&request, AuthChange::Disable).await?;
        Ok(Response::new(pb::AuthDisableResponse { header }))
    }

    async fn auth_status(&self, request: Request<pb::AuthStatusRequest>) -> Answer<pb::AuthStatusResponse> {
        self.0.root(&request)?;
        self.0.barrier().await?;
        let (enabled, auth_revision) = self.0.node.auth_state();
        Ok(Response::new(pb::AuthStatusResponse { header: self.0.header_now(), enabled, auth_revision }))
    }

    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Answer<pb::AuthenticateResponse> {
        let wire = request.into_inner();
        self.0.barrier().await?;
        let token = self.0.node.log_in(&wire.name, &wire.password).await?;
        Ok(Response::new(pb::AuthenticateResponse { header: self.0.header_now(), token }))
    }

    async fn user_add(&self, request: Request<pb::AuthUserAddRequest>) -> Answer<pb::AuthUserAddResponse> {
        let wire = request.get_ref();
        let password_hash = if wire.options.as_ref().is_some_and(|options| options.no_password) {
            None
        } else {
            Some(self.0.node.password_hash(&wire.password).await?)
        };
        let change = AuthChange::UserAdd { user: Arc::from(&*wire.name), password_hash };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserAddResponse { header }))
    }

    async fn user_get(&self, request: Request<pb::AuthUserGetRequest>) -> Answer<pb::AuthUserGetResponse> {
        let caller = self.0.caller(&request)?;
        self.0.barrier().await?;
        let name = &request.get_ref().name;
        // Everybody may see what roles they have themselves; to etcd, the name of nobody is empty.
        if caller.as_ref().map_or("", |caller| &*caller.user) != name {
            self.0.node.check_root(caller.as_ref())?;
        }
        let roles = self.0.node.user(name)?.iter().map(ToString::to_string).collect();
        Ok(Response::new(pb::AuthUserGetResponse { header: self.0.header_now(), roles }))
    }

    async fn user_list(&self, request: Request<pb::AuthUserListRequest>) -> Answer<pb::AuthUserListResponse> {
        self.0.root(&request)?;
        self.0.barrier().await?;
        let users = self.0.node.users().iter().map(ToString::to_string).collect();
        Ok(Response::new(pb::AuthUserListResponse { header: self.0.header_now(), users }))
    }

    async fn user_delete(
        &self,
        request: Request<pb::AuthUserDeleteRequest>,
    ) -> Answer<pb::AuthUserDeleteResponse> {
        let change = AuthChange::UserDelete { user: Arc::from(&*request.get_ref().name) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserDeleteResponse { header }))
    }

    async fn user_change_password(
        &self,
        request: Request<pb::AuthUserChangePasswordRequest>,
    ) -> Answer<pb::AuthUserChangePasswordResponse> {
        let password_hash = self.0.node.password_hash(&request.get_ref().password).await?;
        let change =
            AuthChange::UserChangePassword { user: Arc::from(&*request.get_ref().name), password_hash };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserChangePasswordResponse { header }))
    }

    async fn user_grant_role(
        &self,
        request: Request<pb::AuthUserGrantRoleRequest>,
    ) -> Answer<pb::AuthUserGrantRoleResponse> {
        let wire = request.get_ref();
        let change = AuthChange::UserGrantRole { user: Arc::from(&*wire.user), role: Arc::from(&*wire.role) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserGrantRoleResponse { header }))
    }

    async fn user_revoke_role(
        &self,
        request: Request<pb::AuthUserRevokeRoleRequest>,
    ) -> Answer<pb::AuthUserRevokeRoleResponse> {
        let wire = request.get_ref();
        let change =
            AuthChange::UserRevokeRole { user: Arc::from(&*wire.name), role: Arc::from(&*wire.role) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthUserRevokeRoleResponse { header }))
    }

    async fn role_add(&self, request: Request<pb::AuthRoleAddRequest>) -> Answer<pb::AuthRoleAddResponse> {
        let change = AuthChange::RoleAdd { role: Arc::from(&*request.get_ref().name) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleAddResponse { header }))
    }

    async fn role_get(&self, request: Request<pb::AuthRoleGetRequest>) -> Answer<pb::AuthRoleGetResponse> {
        let caller = self.0.user(&request)?;
        self.0.barrier().await?;
        let role = &request.get_ref().role;
        // Everybody may see what the roles that they have allow.
        let own = caller.as_ref().map(|caller| self.0.node.user(&caller.user));
        if !own.is_some_and(|roles| roles.is_ok_and(|roles| roles.iter().any(|own| **own == **role))) {
            self.0.node.check_root(caller.as_ref())?;
        }
        let perm = self.0.node.role(role)?.iter().map(permission_to_wire).collect();
        Ok(Response::new(pb::AuthRoleGetResponse { header: self.0.header_now(), perm }))
    }

    async fn role_list(&self, request: Request<pb::AuthRoleListRequest>) -> Answer<pb::AuthRoleListResponse> {
        self.0.root(&request)?;
        self.0.barrier().await?;
        let roles = self.0.node.roles().iter().map(ToString::to_string).collect();
        Ok(Response::new(pb::AuthRoleListResponse { header: self.0.header_now(), roles }))
    }

    async fn role_delete(
        &self,
        request: Request<pb::AuthRoleDeleteRequest>,
    ) -> Answer<pb::AuthRoleDeleteResponse> {
        let change = AuthChange::RoleDelete { role: Arc::from(&*request.get_ref().role) };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleDeleteResponse { header }))
    }

    async fn role_grant_permission(
        &self,
        request: Request<pb::AuthRoleGrantPermissionRequest>,
    ) -> Answer<pb::AuthRoleGrantPermissionResponse> {
        let wire = request.get_ref();
        let permission = permission(wire.perm.as_ref())?;
        let change = AuthChange::RoleGrantPermission { role: Arc::from(&*wire.name), permission };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleGrantPermissionResponse { header }))
    }

    async fn role_revoke_permission(
        &self,
        request: Request<pb::AuthRoleRevokePermissionRequest>,
    ) -> Answer<pb::AuthRoleRevokePermissionResponse> {
        let wire = request.get_ref();
        let range = permission_range(&wire.key, &wire.range_end);
        let change = AuthChange::RoleRevokePermission { role: Arc::from(&*wire.role), range };
        let header = self.change(&request, change).await?;
        Ok(Response::new(pb::AuthRoleRevokePermissionResponse { header }))
    }
}

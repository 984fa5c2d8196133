//! Changing who may do what.

use std::collections::btree_map::Entry;

use super::permission::RangeKey;
use super::{Auth, AuthChange, AuthError, AuthReply, Permission, ROOT, Role, User};
use crate::cluster::store::key::KeyRange;

impl Auth {
    /// Applies a change that stands at `index` of the consensus log. Whether the caller may is for [`Auth::check`]; a
    /// change that is refused changes nothing.
    pub fn apply(&mut self, change: &AuthChange, index: u64) -> Result<AuthReply, AuthError> {
        match change {
            AuthChange::Enable => self.enable()?,
            AuthChange::Disable => self.disable(),
            AuthChange::Authenticate { user, simple_token } => {
                return self.authenticate(user, simple_token, index);
            }
            AuthChange::UserAdd { user, password_hash } => self.add_user(user, password_hash.as_ref())?,
            AuthChange::UserDelete { user } => self.delete_user(user)?,
            AuthChange::UserChangePassword { user, password_hash } => {
                self.change_password(user, password_hash)?;
            }
            AuthChange::UserGrantRole { user, role } => self.grant_role(user, role)?,
            AuthChange::UserRevokeRole { user, role } => self.revoke_role(user, role)?,
            AuthChange::RoleAdd { role } => self.add_role(role)?,
            AuthChange::RoleDelete { role } => self.delete_role(role)?,
            AuthChange::RoleGrantPermission { role, permission } => self.grant(role, permission)?,
            AuthChange::RoleRevokePermission { role, range } => self.revoke(role, range)?,
        }
        Ok(AuthReply::Done)
    }

    fn changed(&mut self) {
        self.revision += 1;
    }

    /// Not a change that counts: rights are what they were.
    fn enable(&mut self) -> Result<(), AuthError> {
        if !self.enabled {
            let root = self.users.get(ROOT).ok_or(AuthError::RootUserNotExist)?;
            if !root.roles.contains(ROOT) {
                return Err(AuthError::RootRoleNotGranted);
            }
            self.enabled = true;
        }
        Ok(())
    }

    fn disable(&mut self) {
        if self.enabled {
            self.enabled = false;
            self.changed();
        }
    }

    fn authenticate(&self, user: &str, letters: &str, index: u64) -> Result<AuthReply, AuthError> {
        if !self.enabled {
            return Err(AuthError::NotEnabled);
        }
        if !self.users.contains_key(user) {
            return Err(AuthError::Failed);
        }
        Ok(AuthReply::Token(format!("{letters}.{index}")))
    }

    fn add_user(&mut self, name: &super::UserName, password_hash: Option<&String>) -> Result<(), AuthError> {
        if name.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        let Entry::Vacant(place) = self.users.entry(name.clone()) else {
            return Err(AuthError::UserExists);
        };
        place.insert(User { password_hash: password_hash.cloned(), ..User::default() });
        self.changed();
        Ok(())
    }

    fn delete_user(&mut self, name: &str) -> Result<(), AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        self.users.remove(name).ok_or(AuthError::UserNotFound)?;
        self.changed();
        Ok(())
    }

    fn change_password(&mut self, name: &str, password_hash: &str) -> Result<(), AuthError> {
        let user = self.users.get_mut(name).ok_or(AuthError::UserNotFound)?;
        // Who has none keeps none; it counts as a change all the same.
        if let Some(hash) = &mut user.password_hash {
            password_hash.clone_into(hash);
        }
        self.changed();
        Ok(())
    }

    /// The role `root` need not be there. Granting what is granted is no change.
    fn grant_role(&mut self, name: &str, role: &super::RoleName) -> Result<(), AuthError> {
        let user = self.users.get_mut(name).ok_or(AuthError::UserNotFound)?;
        if &**role != ROOT && !self.roles.contains_key(role) {
            return Err(AuthError::RoleNotFound);
        }
        if user.roles.insert(role.clone()) {
            self.refresh_user(name);
            self.changed();
        }
        Ok(())
    }

    fn revoke_role(&mut self, name: &str, role: &str) -> Result<(), AuthError> {
        if self.enabled && name == ROOT && role == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        let user = self.users.get_mut(name).ok_or(AuthError::UserNotFound)?;
        if !user.roles.remove(role) {
            return Err(AuthError::RoleNotGranted);
        }
        self.refresh_user(name);
        self.changed();
        Ok(())
    }

    fn add_role(&mut self, name: &super::RoleName) -> Result<(), AuthError> {
        if name.is_empty() {
            return Err(AuthError::RoleEmpty);
        }
        let Entry::Vacant(place) = self.roles.entry(name.clone()) else {
            return Err(AuthError::RoleExists);
        };
        place.insert(Role::default());
        self.changed();
        Ok(())
    }

    /// Who had the role has it no more.
    fn delete_role(&mut self, name: &str) -> Result<(), AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
        let mut holders = Vec::new();
        for (user_name, user) in &mut self.users {
            if user.roles.remove(name) {
                holders.push(user_name.clone());
            }
        }
        for holder in holders {
            self.refresh_user(&holder);
        }
        self.changed();
        Ok(())
    }

    /// Counts as a change even when it is what was there.
    fn grant(&mut self, name: &str, permission: &Permission) -> Result<(), AuthError> {
        if !permission.is_valid() {
            return Err(AuthError::InvalidManagement);
        }
        let role = self.roles.get_mut(name).ok_or(AuthError::RoleNotFound)?;
        role.permissions.insert(RangeKey::from(&permission.range), permission.access);
        self.refresh_holders(name);
        self.changed();
        Ok(())
    }

    fn revoke(&mut self, name: &str, range: &KeyRange) -> Result<(), AuthError> {
        let role = self.roles.get_mut(name).ok_or(AuthError::RoleNotFound)?;
        role.permissions.remove(&RangeKey::from(range)).ok_or(AuthError::PermissionNotGranted)?;
        self.refresh_holders(name);
        self.changed();
        Ok(())
    }
}

//! Episodes with authentication on: some users, some rights, and requests of each of them.

use mgmt::cluster::etcd::pb::authpb::{Permission, UserAddOptions};
use mgmt::cluster::etcd::pb::etcdserverpb::*;

use super::request::{Answer, Request, unary};
use super::run::{By, READS, Run};
use super::watching::Watching;

/// Who there is; the second's token is none, the last has no password.
const USERS: [&str; 4] = ["root", "ann", "bob", "eve"];
/// Writes while it is on.
const WRITES: usize = 60;

impl Run {
    fn by(&mut self) -> By {
        match self.draw.random.u32(..20) {
            0 => None,
            1 => Some("nobody"),
            2..=8 => Some("root"),
            9..=14 => Some("ann"),
            15..=17 => Some("bob"),
            _ => Some("eve"),
        }
    }

    async fn log_in(&mut self, user: &'static str, password: &str) {
        let request = AuthenticateRequest { name: user.to_owned(), password: password.to_owned() };
        let path = "/etcdserverpb.Auth/Authenticate";
        let (left, right) = self.lines(None);
        let (left, right) = tokio::join!(
            unary::<_, AuthenticateResponse>(&left, path, request.clone()),
            unary::<_, AuthenticateResponse>(&right, path, request.clone())
        );
        if let (Ok(left), Ok(right)) = (&left, &right) {
            self.tokens.insert(user, (left.token.clone(), right.token.clone()));
        }
        self.step += 1;
        *self.asked.entry(path).or_default() += 1;
        let (left, right) =
            (Answer::of(left.map(|reply| vec![reply])), Answer::of(right.map(|reply| vec![reply])));
        if !left.same(&right) {
            self.differs(&format!("{request:?}\n- {}\n+ {}", left.show(), right.show()));
        }
    }

    fn user(&mut self, name: &str, no_password: bool) -> Request {
        let password = if no_password { String::new() } else { name.to_owned() };
        let options = Some(UserAddOptions { no_password });
        Request::UserAdd(AuthUserAddRequest {
            name: name.to_owned(),
            password,
            options,
            ..Default::default()
        })
    }

    /// Users and roles, some of which may be there already.
    async fn found(&mut self) {
        for user in USERS {
            let add = self.user(user, user == "eve");
            self.ask(add).await;
        }
        let wide = Permission { perm_type: 2, key: "k".into(), range_end: "ke".into() };
        self.ask(Request::RoleAdd(AuthRoleAddRequest { name: "ann".to_owned() })).await;
        self.ask(Request::RoleGrant(AuthRoleGrantPermissionRequest {
            name: "ann".to_owned(),
            perm: Some(wide),
        }))
        .await;
        for (user, role) in [("ann", "ann"), ("root", "root")] {
            // Refused until the last.
            self.ask(Request::AuthEnable(AuthEnableRequest {})).await;
            self.ask(Request::UserGrantRole(AuthUserGrantRoleRequest {
                user: user.to_owned(),
                role: role.to_owned(),
            }))
            .await;
        }
        for _ in 0..6 {
            let perm = Some(self.draw.permission());
            let (name, user, role) = (self.draw.name(), self.draw.name(), self.draw.name());
            self.ask(Request::RoleAdd(AuthRoleAddRequest { name: name.clone() })).await;
            self.ask(Request::RoleGrant(AuthRoleGrantPermissionRequest { name, perm })).await;
            self.ask(Request::UserGrantRole(AuthUserGrantRoleRequest { user, role })).await;
        }
    }

    /// A change of users and roles, with `root` among their names; passwords of others only.
    fn management(&mut self) -> Request {
        let root = |run: &mut Run| if run.draw.one_in(4) { "root".to_owned() } else { run.draw.name() };
        let (name, role) = (root(self), root(self));
        match self.draw.random.u32(..11) {
            0 => {
                let no_password = self.draw.one_in(3);
                self.user(&name, no_password)
            }
            1 => Request::UserDelete(AuthUserDeleteRequest { name }),
            2 => {
                let name = self.draw.name();
                let password = if self.draw.one_in(10) { "long".repeat(19) } else { name.clone() };
                Request::UserChangePassword(AuthUserChangePasswordRequest {
                    name,
                    password,
                    ..Default::default()
                })
            }
            3 | 4 => Request::UserGrantRole(AuthUserGrantRoleRequest { user: name, role }),
            5 => Request::UserRevokeRole(AuthUserRevokeRoleRequest { name, role }),
            6 => Request::RoleAdd(AuthRoleAddRequest { name }),
            7 => Request::RoleDelete(AuthRoleDeleteRequest { role }),
            8 | 9 => Request::RoleGrant(AuthRoleGrantPermissionRequest {
                name,
                perm: Some(self.draw.permission()),
            }),
            _ => {
                let (key, range_end) = self.draw.grantable();
                Request::RoleRevoke(AuthRoleRevokePermissionRequest { role, key, range_end })
            }
        }
    }

    async fn guarded_write(&mut self) {
        self.learn_revision().await;
        let write = if self.draw.one_in(4) { self.management() } else { self.draw.write() };
        // Off only at the end.
        if !matches!(write, Request::AuthDisable(_)) {
            let by = self.by();
            self.ask_by(by, write).await;
        }
        let reads = (0..self.draw.random.usize(..READS)).map(|_| (self.draw.read(), self.by())).collect();
        self.ask_at_once(reads).await;
    }

    async fn guarded_watches(&mut self) {
        self.learn_revision().await;
        let by = self.by();
        let (left, right) = self.lines(by);
        let opened = Watching::open(&mut self.draw, &left, &right).await;
        let mut watching = opened.expect("both servers take watch streams");
        for _ in 0..4 {
            self.guarded_write().await;
        }
        self.learn_revision().await;
        watching.cancel_one(&mut self.draw).await;
        self.end(watching, by).await;
    }

    /// Turns authentication on, lets everybody ask, and turns it off again.
    pub async fn users(&mut self) {
        self.found().await;
        self.draw.ordered = true;
        self.ask(Request::AuthEnable(AuthEnableRequest {})).await;
        self.log_in("root", "root").await;
        if !self.tokens.contains_key("root") {
            return;
        }
        for number in 0..WRITES {
            if number % 10 == 0 {
                let user = USERS[self.draw.random.usize(1..USERS.len())];
                let password = if self.draw.one_in(5) { "guess" } else { user };
                self.log_in(user, password).await;
            }
            self.guarded_write().await;
        }
        self.guarded_watches().await;
        self.ask_by(Some("ann"), Request::AuthDisable(AuthDisableRequest {})).await;
        self.ask_by(Some("root"), Request::AuthDisable(AuthDisableRequest {})).await;
        for (request, by) in
            [(Request::AuthStatus(AuthStatusRequest {}), None), (self.draw.read(), Some("ann"))]
        {
            self.ask_by(by, request).await;
        }
        // A token of an earlier time.
        let write = self.draw.write();
        self.ask_by(Some("ann"), write).await;
        self.tokens.clear();
        self.draw.ordered = false;
        self.ask(Request::UserDelete(AuthUserDeleteRequest { name: "root".to_owned() })).await;
        self.ask(Request::RoleDelete(AuthRoleDeleteRequest { role: "root".to_owned() })).await;
    }
}

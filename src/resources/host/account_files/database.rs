//! What the account files say: `passwd`, `shadow`, `group`, and the subordinate ids. Pure.
//!
//! A line that is none of an account, such as NIS's `+`, a comment or half a line, is passed over. Of two lines of one name
//! the first counts, as for the C library.

use std::collections::BTreeMap;

/// All accounts of this host's own files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// By name.
    pub users: BTreeMap<Box<str>, User>,
    /// By name.
    pub groups: BTreeMap<Box<str>, Group>,
    /// By the user's name; `None`: they may not be read.
    pub shadow: Option<BTreeMap<Box<str>, Shadow>>,
    /// The subordinate user ids, each with the user's name or number.
    pub subuids: Vec<(Box<str>, IdRange)>,
    /// The subordinate group ids.
    pub subgids: Vec<(Box<str>, IdRange)>,
}

/// A line of `passwd` (passwd(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The password, or `x` where it is in `shadow`.
    pub password: Box<str>,
    /// The number.
    pub uid: u32,
    /// The primary group's number.
    pub gid: u32,
    /// The full name and more.
    pub comment: Box<str>,
    /// The home directory.
    pub home: Box<str>,
    /// The login shell; empty: /bin/sh.
    pub shell: Box<str>,
}

/// A line of `shadow` (shadow(5)). Its debug form shows no hash.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shadow {
    /// The password's hash.
    pub password: Box<str>,
    /// After how many days the password must be changed; `None`: never.
    pub max_days: Option<i64>,
    /// The day on which the account expires, counted from 1970-01-01; `None`: never.
    pub expires: Option<i64>,
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow")
            .field("max_days", &self.max_days)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Shadow {
    /// Whether the account is locked: no password opens it.
    pub fn is_locked(&self) -> bool {
        self.password.starts_with('!')
    }
}

/// A line of `group` (group(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The number.
    pub gid: u32,
    /// Users who have it besides their primary group, in the order of the file.
    pub members: Vec<Box<str>>,
}

/// So many ids from a first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The first id.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl IdRange {
    /// The last id.
    pub fn last(self) -> u32 {
        self.first.saturating_add(self.count.saturating_sub(1))
    }
}

/// The texts of the files; what is not there is empty.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// `passwd`.
    pub passwd: String,
    /// `group`.
    pub group: String,
    /// `shadow`; `None`: it may not be read.
    pub shadow: Option<String>,
    /// `subuid`.
    pub subuid: String,
    /// `subgid`.
    pub subgid: String,
}

impl Database {
    /// What these texts say.
    pub fn parse(texts: &Texts) -> Self {
        Self {
            users: by_name(&texts.passwd, user),
            groups: by_name(&texts.group, group),
            shadow: texts.shadow.as_deref().map(|text| by_name(text, shadow)),
            subuids: texts.subuid.lines().filter_map(range).collect(),
            subgids: texts.subgid.lines().filter_map(range).collect(),
        }
    }

    /// The line of `shadow` of a user.
    pub fn shadow_of(&self, name: &str) -> Option<&Shadow> {
        self.shadow.as_ref()?.get(name)
    }

    /// The name of the first group with this number.
    pub fn group_name(&self, gid: u32) -> Option<&str> {
        self.groups.iter().find(|(_, group)| group.gid == gid).map(|(name, _)| &**name)
    }

    /// The groups that name this user as a member, sorted.
    pub fn groups_of(&self, user: &str) -> Vec<&str> {
        let has = |group: &Group| group.members.iter().any(|member| **member == *user);
        self.groups.iter().filter(|(_, group)| has(group)).map(|(name, _)| &**name).collect()
    }

    /// The users whose primary group has this number, sorted.
    pub fn users_of(&self, gid: u32) -> Vec<&str> {
        self.users.iter().filter(|(_, user)| user.gid == gid).map(|(name, _)| &**name).collect()
    }
}

fn by_name<T>(text: &str, parse: impl Fn(&[&str]) -> Option<T>) -> BTreeMap<Box<str>, T> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let name = fields[0];
        if name.is_empty() || name.starts_with(['+', '-', '#']) {
            continue;
        }
        if let Some(value) = parse(&fields[1..]) {
            found.entry(name.into()).or_insert(value);
        }
    }
    found
}

fn user(fields: &[&str]) -> Option<User> {
    let [password, uid, gid, comment, home, shell] = *fields else { return None };
    Some(User {
        password: password.into(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        comment: comment.into(),
        home: home.into(),
        shell: shell.into(),
    })
}

fn group(fields: &[&str]) -> Option<Group> {
    let [_, gid, members] = *fields else { return None };
    let members = members.split(',').filter(|member| !member.is_empty()).map(Box::from).collect();
    Some(Group { gid: gid.parse().ok()?, members })
}

fn shadow(fields: &[&str]) -> Option<Shadow> {
    let [password, _, _, max, _, _, expires, _] = *fields else { return None };
    let days = |field: &str| field.parse().ok().filter(|days: &i64| *days >= 0);
    Some(Shadow { password: password.into(), max_days: days(max), expires: days(expires) })
}

fn range(line: &str) -> Option<(Box<str>, IdRange)> {
    let mut fields = line.split(':');
    let (name, first, count) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name.into(), IdRange { first: first.parse().ok()?, count: count.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_accounts_count_and_all_others_are_passed_over() {
        let database = Database::parse(&Texts {
            passwd: "root:x:0:0:root:/root:/bin/bash\n+nis::::::\n# note\nhalf:x:1\nanna:x:1000:100:A,,:/home/anna:\n\
                     anna:x:7:7:::\nbad:x:many:0:::\n"
                .into(),
            group: "root:x:0:\nusers:x:100:anna,,bert\n:x:1:\n".into(),
            shadow: Some("root:*:1:0:99999:7:::\nanna:!$6$x:1:0::7::20000:\nnever:!:1:0:-1:7::-1:\n".into()),
            subuid: "anna:100000:65536\n1001:165536:1\nx\n".into(),
            subgid: String::new(),
        });
        assert_eq!(database.users.keys().map(|name| &**name).collect::<Vec<_>>(), ["anna", "root"]);
        let anna = &database.users["anna"];
        assert_eq!((anna.uid, anna.gid, &*anna.home, &*anna.shell), (1000, 100, "/home/anna", ""));
        assert_eq!(database.groups_of("bert"), ["users"]);
        assert_eq!((database.group_name(100), database.group_name(7)), (Some("users"), None));
        assert_eq!(database.users_of(100), ["anna"]);
        let shadow = database.shadow_of("anna").unwrap();
        assert_eq!((shadow.is_locked(), shadow.max_days, shadow.expires), (true, None, Some(20_000)));
        assert_eq!(database.shadow_of("never").unwrap().max_days, None);
        assert!(!database.shadow_of("root").unwrap().is_locked());
        assert_eq!(database.subuids[0].1.last(), 165_535);
        assert_eq!(database.subuids.len(), 2);
        assert!(!format!("{database:?}").contains("$6$"), "no hash in what is logged");
    }
}

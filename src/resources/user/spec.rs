//! What a user account should be, checked.

use std::sync::Arc;

use super::day::parse_day;
use super::params::UserParams;
use crate::engine::entry::Entry;
use crate::engine::{Declaration, ParamError};
use crate::resources::host::account_files::names::wrong_name;
use crate::resources::state_choice::is_present;

/// What a user account should be.
#[derive(Debug)]
pub struct Spec {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it should be there.
    pub present: bool,
    /// What was declared, in its normal form.
    pub given: UserParams,
    /// The day on which it expires; `Some(None)`: never.
    pub expires: Option<Option<i64>>,
}

impl Spec {
    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let mut given = UserParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        if let Some(why) = wrong_name(&declaration.label.name) {
            let error =
                ParamError::whole(format!("{:?} is no name of a user: {why}", declaration.label.name));
            errors.push(error.hint("such as `anna`; what people read of it is the `comment`"));
        }
        let present = is_present(&given.state).map_err(|error| errors.push(error)).unwrap_or(true);
        check_groups(&mut given, &mut errors);
        check_fields(&mut given, &mut errors);
        check_password(&given, &mut errors);
        let expires = given.expires.as_deref().map(|text| match text {
            "never" => None,
            _ => parse_day(text).or_else(|| {
                let error = ParamError::at("expires", format!("{text:?} is no day"));
                errors.push(error.hint("write it as 2030-01-31, or `never`"));
                None
            }),
        });
        if errors.is_empty() {
            Ok(Self { name: declaration.label.name.clone(), present, given, expires })
        } else {
            Err(errors)
        }
    }

    /// The password field that is wanted; `None`: any.
    pub fn password(&self) -> Option<String> {
        let hash = self.given.password.as_deref()?;
        let is_locked = self.given.lock == Some(true) && !hash.starts_with('!');
        Some(if is_locked { format!("!{hash}") } else { hash.to_owned() })
    }
}

fn check_groups(given: &mut UserParams, errors: &mut Vec<ParamError>) {
    let all_ones = |id: &Option<u32>| *id == Some(u32::MAX);
    for (param, id) in [("uid", &given.uid), ("gid", &given.gid)] {
        if all_ones(id) {
            errors.push(ParamError::at(param, "4294967295 is no id: it means none"));
        }
    }
    if given.gid.is_some() && given.group.is_some() {
        errors.push(ParamError::at("group", "the primary group is given twice").hint("leave out `gid`"));
    }
    let mut check = |param, group: &str| {
        if let Some(why) = wrong_name(group) {
            errors.push(ParamError::at(param, format!("{group:?} is no name of a group: {why}")));
        }
    };
    if let Some(group) = &given.group {
        check("group", group);
    }
    if let Some(groups) = &mut given.groups {
        groups.iter().for_each(|group| check("groups", group));
        groups.sort();
        groups.dedup();
    }
}

fn check_fields(given: &mut UserParams, errors: &mut Vec<ParamError>) {
    let forbidden = |text: &str| text.contains(|c: char| c == ':' || c.is_control());
    let mut check_path = |param, path: &str| {
        if !path.starts_with('/') {
            errors.push(ParamError::at(param, format!("{path:?} is not an absolute path")));
        } else if forbidden(path) {
            errors.push(ParamError::at(param, "a field of an account cannot hold `:` or a line end"));
        }
    };
    if let Some(home) = &mut given.homedir {
        check_path("homedir", home);
        if home.len() > 1 && home.ends_with('/') {
            *home = home.trim_end_matches('/').into();
        }
    }
    if let Some(shell) = &given.shell {
        check_path("shell", shell);
    }
    check_path("skel", &given.skel);
    if given.comment.as_deref().is_some_and(forbidden) {
        errors.push(ParamError::at("comment", "a field of an account cannot hold `:` or a line end"));
    }
    if given.password_max_days.is_some_and(|days| days < -1) {
        let error = ParamError::at("password_max_days", "a number of days is not negative");
        errors.push(error.hint("-1 means that it need never be changed"));
    }
}

fn check_password(given: &UserParams, errors: &mut Vec<ParamError>) {
    let Some(password) = given.password.as_deref() else { return };
    // Its text is in no message.
    if password.contains(|c: char| c == ':' || c.is_control() || c.is_whitespace()) || !is_hash(password) {
        errors.push(
            ParamError::at("password", "it is no hash of a password")
                .hint("make one with `openssl passwd -6`; `!` and `*` let no password in"),
        );
    }
    if given.lock == Some(false) && password.starts_with('!') {
        errors.push(ParamError::at("lock", "`password` is a locked one").hint("leave out `lock`"));
    }
}

/// Whether this may be a password field: a hash of any method of crypt(5), locked or not, or one that nothing matches.
fn is_hash(text: &str) -> bool {
    let bare = text.trim_start_matches('!');
    let traditional = |text: &str| text.len() == 13 && text.bytes().all(is_crypt_digit);
    (bare.is_empty() && !text.is_empty())
        || bare.starts_with('*')
        || (bare.starts_with('$') && bare.len() > 3)
        || (bare.starts_with('_') && bare.len() == 20)
        || traditional(bare)
}

fn is_crypt_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

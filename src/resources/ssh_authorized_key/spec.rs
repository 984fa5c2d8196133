//! What users can say of an authorized key, checked.

use std::sync::Arc;

use super::key_line::{Identity, KeyLine, wrong_option};
use super::keys_text::Wanted;
use super::place::Place;
use crate::engine::entry::Entry;
use crate::engine::{Declaration, ParamError};
use crate::resources::state_choice::is_present;

crate::entry! {
    /// Lets a public key log in over SSH as a user, or no longer.
    ///
    /// The key is looked for by its type and its base64 text: a line that has it with other options or another comment
    /// is put right where these are declared. Every other line of the file stays as it is to the byte, except with
    /// `exclusive`. A key that stands there more than once is kept once.
    ///
    /// The file is the one that `sshd` reads for this user, `~/.ssh/authorized_keys` unless its settings say
    /// otherwise. It is replaced whole, owned by the user, for its eyes only. `sshd` ignores the file if it, its
    /// directory or the home directory can be written by others, or belongs to somebody else: that is a difference, and
    /// put right. Symbolic links that the user could have made are not followed.
    ///
    /// The user resource is applied before, and so is the file system that the file is on. With `reverse`, the line comes
    /// back as it was, or goes.
    ///
    /// ```yaml
    /// resources:
    ///   ssh:authorized_key:
    ///   - name: anna's laptop
    ///     user: root
    ///     type: ssh-ed25519
    ///     key: AAAAC3NzaC1lZDI1NTE5AAAAIBMSExITEhMSExITEhMSExITEhMSExITEhMSExITEhMS
    ///     comment: anna@laptop
    ///     options: [no-agent-forwarding]
    /// ```
    pub struct KeyParams {
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// The file, an absolute path; `~` at its beginning is the home of `user`. Not together with `path`.
        file: Arc<str>,
        /// Who may log in with the key, by name or number. The agent's user if not given.
        user: Arc<str>,
        /// The whole line: options, type, key and comment. In place of `type`, `key`, `options` and `comment`.
        content: Arc<str>,
        /// What the key is restricted to, such as `no-pty` or `from="10.0.0.0/8"`. An empty list: nothing. Left as it is
        /// if not given.
        options: Option<Vec<Arc<str>>>,
        /// The key's type, such as `ssh-ed25519`.
        r#type: Arc<str>,
        /// The key, in base64.
        key: Arc<str>,
        /// What is said of the key. Left as it is if not given.
        comment: Option<Arc<str>>,
        /// Make the directory of the file if it is missing: `.ssh`, 0700, owned by the user.
        mkdir: bool = true,
        /// Put right what `sshd` would object to: owner and mode of the file's directory and of the home directory.
        /// Otherwise that is an error.
        manage_dir: bool = true,
        /// Remove all other keys from the file but those that other resources declare for the same user.
        exclusive: bool = false,
        /// The file as the `AuthorizedKeysFile` of sshd_config(5) has it: `%h` is the home directory, `%u` the user's
        /// name, `%U` the number; a relative path begins in the home directory.
        path: Arc<str>,
    }
}

/// An authorized key, checked.
#[derive(Debug)]
pub struct Spec {
    /// The key.
    pub wanted: Wanted,
    /// The user; empty: the agent's.
    pub user: Arc<str>,
    /// In which file.
    pub place: Place,
    /// Make the directory.
    pub mkdir: bool,
    /// Put right what sshd would object to.
    pub manage_dir: bool,
    /// Remove the keys that nobody has declared.
    pub exclusive: bool,
}

impl Spec {
    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let given = KeyParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let present = is_present(&given.state).map_err(|error| errors.push(error)).unwrap_or(true);
        if given.user.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, ':' | '/')) {
            errors.push(ParamError::at("user", format!("{:?} is no name of a user", given.user)));
        }
        let place = Place::new(&given.file, &given.path, &mut errors);
        let wanted = wanted(&given, present, &mut errors);
        match (wanted, place) {
            (Some(wanted), Some(place)) if errors.is_empty() => Ok(Self {
                wanted,
                user: given.user,
                place,
                mkdir: given.mkdir,
                manage_dir: given.manage_dir,
                exclusive: given.exclusive,
            }),
            _ => Err(errors),
        }
    }
}

/// What is often given as the key, and is more or less than that. It is never shown.
fn taken_for_a_key(given: &KeyParams) -> Option<ParamError> {
    let key = given.key.trim();
    if key.contains("PRIVATE KEY") {
        let error = ParamError::at("key", "this is a private key, which stays with who logs in");
        return Some(error.hint("give the public one, of the file that ends in .pub"));
    }
    (key.contains(' ') && KeyLine::parse(key).is_some()).then(|| {
        ParamError::at("key", "this is the whole line of a key")
            .hint("give it as `content`, without `type` and `key`")
    })
}

fn wanted(given: &KeyParams, present: bool, errors: &mut Vec<ParamError>) -> Option<Wanted> {
    if !given.content.is_empty() {
        let parts = [
            ("type", !given.r#type.is_empty()),
            ("key", !given.key.is_empty()),
            ("options", given.options.is_some()),
            ("comment", given.comment.is_some()),
        ];
        for (param, _) in parts.iter().filter(|(_, is_given)| *is_given) {
            errors.push(ParamError::at(param, "it is in `content` already").hint("leave out one of the two"));
        }
        let line = given.content.trim();
        let parsed = if line.contains('\n') { None } else { KeyLine::parse(line) };
        let Some(KeyLine { options, identity, comment }) = parsed else {
            let error = ParamError::at("content", "it is no line of an authorized_keys file");
            errors.push(error.hint(
                "it is the line of a .pub file: type, key and comment, such as `ssh-ed25519 AAAA… anna@desk`",
            ));
            return None;
        };
        let comment = (!comment.is_empty()).then_some(comment);
        return Some(Wanted { identity, options: Some(options), comment, present });
    }
    for option in given.options.iter().flatten() {
        if let Some(why) = wrong_option(option) {
            errors.push(ParamError::at("options", format!("{option:?} is no option: {why}")));
        }
    }
    if given.comment.as_deref().is_some_and(|comment| comment.contains(char::is_control)) {
        errors.push(ParamError::at("comment", "a comment cannot hold a line end"));
    }
    let options = given.options.as_ref().map(|options| options.join(",").into());
    let comment = given.comment.as_deref().map(|comment| comment.trim().into());
    if let Some(error) = taken_for_a_key(given) {
        errors.push(error);
        return None;
    }
    if given.r#type.is_empty() || given.key.is_empty() {
        let param = if given.r#type.is_empty() { "type" } else { "key" };
        let error = ParamError::at(param, "which key is not said");
        errors.push(error.hint("give `type` and `key`, or the whole line as `content`"));
        return None;
    }
    match Identity::new(given.r#type.trim(), given.key.trim()) {
        Ok(identity) => Some(Wanted { identity, options, comment, present }),
        Err(why) => {
            let error = ParamError::at("key", format!("this is no public key: {why}"));
            errors.push(error.hint("it is the second word of the .pub file, and `type` the first"));
            None
        }
    }
}

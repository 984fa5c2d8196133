//! What users can say of a user account.

use std::sync::Arc;

crate::entry! {
    /// Keeps a user account of this host, or keeps it away.
    ///
    /// What is declared is put right whenever it differs, whoever changed it and how; what is not declared is left as it
    /// is. The account is one of the files in `/etc`, changed with the tools that own them (`useradd`, `usermod`,
    /// `userdel`, `chage`, `chpasswd`), one at a time. An account of a directory service is left alone: it is an error if
    /// something of it differs, or can be neither known nor set here, as its password.
    ///
    /// A new user gets a primary group of the same name, or the one of that name that is there, unless `group` or `gid`
    /// says otherwise. Group resources that it needs are applied before; files that belong to it, commands that run as it
    /// and its SSH keys after.
    ///
    /// With `reverse`, a user that was made is removed when the resource leaves the graph, and its home directory
    /// kept; one that was changed gets its old fields back.
    ///
    /// ```yaml
    /// resources:
    ///   user:
    ///   - name: anna
    ///     comment: Anna of operations
    ///     groups: [adm]
    ///     shell: /bin/bash
    ///     create_home: true
    /// ```
    pub struct UserParams {
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// The user's number. A new user gets a free one if not given.
        uid: Option<u32>,
        /// The number of the primary group. Where no group has it, a new user gets one of its own name with this number.
        /// Not together with `group`.
        gid: Option<u32>,
        /// The name of the primary group, which must exist.
        group: Option<Arc<str>>,
        /// Further groups that the user is in: exactly these, or with `append` at least these. An empty list: none.
        /// Left as they are if not given.
        groups: Option<Vec<Arc<str>>>,
        /// Let the user be in groups besides those of `groups`.
        append: bool = false,
        /// The home directory, an absolute path.
        homedir: Option<Arc<str>>,
        /// The login shell, an absolute path.
        shell: Option<Arc<str>>,
        /// The full name and what else the account's comment field holds.
        comment: Option<Arc<str>>,
        /// Let the user have a number that another one has.
        allowduplicateuid: bool = false,
        /// The password's hash, as crypt(5) writes it; `!` and `*` are passwords that nothing matches. It is never
        /// shown, and given to no command as an argument.
        password: Option<Arc<str>>,
        /// Whether the password is locked, so that it opens nothing. As `password` says if not given.
        lock: Option<bool>,
        /// Make a new user one of the system's: with a low number and no ageing. An existing one stays what it is.
        system: bool = false,
        /// Have the home directory made where it is missing, as a copy of `skel`. When `homedir` changes, the old
        /// one is moved.
        create_home: bool = false,
        /// What a new home directory is a copy of: an absolute path.
        skel: Arc<str> = Arc::from("/etc/skel"),
        /// Remove the home directory and mail of a user whose `state` is `absent`.
        remove_home: bool = false,
        /// The day from which on the account is closed, as in `2030-01-31`, or `never`.
        expires: Option<Arc<str>>,
        /// After how many days the password must be changed; -1: never.
        password_max_days: Option<i32>,
        /// Whether the user has subordinate user and group ids, for containers. A range of 65,536 free ones is given to a
        /// user who has none.
        subids: Option<bool>,
    }
}

//! What users write.

use std::sync::Arc;

crate::entry! {
    /// Keeps a software package installed, removed, or at a version.
    ///
    /// The name of the resource is that of the package; `NAME:ARCH` is one of another architecture. The host's own tool
    /// does the work: apt, dnf or pacman, or else PackageKit. Packages that are to be changed at the same time, because
    /// nothing between them says otherwise, are changed in one transaction, and all are looked at with one question.
    /// What cannot be done, such as a name that no repository knows, fails at that package; the others are installed.
    ///
    /// Changes by others are seen as soon as their transaction ends. While they are at it they are waited for. A
    /// transaction that has begun goes on to its end even if the agent is stopped or killed; a third ^C, or `timeout`,
    /// breaks it off. One that was broken off is finished first when the agent runs next. Questions of packages are
    /// answered with their defaults, and configuration files that were changed here stay (see `confnew`).
    ///
    /// Files, services and commands that come from a declared package run after it by themselves: as the package's list
    /// of files says, or the index of files that the repositories have, or else because they have its name, such as
    /// `/etc/nginx/nginx.conf`. Repositories, their keys and the settings of the tool that are file resources run before
    /// all packages.
    ///
    /// With `reverse`, a package that was not there is removed again, one that was is installed again; a version is
    /// brought back only with `allow_downgrade`. What came with it as a dependency stays.
    ///
    /// ```yaml
    /// resources:
    ///   pkg:
    ///   - name: nginx
    ///   - name: telnetd
    ///     state: uninstalled
    ///     purge: true
    ///   - name: postgresql-15
    ///     version: 15.*
    ///     hold: true
    /// ```
    pub struct PkgParams {
        /// `installed`, `uninstalled`, `newest` (the version that the repositories offer), or a version.
        state: Arc<str> = Arc::from("installed"),
        /// The version it must have: all of it, or its beginning with a `*`, such as `1.2*`. With `newest`, the newest of
        /// these.
        version: Arc<str>,
        /// Whether it is held at its version, so that upgrades of the host leave it alone. A package that is held may be
        /// changed by this resource only if it says so here. Unset: left as it is.
        hold: Option<bool>,
        /// With `uninstalled`: remove its configuration files and data too.
        purge: bool = false,
        /// A lower version may replace a higher one.
        allow_downgrade: bool = false,
        /// The same as `allow_downgrade`.
        allowdowngrade: bool = false,
        /// Install it even if nobody has signed it.
        allowuntrusted: bool = false,
        /// Accepted for the files of others: what the host's repositories offer may be installed.
        allownonfree: bool = false,
        /// Accepted for the files of others: what the host's repositories offer may be installed.
        allowunsupported: bool = false,
        /// Packages that it recommends come along.
        recommends: bool = false,
        /// Before something is installed, fetch the lists of the repositories if they are older than this many seconds.
        /// Unset: only if a repository was added since they were fetched, and has to be looked into.
        update_cache: Option<u32>,
        /// A file with the package, such as a .deb: an absolute path. The version in it is the one that is wanted.
        source: Arc<str>,
        /// The architecture, in the words of the host's tool. Unset: the host's own.
        arch: Arc<str>,
        /// More words for the host's tool, before the names of packages, such as `[-t, bookworm-backports]`.
        options: Vec<Arc<str>>,
        /// Keep configuration files that were changed here when the package brings new ones: the default.
        confold: Option<bool>,
        /// Replace configuration files that were changed here with those that the package brings.
        confnew: bool = false,
        /// How long to wait for others who change packages, in milliseconds.
        lock_timeout_ms: u64 = 60_000,
        /// Install it again if it is there, but broken.
        reinstall_broken: bool = false,
        /// The tool: `apt`, `dnf`, `pacman` or `packagekit`. Unset: the first of these that the host has.
        backend: Arc<str>,
    }
}

//! The parameters of `file`, as users read of them.

use std::sync::Arc;

crate::entry! {
    /// Keeps a file, a directory with what is in it, or a symbolic link.
    ///
    /// A path that ends with a slash is a directory. Parents are never made: declare each as a file resource of its
    /// own, and it is ordered before what is in it.
    ///
    /// Files are written whole: a temporary file in the same directory, with its final owner and mode, is renamed
    /// onto the name, so that a reader never sees a part. What is not declared (owner, mode, access list, extended
    /// attributes) is kept of the file that is replaced; a new file gets 0644, a new directory 0755, whatever the
    /// umask. A symbolic link in the last place is replaced, not written through; links before it are followed
    /// only where nobody but root and the agent's user can have made them. Other hard links to a file keep its old
    /// content. There is no fsync.
    pub struct FileParams {
        /// Where it is: an absolute path, with a slash at the end for a directory. The resource's name if not given.
        path: Arc<str>,
        /// Replaces all but the last name of `path`.
        dirname: Arc<str>,
        /// Replaces the last name of `path`; with a slash at the end for a directory.
        basename: Arc<str>,
        /// `exists`, `absent`, or empty for undefined: then what is there is kept right, and nothing is made.
        /// `exists` if not given along with `content`, `source` or `fragments`, or for a directory. A directory
        /// that is to be absent needs `force` unless its path ends with a slash, and must be empty unless
        /// `recurse` and `force` are given.
        state: Option<Arc<str>>,
        /// What the file holds.
        content: Option<Arc<str>>,
        /// The absolute path of a file or directory to copy; with `symlink`, what the link points to. Of a directory, the
        /// entries that are no directories are copied, and with `recurse` those too, with their permissions.
        source: Arc<str>,
        /// Files of which the content is put together, in this order. A directory stands for the files in it, sorted
        /// by name, and not for those further down.
        fragments: Vec<Arc<str>>,
        /// The user who owns it: a name or a number, looked up when it is needed.
        owner: Arc<str>,
        /// The group that owns it: a name or a number, looked up when it is needed.
        group: Arc<str>,
        /// The permissions: octal as in `0644`, all twelve bits; or as changes to what they are, as in `u=rw,go=r`.
        mode: Arc<str>,
        /// Go into directories below: for `source`, for `purge`, for `owner` and `group`, and to remove a directory.
        recurse: bool = false,
        /// Permit to replace a directory by something else, or what is neither file nor link by anything. Refused for
        /// directories of the system, such as `/etc`.
        force: bool = false,
        /// Remove what is in the directory but neither in `source` nor managed by another resource; needs `recurse`.
        /// Refused for directories of the system, such as `/etc`; not for those in them.
        purge: bool = false,
        /// Make a symbolic link to `source`, which may be relative and need not exist.
        symlink: bool = false,
        /// The SELinux label, as in `system_u:object_r:etc_t:s0`; without effect where there is no SELinux.
        selinux: Option<Arc<str>>,
    }
}

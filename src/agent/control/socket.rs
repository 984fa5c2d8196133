//! The path of the control socket.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::ControlError;
use crate::engine::state_dir;

/// `sun_path` has 108 bytes, the last of which is NUL.
const LONGEST: usize = 107;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// The socket's file; it is removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device, inode, and the time of its last change: an inode's number is used again.
    identity: (u64, u64, i64, i64),
}

fn identity(found: &fs::Metadata) -> (u64, u64, i64, i64) {
    (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| identity(&found) == self.identity) {
            // What cannot be removed is replaced by the next agent.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A path that fits into a socket's address, for as long as this is kept.
struct Reachable {
    path: PathBuf,
    _folder: Option<OwnedFd>,
}

impl Reachable {
    /// Short paths are used as they are; long ones through the descriptor of their folder.
    fn new(socket: &Path) -> Result<Self, ControlError> {
        if socket.as_os_str().len() <= LONGEST {
            return Ok(Self { path: socket.to_owned(), _folder: None });
        }
        let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(ControlError::Nameless { path: socket.to_owned() });
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty());
        let opened = opened.map_err(|errno| refused("open", folder)(errno.into()))?;
        let path = Path::new("/proc/self/fd").join(opened.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(opened) })
    }
}

fn refused<'a>(operation: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ControlError + 'a {
    move |source| ControlError::Io { operation, path: path.to_owned(), source }
}

/// Makes the socket and listens. A stale one is replaced; its folder is made if it is missing. It is its owner's only
/// from the first moment on: a socket's mode is that of its file, so it is set before there is a file.
pub(super) fn listen(socket: &Path) -> Result<(UnixListener, SocketFile), ControlError> {
    let Some(folder) = socket.parent() else {
        return Err(ControlError::Nameless { path: socket.to_owned() });
    };
    state_dir::make(folder).map_err(|error| refused("make", folder)(io::Error::other(error)))?;
    let reachable = Reachable::new(socket)?;
    clear(socket, &reachable)?;
    let failed = |errno: rustix::io::Errno| refused("listen at", socket)(errno.into());
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    let owner_only = Mode::RUSR | Mode::WUSR;
    rustix::fs::fchmod(&fd, owner_only).map_err(failed)?;
    let address = SocketAddrUnix::new(&reachable.path).map_err(failed)?;
    rustix::net::bind(&fd, &address).map_err(failed)?;
    // Nobody can connect yet. A strange umask may have taken even the owner's bits.
    rustix::fs::chmod(&reachable.path, owner_only).map_err(failed)?;
    let made = fs::symlink_metadata(socket).map_err(refused("look at", socket))?;
    let file = SocketFile { path: socket.to_owned(), identity: identity(&made) };
    rustix::net::listen(&fd, BACKLOG).map_err(failed)?;
    Ok((fd.into(), file))
}

/// Removes what an agent that did not end well has left.
fn clear(socket: &Path, reachable: &Reachable) -> Result<(), ControlError> {
    match fs::symlink_metadata(socket) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("look at", socket)(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ControlError::InTheWay { path: socket.to_owned() });
        }
        Ok(found) => {
            let own = rustix::process::geteuid().as_raw();
            if found.uid() != own {
                return Err(ControlError::Planted { path: socket.to_owned(), owner: found.uid(), own });
            }
        }
    }
    // The prefix is locked, but two prefixes may share the folder of the socket.
    if UnixStream::connect(&reachable.path).is_ok() {
        return Err(ControlError::Taken { socket: socket.to_owned() });
    }
    fs::remove_file(socket).map_err(refused("remove", socket))
}

/// Connects to an agent.
pub(super) fn connect(socket: &Path) -> Result<UnixStream, ControlError> {
    let because = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
            ControlError::NoAgent { socket: socket.to_owned() }
        }
        io::ErrorKind::PermissionDenied => ControlError::Denied { socket: socket.to_owned() },
        _ => refused("connect to", socket)(error),
    };
    let reachable = Reachable::new(socket).map_err(|error| match error {
        ControlError::Io { source, .. } => because(source),
        other => other,
    })?;
    let stream = UnixStream::connect(&reachable.path).map_err(because)?;
    let peer = rustix::net::sockopt::socket_peercred(&stream);
    let owner = peer.map_err(|errno| refused("look at", socket)(errno.into()))?.uid.as_raw();
    let own = rustix::process::geteuid().as_raw();
    match is_believed(owner, own, socket) {
        true => Ok(stream),
        false => Err(ControlError::Planted { path: socket.to_owned(), owner, own }),
    }
}

/// Whether who answers may be the agent that is meant: one's own, or root's, who may do anything here. Root also asks the agents of
/// others, where nobody but these could have put a socket.
fn is_believed(owner: u32, own: u32, socket: &Path) -> bool {
    let is_theirs = || {
        let folder = socket.parent().and_then(|folder| fs::metadata(folder).ok());
        folder.is_some_and(|folder| folder.uid() == owner && folder.mode() & 0o022 == 0)
    };
    owner == own || owner == 0 || own == 0 && is_theirs()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_socket_is_its_owners_only_and_goes_with_its_owner() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("new/mgmt.sock");
        let (_listener, file) = listen(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(connect(&path).is_ok());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("mgmt.sock");
        let (listener, file) = listen(&path).unwrap();
        assert!(matches!(listen(&path), Err(ControlError::Taken { .. })));
        drop(listener);
        assert!(matches!(connect(&path), Err(ControlError::NoAgent { .. })));
        let (_listener, _second) = listen(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the first one's end leaves the second's socket alone");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("mgmt.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(listen(&path), Err(ControlError::InTheWay { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn what_another_user_has_put_there_is_neither_believed_nor_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("mgmt.sock");
        let (own, eve) = (rustix::process::geteuid().as_raw(), 4711);
        assert!(is_believed(own, own, &path) && is_believed(0, 1000, &path));
        assert!(!is_believed(eve, 1000, &path) && !is_believed(eve, 0, &path));
        if own != 0 {
            return; // Only root can give a file away.
        }
        std::os::unix::fs::chown(scratch.path(), Some(eve), None).unwrap();
        assert!(is_believed(eve, 0, &path), "it is the agent of that user");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_believed(eve, 0, &path), "anybody may have put it there");
        let (_listener, _file) = listen(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(eve), None).unwrap();
        let refused = listen(&path).unwrap_err();
        assert!(matches!(refused, ControlError::Planted { owner: 4711, .. }), "{refused}");
        assert!(path.exists());
    }

    #[test]
    fn a_path_longer_than_an_address_works() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x".repeat(200)).join("mgmt.sock");
        let (_listener, _file) = listen(&path).unwrap();
        assert!(connect(&path).is_ok());
    }
}

//! Extended attributes: access lists, labels, and what users attach.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::{At, Fs};
use crate::resources::error::HostError;

const LABEL: &CStr = c"security.selinux";
const ACL: &[u8] = b"system.posix_acl_access";
/// Digests and rights that the kernel ties to the content: it drops them itself when a file is written.
const OF_CONTENT: [&[u8]; 3] = [b"security.ima", b"security.evm", b"security.capability"];
/// Kept by file systems for themselves.
const OF_FILE_SYSTEM: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
/// How often a list that grows meanwhile is asked for again.
const TRIES: usize = 4;

impl Fs {
    /// Gives a new file the extended attributes of the one that it is to replace, but for those of its content.
    /// Returns whether there was an access list, which decides the mode's group bits.
    ///
    /// # Errors
    /// When the access list cannot be carried over; other attributes are given up with a warning.
    pub(super) fn copy_xattrs(&self, from: At<'_>, to: &OwnedFd) -> Result<bool, HostError> {
        // By way of /proc: the list of a file that this process may not read is still one call.
        let source = from.proc_path();
        let names = match grow(|buffer| rustix::fs::llistxattr(&source, buffer)) {
            Ok(names) => names,
            Err(Errno::OPNOTSUPP | Errno::NOENT | Errno::NOSYS) => return Ok(false),
            Err(answer) => return Err(HostError::io("list the attributes of", from.path, answer)),
        };
        let mut acl = false;
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            if OF_CONTENT.contains(&name) || OF_FILE_SYSTEM.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            let Ok(c_name) = CString::new(name) else { continue };
            let copied = grow(|buffer| rustix::fs::lgetxattr(&source, &*c_name, buffer))
                .and_then(|value| rustix::fs::fsetxattr(to, &*c_name, &value, XattrFlags::empty()));
            match copied {
                Ok(()) => acl |= name == ACL,
                Err(Errno::NODATA) => {}
                Err(answer) if name == ACL => {
                    return Err(HostError::io("keep the access list of", from.path, answer));
                }
                Err(answer) => {
                    tracing::warn!(path = %from.path.display(), attribute = ?c_name, %answer,
                        "an extended attribute is lost");
                }
            }
        }
        Ok(acl)
    }

    /// The SELinux label of an object, links not followed; `None`: it has none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn label(&self, at: At<'_>) -> Result<Option<String>, HostError> {
        match grow(|buffer| rustix::fs::lgetxattr(at.proc_path(), LABEL, buffer)) {
            Ok(value) => {
                let text = value.strip_suffix(b"\0").unwrap_or(&value);
                Ok(Some(String::from_utf8_lossy(text).into_owned()))
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(answer) => Err(HostError::io("read the label of", at.path, answer)),
        }
    }

    /// Labels an open file.
    pub(super) fn set_label(&self, file: &OwnedFd, path: &Path, label: &str) -> Result<(), HostError> {
        let value = with_nul(label);
        self.call("label", path, || rustix::fs::fsetxattr(file, LABEL, &value, XattrFlags::empty()))
    }

    /// Labels an object by its handle.
    pub(super) fn set_label_of_handle(
        &self,
        handle: &OwnedFd,
        path: &Path,
        label: &str,
    ) -> Result<(), HostError> {
        use std::os::fd::AsFd;
        let value = with_nul(label);
        let by_proc = super::proc_path(handle.as_fd());
        self.call("label", path, || rustix::fs::setxattr(&by_proc, LABEL, &value, XattrFlags::empty()))
    }
}

/// The kernel counts the closing zero to a label.
fn with_nul(label: &str) -> Vec<u8> {
    [label.as_bytes(), b"\0"].concat()
}

/// Asks with a buffer that usually is enough, and with greater ones while it is not.
fn grow(mut ask: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    for _ in 0..TRIES {
        match ask(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => buffer.resize(buffer.len() * 8, 0),
            Err(answer) => return Err(answer),
        }
    }
    Err(Errno::RANGE)
}

//! Who somebody is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{IdentityError, MeshId};
use crate::engine::world::{ContentHash, HostName};

/// How every name of ours begins.
pub(super) const SCHEME: &str = "mgmt://";
/// The longest name that is read, in bytes: a host's has 253, and an administrator's three for each of its 64.
const LONGEST_URI: usize = 512;
/// The longest user of etcd, in bytes: a certificate's common name may not be longer (RFC 5280, `ub-common-name`).
const LONGEST_USER: usize = 64;
/// The longest name of an administrator, in bytes.
const LONGEST_NAME: usize = 57;

/// What an administrator is called: letters and digits of any script, and ` `, `.`, `_`, `-`, `@`, `+` between them; at most
/// 57 bytes, so that `admin:` and it fit into a common name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AdministratorName(Arc<str>);

impl AdministratorName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AdministratorName {
    type Err = IdentityError;

    fn from_str(name: &str) -> Result<Self, IdentityError> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-' | '@' | '+');
        let why = if name.is_empty() {
            "it is empty"
        } else if name.len() > LONGEST_NAME {
            "it is longer than 57 bytes"
        } else if !name.chars().all(allowed) {
            "only letters, digits, spaces, `.`, `_`, `-`, `@` and `+` may be in it"
        } else if !name.starts_with(char::is_alphanumeric) || name.ends_with(' ') {
            "it must start with a letter or a digit, and not end with a space"
        } else {
            return Ok(Self(name.into()));
        };
        Err(IdentityError::BadAdministratorName { name: name.chars().take(LONGEST_NAME).collect(), why })
    }
}

impl TryFrom<String> for AdministratorName {
    type Error = IdentityError;

    fn try_from(name: String) -> Result<Self, IdentityError> {
        name.parse()
    }
}

impl From<AdministratorName> for String {
    fn from(name: AdministratorName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for AdministratorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// A host of the mesh.
    Host(HostName),
    /// A person who may do everything.
    Administrator(AdministratorName),
    /// Somebody who has shown nothing.
    Nobody,
}

impl Principal {
    /// Its name in certificates, as a URI: `mgmt://<mesh>/host/<name>` or `mgmt://<mesh>/admin/<name>`; nobody has none.
    pub fn uri(&self, mesh: &MeshId) -> Option<String> {
        match self {
            Self::Host(name) => Some(format!("{SCHEME}{mesh}/host/{}", escaped(name.as_str()))),
            Self::Administrator(name) => Some(format!("{SCHEME}{mesh}/admin/{}", escaped(name.as_str()))),
            Self::Nobody => None,
        }
    }

    /// Who a URI names. Only what [`Principal::uri`] writes is read, so that nobody has two names.
    ///
    /// # Errors
    /// When the URI is not one of ours, or of another mesh.
    pub fn from_uri(uri: &str, mesh: &MeshId) -> Result<Self, IdentityError> {
        let bad = |why| IdentityError::BadUri { uri: uri.chars().take(LONGEST_URI).collect(), why };
        if uri.len() > LONGEST_URI {
            return Err(bad("it is too long"));
        }
        let rest = uri.strip_prefix(SCHEME).ok_or_else(|| bad("it does not start with mgmt://"))?;
        let (found, rest) = rest.split_once('/').ok_or_else(|| bad("it names nobody"))?;
        let found: MeshId = found.parse().map_err(|_| bad("it has no id of a mesh"))?;
        if found != *mesh {
            return Err(IdentityError::OtherMesh { found, own: *mesh });
        }
        let (part, name) = rest.split_once('/').ok_or_else(|| bad("it names nobody"))?;
        let name = unescaped(name).ok_or_else(|| bad("its name cannot be read"))?;
        let principal = match part {
            "host" => Self::Host(name.parse().map_err(|_| bad("it has no name of a host"))?),
            "admin" => {
                Self::Administrator(name.parse().map_err(|_| bad("it has no name of an administrator"))?)
            }
            _ => return Err(bad("it names neither a host nor an administrator")),
        };
        if principal.uri(mesh).is_none_or(|written| written != uri) {
            return Err(bad("it can be written shorter"));
        }
        Ok(principal)
    }

    /// Its name as a user of etcd, at most 64 bytes: `host:<name>`, `admin:<name>`. So no host is ever `root`. A name that
    /// does not fit is `host:sha256:<hash>`: no host has a `:` in its name, so none can be called like that. Nobody is no user.
    pub fn etcd_user(&self) -> Option<String> {
        match self {
            Self::Host(name) => {
                let user = format!("host:{name}");
                if user.len() <= LONGEST_USER {
                    return Some(user);
                }
                let hash = ContentHash::of(name.as_str().as_bytes());
                Some(format!("host:sha256:{}", URL_SAFE_NO_PAD.encode(hash.0)))
            }
            Self::Administrator(name) => Some(format!("admin:{name}")),
            Self::Nobody => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(f, "host {name}"),
            Self::Administrator(name) => write!(f, "administrator {name}"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

/// All but RFC 3986's unreserved characters, as `%` and two digits.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// What was escaped; `None`: it was not.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh() -> MeshId {
        MeshId::from_bytes([7; 16])
    }

    fn host(name: &str) -> Principal {
        Principal::Host(name.parse().unwrap())
    }

    fn administrator(name: &str) -> Principal {
        Principal::Administrator(name.parse().unwrap())
    }

    #[test]
    fn everybody_but_nobody_is_found_by_the_uri() {
        for principal in [host("web-1.example.org"), administrator("Zoë @ home"), administrator("root")] {
            let uri = principal.uri(&mesh()).unwrap();
            assert!(uri.is_ascii(), "{uri}");
            assert_eq!(Principal::from_uri(&uri, &mesh()).unwrap(), principal);
        }
        assert_eq!(
            administrator("a b").uri(&mesh()).unwrap(),
            format!("mgmt://{}/admin/a%20b", "07".repeat(16))
        );
        assert_eq!(Principal::Nobody.uri(&mesh()), None);
    }

    #[test]
    fn a_uri_of_another_mesh_is_refused_as_such() {
        let other = MeshId::from_bytes([8; 16]);
        let uri = host("a").uri(&other).unwrap();
        let refused = Principal::from_uri(&uri, &mesh());
        assert!(matches!(refused, Err(IdentityError::OtherMesh { found, .. }) if found == other));
    }

    #[test]
    fn nobody_has_two_names() {
        let start = format!("mgmt://{}", mesh());
        for bad in [
            "http://a/host/a".to_owned(),
            "mgmt://x/host/a".to_owned(),
            start.clone(),
            format!("{start}/host"),
            format!("{start}/host/"),
            format!("{start}/host/%61"),
            format!("{start}/host/a/b"),
            format!("{start}/host/a%2Fb"),
            format!("{start}/host/a%2"),
            format!("{start}/host/a%+1"),
            format!("{start}/admin/a%c3%ab"),
            format!("{start}/admin/%ff"),
            format!("{start}/root/a"),
            format!("{start}/host/{}", "a".repeat(600)),
        ] {
            let refused = Principal::from_uri(&bad, &mesh());
            assert!(matches!(refused, Err(IdentityError::BadUri { .. })), "{bad}: {refused:?}");
        }
    }

    #[test]
    fn no_host_is_the_root_of_etcd_and_every_user_fits_into_a_common_name() {
        assert_eq!(host("root").etcd_user().unwrap(), "host:root");
        assert_eq!(administrator("root").etcd_user().unwrap(), "admin:root");
        assert_eq!(Principal::Nobody.etcd_user(), None);
        assert_eq!(host(&"a".repeat(59)).etcd_user().unwrap().len(), 64);
        let long = host(&"a".repeat(60)).etcd_user().unwrap();
        assert!(long.starts_with("host:sha256:") && long.len() <= 64, "{long}");
        assert_ne!(long, host(&"a".repeat(61)).etcd_user().unwrap());
        assert!(administrator(&"a".repeat(57)).etcd_user().unwrap().len() <= 64);
    }

    #[test]
    fn a_name_that_could_mislead_a_reader_is_none() {
        for bad in ["", " a", "a ", "-a", "a/b", "a\n", "a\u{202e}b", "a:b", "a%b", &"a".repeat(58)] {
            let refused = bad.parse::<AdministratorName>();
            assert!(matches!(refused, Err(IdentityError::BadAdministratorName { .. })), "{bad:?}");
        }
    }
}

//! Who is who: keys, the mesh's authority, certificates, tokens to join with, administrators, signatures, who is out, and who may
//! read and write what.
//!
//! | file | what |
//! |---|---|
//! | `mesh_id`, `unix_seconds`, `principal`, `host_pattern`, `fingerprint`, `domain` | words: which mesh, when, who, which hosts, which key, what a signature is for |
//! | `signing`, `signed` | Ed25519 keys and signatures; statements that somebody signed |
//! | `administrator_chain`, `administrators` | how the administrators came to be, and who they are |
//! | `invite`, `token` | who may join: what the store holds, and what the one who joins has |
//! | `certificate_key`, `certificate`, `roots`, `root_list`, `authority` | the mesh's certificates: keys, reading, what to trust and who says so, issuing |
//! | `host_keys`, `papers` | a host's own keys, and why others trust them |
//! | `recipient_key`, `sealed_secret` | secrets: the key that reads them, and what an administrator signs of them |
//! | `eviction` | who is out |
//! | `rules` | who may do what with which keys of the store |
//! | [`etcd_roles`] | the same for a real etcd, as far as its roles can say it |
//! | `audit_chain` | what was done, so that changes of it show |
//! | `folder`, `key_files` | where keys lie on disk |
//!
//! Values go in and values come out. Nothing here reads a clock, opens a connection or knows a store; only `folder` reads and
//! writes files. No secret is ever shown: not in errors, not by `Debug`; and secrets are overwritten when they are done with.
//! Nothing is trusted because of where it comes from: what a statement says is had by verifying it, or not at all.

mod administrator_chain;
mod administrators;
mod audit_chain;
mod authority;
mod certificate;
mod certificate_key;
mod domain;
mod error;
pub mod etcd_roles;
mod eviction;
mod fingerprint;
mod folder;
mod host_keys;
mod host_pattern;
mod invite;
pub mod key_files;
mod mesh_id;
mod papers;
mod principal;
mod recipient_key;
mod root_list;
mod roots;
pub mod rules;
#[cfg(test)]
mod scene;
mod sealed_secret;
mod signed;
mod signing;
mod token;
mod unix_seconds;

pub use administrator_chain::{AdministratorChain, AdministratorChange, Change, MOST_CHANGES};
pub use administrators::{Administrators, Head, MOST_ADMINISTRATORS, MOST_KEPT, Pin};
pub use audit_chain::{AuditChain, AuditEntry};
pub use authority::{ADMINISTRATOR_VALIDITY, Authority, BACKDATED, Grant, HOST_VALIDITY};
pub use certificate::{Certificate, MOST_CERTIFICATE, Serial, renew_at};
pub use certificate_key::{CertificateKey, SubjectKey};
pub use domain::Domain;
pub use error::IdentityError;
pub use eviction::{DenyList, Eviction, MOST_EVICTIONS, Merged};
pub use fingerprint::Fingerprint;
pub use folder::KeyFolder;
pub use host_keys::HostKeys;
pub use host_pattern::HostPattern;
pub use invite::{Invite, MOST_USES};
pub use mesh_id::MeshId;
pub use papers::{HostKey, Papers, Standing};
pub use principal::{AdministratorName, Principal};
pub use recipient_key::RecipientKey;
pub use root_list::{RootList, RootsStatement};
pub use roots::{Link, MOST_LINKS, MOST_ROOTS, Root, Roots};
pub use rules::{Access, Denied, KvGrant, may};
pub use sealed_secret::{MOST_SEALED, MOST_SECRET, SecretStatement, open, seal};
pub use signed::Signed;
pub use signing::{MOST_SIGNED, Signature, SigningKey, VerifyingKey};
pub use token::{JoinToken, LONGEST_TOKEN, MOST_SEEDS};
pub use unix_seconds::UnixSeconds;

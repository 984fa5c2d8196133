//! What many tests begin with.

use super::{AdministratorName, Authority, Grant, MeshId, Principal, UnixSeconds};

/// When it is.
pub(super) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

pub(super) fn mesh() -> MeshId {
    MeshId::from_bytes([7; 16])
}

pub(super) fn name(text: &str) -> AdministratorName {
    text.parse().unwrap()
}

pub(super) fn host(name: &str) -> Principal {
    Principal::Host(name.parse().unwrap())
}

pub(super) fn grant(host: &str) -> Grant {
    Grant::host(host.parse().unwrap(), false)
}

/// A new one each time.
pub(super) fn authority() -> Authority {
    Authority::new(mesh(), NOW).unwrap()
}

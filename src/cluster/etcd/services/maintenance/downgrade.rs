//! Downgrades: one minor version at a time, by a job that the members agree on.

use crate::cluster::etcd::node::{DowngradeError, NodeError};
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::request::{Caller, Change};

/// A downgrade that may begin.
pub struct Valid {
    /// The cluster's version.
    pub current: String,
    target: String,
}

/// Whether a downgrade to a version may begin.
pub async fn validate(surface: &Surface, target: &str) -> Result<Valid, NodeError> {
    surface.barrier().await?;
    let (major, minor) = version(target).ok_or(DowngradeError::WrongFormat)?;
    let current = surface.node.cluster_version().ok_or(DowngradeError::NoClusterVersion)?;
    let (current_major, current_minor) = version(&current).ok_or(DowngradeError::NoClusterVersion)?;
    if (major, Some(minor)) != (current_major, current_minor.checked_sub(1)) {
        return Err(DowngradeError::InvalidTarget.into());
    }
    if surface.node.downgrade_target().is_some() {
        return Err(DowngradeError::InProgress.into());
    }
    Ok(Valid { current, target: format!("{major}.{minor}.0") })
}

/// Begins one; returns the cluster's version.
pub async fn enable(surface: &Surface, target: &str, caller: Option<Caller>) -> Result<String, NodeError> {
    let valid = validate(surface, target).await?;
    surface.node.propose(Change::Downgrade { enabled: true, target: valid.target }, caller).await?;
    Ok(valid.current)
}

/// Ends the one that is on; returns the cluster's version.
pub async fn cancel(surface: &Surface, caller: Option<Caller>) -> Result<String, NodeError> {
    surface.barrier().await?;
    let current = surface.node.cluster_version().ok_or(DowngradeError::NoClusterVersion)?;
    if surface.node.downgrade_target().is_none() {
        return Err(DowngradeError::NoneInFlight.into());
    }
    surface.node.propose(Change::Downgrade { enabled: false, target: String::new() }, caller).await?;
    Ok(current)
}

/// Major and minor of `3.4` or `3.4.1`.
fn version(text: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [major, minor] | [major, minor, _] => Some((major, minor)),
        _ => None,
    }
}

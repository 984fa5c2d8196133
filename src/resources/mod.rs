//! The kinds of resources, one a file. This file is the list.
//!
//! A resource holds the adapters it was built with ([`host`]); it never sees a parser or the mesh.

pub mod error;
pub mod exec;
pub mod file;
pub mod host;

use std::sync::Arc;

use crate::engine::{Kind, Registry};
use host::Host;

/// All kinds, over the adapters of a host.
pub fn registry(host: &Arc<Host>) -> Registry {
    let kinds: [Arc<dyn Kind>; 2] =
        [Arc::new(exec::ExecKind::new(host.clone())), Arc::new(file::FileKind::new(host.clone()))];
    Registry::new(kinds)
}

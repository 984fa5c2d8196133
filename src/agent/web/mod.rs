//! The agent over HTTP, where it was asked for: `/metrics`, and a read-only page of status.
//!
//! Nothing can be changed through it. It listens on this host only, unless the address says otherwise, and is bounded
//! in connections and time. Nobody is authenticated: what it shows are names, states and errors, never content.

mod address;
mod answer;
mod serve;

use std::io;
use std::net::SocketAddr;

pub use address::Address;
pub(super) use answer::Site;
pub(super) use serve::{Bound, serve};

/// Where to listen, and what to show there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub at: SocketAddr,
    /// Show `/metrics`.
    pub metrics: bool,
    /// Show the page of status.
    pub ui: bool,
}

impl Listen {
    /// Joins what is to be shown at the same address.
    pub fn join(metrics: impl IntoIterator<Item = Address>, ui: Option<Address>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let metrics = metrics.into_iter().map(|at| Self { at: at.0, metrics: true, ui: false });
        for one in metrics.chain(ui.map(|at| Self { at: at.0, metrics: false, ui: true })) {
            match all.iter_mut().find(|other| other.at == one.at) {
                Some(other) => {
                    other.metrics |= one.metrics;
                    other.ui |= one.ui;
                }
                None => all.push(one),
            }
        }
        all
    }
}

/// An address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {at}")]
pub struct WebError {
    at: SocketAddr,
    #[source]
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_listener() {
        let at = |text: &str| text.parse::<Address>().unwrap();
        let both = Listen::join([at("9233"), at("127.0.0.1:9233")], Some(at("localhost:9233")));
        assert_eq!(both, [Listen { at: at("9233").0, metrics: true, ui: true }]);
        assert_eq!(Listen::join([at("9233")], Some(at("9234"))).len(), 2);
    }
}

//! A way to the store from within this process: for what a member does for itself.

use std::fmt;
use std::sync::Arc;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::DuplexStream;

use super::{Options, connection};
use crate::cluster::etcd::front::Front;

/// What is on its way in one direction, in bytes: more than a message of watches mostly has.
const PIPE_BYTES: usize = 256 << 10;

/// Connections to a front without a port. What is asked over them is asked by the member itself, so no rule stands in front of
/// it: it is never handed to anybody else. Cheap to clone.
#[derive(Clone)]
pub struct Inside {
    front: Front,
    options: Options,
    graceful: Arc<GracefulShutdown>,
}

impl Inside {
    /// To this front.
    pub fn new(front: Front, options: Options) -> Self {
        Self { front, options, graceful: Arc::new(GracefulShutdown::new()) }
    }

    /// Another connection; it ends when its other end is dropped. To be called inside a tokio runtime.
    pub fn connect(&self) -> DuplexStream {
        let (here, there) = tokio::io::duplex(PIPE_BYTES);
        let watcher = self.graceful.watcher();
        tokio::spawn(connection::within(self.front.clone(), self.options, there, watcher));
        here
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

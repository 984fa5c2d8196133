//! One ear for all who want to know of the network: every vertex is woken by it, and one look at the network serves all.

use std::any::Any;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Netlink, NetlinkError, Network};
use crate::engine::cx::Waker;
use crate::resources::host::observer::Observer;
use crate::resources::host::shared_watch::{Member, SharedWatch};

/// Those who want to know of changes of the network.
#[derive(Debug)]
pub struct Watchers {
    /// The kernel.
    pub netlink: Arc<dyn Netlink>,
    observer: Observer<Network>,
    /// Counts events, for those who wait for one.
    events: watch::Sender<u64>,
    watch: SharedWatch,
}

impl Watchers {
    /// Nobody yet.
    pub fn new(netlink: Arc<dyn Netlink>) -> Arc<Self> {
        let (observer, events) = (Observer::default(), watch::Sender::new(0));
        Arc::new(Self { netlink, observer, events, watch: SharedWatch::default() })
    }

    /// From now on, `waker` is woken at each event; without one, [`events`](Self::events) counts them.
    ///
    /// # Errors
    /// When the kernel's events cannot be heard.
    pub fn join(self: &Arc<Self>, waker: Option<Waker>) -> Result<Member, NetlinkError> {
        let waker = waker.unwrap_or_else(|| Waker::new(|_| ()));
        self.watch.join(waker, |all| {
            let watchers = Arc::downgrade(self);
            let sink = Arc::new(move || {
                if let Some(watchers) = watchers.upgrade() {
                    watchers.observer.changed();
                    watchers.events.send_modify(|count| *count += 1);
                    all.wake();
                }
            });
            let listening = self.netlink.listen(sink)?;
            // What was seen before may have changed unheard.
            self.observer.changed();
            Ok(Box::new(listening) as Box<dyn Any + Send + Sync>)
        })
    }

    /// Counts events while somebody is a member.
    pub fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// The network as it is.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn network(&self) -> Result<Arc<Network>, NetlinkError> {
        let is_heard = self.watch.is_armed();
        self.observer.state(is_heard, self.netlink.dump()).await
    }

    /// Something was just done: what was seen before does not count.
    pub fn changed(&self) {
        self.observer.changed();
    }
}

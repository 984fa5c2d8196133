//! Carrying the store: from when the steward asks for it until this host is a member no more.

use std::time::{Duration, Instant};

use super::{AGAIN, Open, Part};
use crate::cluster::link::Line;
use crate::cluster::mesh::signpost::Signpost;
use crate::cluster::mesh::stewarding::StoredNomination;
use crate::cluster::mesh::store::{self, Beginning, Store};
use crate::cluster::mesh::{MeshError, Options};
use crate::cluster::node::Ended;

/// How long every member may take to note that this host was added: none of use is further behind than an election takes.
const NOTED: Duration = Duration::from_secs(5);
/// They are asked again after this.
const NOTED_SOON: Duration = Duration::from_millis(100);

impl Part {
    /// The steward has asked for something: to carry the store, once it has added this host to the members.
    pub(super) async fn nominated(&mut self, nomination: Option<StoredNomination>) {
        let Some(StoredNomination { member: Some(member), .. }) = nomination else { return };
        let Open::Signpost(_) = self.open else { return };
        match self.carry().await {
            Ok(store) => {
                tracing::info!(member, "this host carries the store from now on");
                self.open = Open::Store(Box::new(store));
                self.opened();
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the store that this host was asked to carry does not start");
                self.wipe();
            }
        }
    }

    /// What a host without a store keeps open.
    fn signpost(&self) -> Open {
        Open::Signpost(Signpost::start(&self.door, &self.link, self.tls()))
    }

    /// The mesh has begun anew elsewhere while this host was away: the store that it carries is of the past. It is kept
    /// beside, and this host joins the others.
    pub(super) async fn outlived(&mut self, line: &Line) {
        let Open::Store(store) = &self.open else { return };
        let own = store.cluster();
        if own == line.cluster {
            return;
        }
        let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) else { return };
        store.end().await;
        match store::put_aside(&self.options.folder, &own.to_string()) {
            Ok(kept) => tracing::warn!(
                ?kept,
                "the store that this host carried is of the past: the mesh has begun anew as {}",
                line.cluster
            ),
            Err(error) => tracing::error!(%error, "the old store cannot be put aside"),
        }
        self.open = self.signpost();
        self.opened();
    }

    async fn carry(&self) -> Result<Store, MeshError> {
        if let Some(own) = &self.own {
            own.get_authority(&self.link.urls()).await?;
        }
        let until = Instant::now() + NOTED;
        loop {
            match self.start(Beginning::Added(self.link.urls())).await {
                // It was added: whoever was asked is a moment behind.
                Err(error) if error.is_unknown() && Instant::now() < until => {
                    tokio::time::sleep(NOTED_SOON).await;
                }
                carried => return carried,
            }
        }
    }

    async fn start(&self, beginning: Beginning) -> Result<Store, MeshError> {
        let Options { host, folder, .. } = &self.options;
        Store::start(host, folder, &self.door, beginning, self.tls()).await
    }

    /// The store has ended: this member was removed, or it broke.
    pub(super) async fn store_ended(&mut self, why: Ended) -> Result<(), MeshError> {
        let Open::Store(store) = std::mem::replace(&mut self.open, Open::Nothing) else { return Ok(()) };
        store.end().await;
        self.open = self.signpost();
        if why == Ended::Removed {
            tracing::info!("this host carries the store no longer");
            self.wipe();
            if let Some(Err(error)) = self.own.as_ref().map(|own| own.folder.remove_authority()) {
                tracing::warn!(%error, "the mesh's authority stays on this host");
            }
        } else {
            tracing::error!(%why, "the store that this host carried has ended; it is started again");
            tokio::time::sleep(AGAIN).await;
            self.open = Open::Store(Box::new(self.start(Beginning::Again).await?));
        }
        self.opened();
        Ok(())
    }

    /// Removes the data of a member that is none any more.
    fn wipe(&self) {
        let folder = store::folder(&self.options.folder);
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(?folder, %error, "old data cannot be removed");
        }
    }
}

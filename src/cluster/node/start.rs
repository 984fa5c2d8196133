//! Starting a member.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::barrier::Barrier;
use super::config::Config;
use super::core::{self, Core};
use super::ended::Ended;
use super::handle::Handle;
use super::inbox::{Inbox, Letter};
use super::open::{OpenError, open};
use super::proposal_id::ProposalIds;
use super::renewals::Renewals;
use super::shared::{Shared, Status};
use super::tend::{self, Alarm};
use super::transport::Transport;
use super::writer::Writer;
use crate::cluster::etcd::log_entry;
use crate::cluster::etcd::node::Vitals;
use crate::cluster::raft::{MemberId, ProposalId, Replica, Settings, StartError};
use crate::cluster::store::auth::token::Tokens;
use crate::cluster::store::lessor::Lessor;
use crate::cluster::store::watch::WatchHub;

/// Why a member cannot start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum NodeStartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Raft(#[from] StartError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A member that runs.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    core: JoinHandle<()>,
    tend: JoinHandle<()>,
}

impl Running {
    /// What services ask.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends it: what was taken is written. Blocks.
    pub fn stop(self) {
        self.handle.shared.inbox.tell(Letter::Stop);
        for thread in [self.core, self.tend] {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

/// Starts a member. `transport` is made once it is known who this is; peers' messages go to the handle.
pub fn start(
    config: Config,
    transport: impl FnOnce(crate::cluster::etcd::node::Identity, Arc<Inbox>) -> Arc<dyn Transport>,
) -> Result<Running, NodeStartError> {
    let opened = open(&config)?;
    let mut settings = Settings::new(MemberId(opened.identity.member.0), random(), identify);
    settings.election_ticks = config.election_ticks;
    settings.snapshot = config.snapshot;
    settings.patience_ticks = ticks(&config);
    let replica = Replica::new(settings, &opened.saved)?;
    let inbox = Arc::new(Inbox::default());
    let vitals = Arc::<Vitals>::default();
    let writer = Writer::start(opened.wal, inbox.clone(), vitals.clone())?;
    let transport = transport(opened.identity, inbox.clone());
    let machine = opened.machine;
    let alarm = Arc::<Alarm>::default();
    let mut hub = WatchHub::new(&machine.store, config.watch);
    hub.wake_for_room(alarm.clone().into());
    let shared = Arc::new(Shared {
        identity: opened.identity,
        hub: Mutex::new(hub),
        lessor: Mutex::new(Lessor::new()),
        tokens: Mutex::new(Tokens::new(config.token_ttl)),
        machine: machine.into(),
        standing: tokio::sync::watch::Sender::new(Status::default()),
        inbox,
        barrier: Barrier::default(),
        ids: ProposalIds::new(opened.identity.member),
        vitals,
        renewals: Renewals::new(transport.clone()),
        transport,
        alarm,
        snaps: opened.snaps,
        scratch: config.data_dir.join("member"),
        started: Instant::now(),
        config,
    });
    let core = Core::new(shared.clone(), replica, writer);
    let ending = Ending(shared.clone());
    let core = std::thread::Builder::new().name("mgmt-core".into()).spawn(move || {
        // Dropped last, however the core ends.
        let _ending = ending;
        core.run();
    })?;
    let tend = std::thread::Builder::new().name("mgmt-tend".into()).spawn({
        let shared = shared.clone();
        move || tend::run(&shared)
    })?;
    Ok(Running { handle: Handle { shared }, core, tend })
}

/// The end of the core, and of the member with it: nobody waits for it any more, and what serves goes. Also when it panics.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        if panicked {
            tracing::error!("the store ends: its core panicked");
        }
        self.0.inbox.close();
        drop(self.0.barrier.take());
        self.0.alarm.end();
        let why = if panicked { Ended::Panicked } else { Ended::Asked };
        self.0.standing.send_modify(|status| _ = status.ended.get_or_insert(why));
    }
}

/// How many ticks a proposal may take.
fn ticks(config: &Config) -> u64 {
    let patience = core::patience(config.tick, config.election_ticks);
    u64::try_from(patience.as_millis() / config.tick.as_millis().max(1)).unwrap_or(u64::MAX)
}

fn random() -> u64 {
    getrandom::u64().expect("the system has random numbers")
}

fn identify(data: &bytes::Bytes) -> Option<ProposalId> {
    log_entry::id_of(data).map(ProposalId)
}

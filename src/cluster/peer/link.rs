//! Keeps one lane's messages flowing to a member: connects, sends, and begins anew when that ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::backoff::Backoff;
use super::channel::Channel;
use super::lane::{Lane, Urgency};
use super::pb::{Batch, Nothing};
use super::{ConnectError, PeerHandler, PeerIdentity, PeerTls, PeerUrl, Refusal};
use crate::cluster::store::id::MemberId;

/// How long a member may take to say whether it takes messages.
const ACCEPT: Duration = Duration::from_secs(3);

/// Since when there has been a connection; `None`: there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Mutex<Option<Instant>>>);

impl Activity {
    pub(super) fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Why messages no longer flow.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("messages are refused: {0}")]
    Refused(Refusal),
    #[error("it does not say whether it takes messages")]
    Silent,
    #[error("it takes no more messages")]
    Ended,
    #[error("the connection broke: {}", .0.message())]
    Broken(Box<Status>),
}

impl From<Status> for Stopped {
    fn from(status: Status) -> Self {
        Refusal::of(&status).map_or_else(|| Self::Broken(Box::new(status)), Self::Refused)
    }
}

/// What was told last of a link, so that nothing is told twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Flows,
    Fails,
    Refused(Refusal),
}

/// A connection over which messages flow, while it is kept.
struct Flow {
    answer: Streaming<Nothing>,
    batches: mpsc::Sender<Batch>,
    _channel: Channel,
}

/// One lane's way to a member.
pub(super) struct Link {
    pub to: MemberId,
    pub urls: Vec<PeerUrl>,
    pub urgency: Urgency,
    pub lane: Arc<Lane>,
    pub activity: Activity,
    pub identity: PeerIdentity,
    pub tls: Option<Arc<PeerTls>>,
    pub handler: Arc<dyn PeerHandler>,
}

impl Link {
    /// Runs until it is aborted. Each attempt takes the next URL.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        let mut told = Told::default();
        for url in self.urls.iter().cycle() {
            let stopped = self.flow(url, &mut told).await;
            self.note(None);
            let flowed = told == Told::Flows;
            if flowed {
                backoff = Backoff::default();
            }
            if self.lane.clear() > 0 || flowed {
                self.handler.unreachable(self.to);
            }
            self.tell(&mut told, url, &stopped);
            tokio::time::sleep(backoff.next(getrandom::u32().unwrap_or_default())).await;
        }
    }

    /// One connection, from its beginning to its end.
    async fn flow(&self, url: &PeerUrl, told: &mut Told) -> Stopped {
        match self.accepted(url).await {
            Ok(Flow { mut answer, batches, _channel }) => {
                self.note(Some(Instant::now()));
                *told = Told::Flows;
                if self.urgency == Urgency::Prompt {
                    tracing::info!(member = %self.to, %url, "connected to a peer");
                }
                tokio::select! {
                    ended = answer.message() => match ended {
                        Ok(_) => Stopped::Ended,
                        Err(status) => status.into(),
                    },
                    () = self.feed(&batches) => Stopped::Ended,
                }
            }
            Err(stopped) => stopped,
        }
    }

    /// A connection over which the member takes messages.
    async fn accepted(&self, url: &PeerUrl) -> Result<Flow, Stopped> {
        let channel = Channel::connect(url, self.tls.as_ref()).await?;
        // A stream that lingers finds this empty: it takes nothing from its successor.
        let (batches, body) = mpsc::channel(1);
        let body = stream::unfold(body, |mut body| async { body.recv().await.map(|batch| (batch, body)) });
        let mut client = channel.client();
        let call = client.messages(self.identity.call(self.to, body));
        let answer = tokio::time::timeout(ACCEPT, call).await.map_err(|_| Stopped::Silent)??;
        Ok(Flow { answer: answer.into_inner(), batches, _channel: channel })
    }

    /// Sends what waits, for as long as somebody reads it.
    async fn feed(&self, batches: &mpsc::Sender<Batch>) {
        // What cannot go yet waits in the queue, where it is counted.
        while let Ok(room) = batches.reserve().await {
            room.send(Batch { messages: self.lane.take().await });
        }
    }

    fn note(&self, since: Option<Instant>) {
        if self.urgency == Urgency::Prompt {
            self.activity.set(since);
        }
    }

    /// Says once why nothing flows.
    fn tell(&self, told: &mut Told, url: &PeerUrl, stopped: &Stopped) {
        let now = match stopped {
            Stopped::Refused(why) => Told::Refused(*why),
            _ => Told::Fails,
        };
        if std::mem::replace(told, now) == now || self.urgency != Urgency::Prompt {
            return tracing::debug!(member = %self.to, %url, error = %stopped, "a peer cannot be reached");
        }
        tracing::warn!(member = %self.to, %url, error = %stopped, "a peer cannot be reached; it is tried again");
        if let Stopped::Refused(why) = stopped {
            self.handler.refused(self.to, *why);
        }
    }
}

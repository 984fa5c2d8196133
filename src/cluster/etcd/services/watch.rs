//! `etcdserverpb.Watch`.

mod answer;
mod spec;

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::etcd::node::{Credentials, Watching};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, watch_request::RequestUnion, watch_server::Watch};
use crate::cluster::etcd::status::{in_gos_words, watch_canceled};
use crate::cluster::etcd::surface::{Surface, credentials};
use crate::cluster::failpoints::failpoint;
use crate::cluster::store::id::{Revision, WatchId};
use crate::cluster::store::watch::Notice;
use spec::spec;

/// Watches.
pub struct WatchService(pub Surface);

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = Session;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let credentials = credentials(&request);
        let session = Session {
            watching: self.0.node.watch(),
            surface: self.0.clone(),
            credentials,
            incoming: Some(request.into_inner()),
            asked: VecDeque::new(),
            fragmented: HashSet::new(),
            ready: VecDeque::new(),
            told: 0,
            ended: false,
        };
        Ok(Response::new(session))
    }
}

/// One stream. It has no task and no queue of its own: it is polled when the connection takes more, so a client that
/// reads slowly holds up nobody but itself.
pub struct Session {
    surface: Surface,
    /// Looked at anew for each watch: a token may be over, rights may have changed.
    credentials: Credentials,
    watching: Box<dyn Watching>,
    /// `None`: the client will ask for nothing more.
    incoming: Option<Streaming<pb::WatchRequest>>,
    /// Watches that were asked for and not yet answered: whether their long answers are to be cut in pieces.
    asked: VecDeque<bool>,
    /// Watches whose long answers are cut in pieces.
    fragmented: HashSet<WatchId>,
    /// Answers that wait to be sent.
    ready: VecDeque<pb::WatchResponse>,
    /// How many notices came since requests were looked for.
    told: u32,
    ended: bool,
}

/// After so many answers it is looked whether the client asks for something: one that cancels is heard though much is
/// told.
const BETWEEN_REQUESTS: u32 = 16;

impl Stream for Session {
    type Item = Result<pb::WatchResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let session = self.get_mut();
        loop {
            if let Some(answer) = session.ready.pop_front() {
                failpoint!(beforeSendWatchResponse);
                return Poll::Ready(Some(Ok(answer)));
            }
            if session.ended {
                return Poll::Ready(None);
            }
            let news = if session.told < BETWEEN_REQUESTS {
                session.watching.poll_next(cx)
            } else {
                // Both are looked for in the next turn.
                cx.waker().wake_by_ref();
                Poll::Pending
            };
            let ended = match news {
                Poll::Ready(Some(notice)) => {
                    session.told += 1;
                    session.tell(notice);
                    None
                }
                Poll::Ready(None) => Some(Status::unavailable("etcdserver: server stopped")),
                Poll::Pending => {
                    session.told = 0;
                    ready!(session.poll_requests(cx))
                }
            };
            if let Some(status) = ended {
                session.ended = true;
                return Poll::Ready(Some(Err(status)));
            }
        }
    }
}

impl Session {
    /// Hears one request. `Some`: the connection is of no use any more.
    fn poll_requests(&mut self, cx: &mut Context<'_>) -> Poll<Option<Status>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Pending };
        match ready!(incoming.poll_next_unpin(cx)) {
            Some(Ok(request)) => self.heard(request),
            // The client may still listen.
            None => self.incoming = None,
            Some(Err(status)) => return Poll::Ready(Some(broken(status))),
        }
        Poll::Ready(None)
    }

    fn heard(&mut self, request: pb::WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(wire)) => self.create(&wire),
            Some(RequestUnion::CancelRequest(wire)) => self.watching.cancel(WatchId(wire.watch_id)),
            Some(RequestUnion::ProgressRequest(_)) => self.watching.ask_progress(),
            // What is not known is not answered, as in etcd.
            None => {}
        }
    }

    fn create(&mut self, wire: &pb::WatchCreateRequest) {
        let spec = spec(wire);
        let node = &self.surface.node;
        let allowed = if spec.start < Revision(0) {
            // Refused by its form, whoever asks.
            Ok(())
        } else {
            node.caller(&self.credentials).and_then(|caller| node.may_watch(&spec.range, caller.as_ref()))
        };
        match allowed {
            Ok(()) => {
                self.asked.push_back(wire.fragment);
                self.watching.create(spec);
            }
            Err(error) => self.ready.push_back(answer::forbidden(error, self.surface.header_now())),
        }
    }

    fn tell(&mut self, notice: Notice) {
        let mut in_pieces = false;
        match &notice {
            // Requests are answered in their order.
            Notice::Created { watch, .. } if self.asked.pop_front() == Some(true) => {
                self.fragmented.insert(*watch);
            }
            Notice::Refused { .. } => drop(self.asked.pop_front()),
            Notice::Canceled { watch, .. } | Notice::Compacted { watch, .. } => {
                self.fragmented.remove(watch);
            }
            Notice::Events { watch, .. } => in_pieces = self.fragmented.contains(watch),
            Notice::Created { .. } | Notice::Progress { .. } => {}
        }
        let whole = answer::of_notice(notice, |revision| self.surface.header(revision));
        if in_pieces {
            self.ready.extend(answer::cut(whole, self.surface.limits.request_bytes));
        } else {
            self.ready.push_back(whole);
        }
    }
}

/// The client went away, or sent what cannot be read.
fn broken(status: Status) -> Status {
    match status.code() {
        tonic::Code::OutOfRange => in_gos_words(status),
        tonic::Code::Cancelled | tonic::Code::Unknown => watch_canceled(),
        _ => status,
    }
}

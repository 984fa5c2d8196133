//! `etcdserverpb.Watch`.

mod answer;
mod spec;

use std::collections::{HashSet, VecDeque};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::etcd::node::{Credentials, Watching};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, watch_request::RequestUnion, watch_server::Watch};
use crate::cluster::etcd::status::{in_gos_words, watch_canceled};
use crate::cluster::etcd::surface::{Surface, credentials};
use crate::cluster::store::id::{Revision, WatchId};
use crate::cluster::store::watch::Notice;
use spec::spec;

/// Watches.
pub struct WatchService(pub Surface);

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = BoxStream<'static, Result<pb::WatchResponse, Status>>;

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
            ended: false,
        };
        let answers = stream::unfold(session, |mut session| async move {
            let answer = session.next().await?;
            Some((answer, session))
        });
        Ok(Response::new(answers.boxed()))
    }
}

/// One stream. It has no task and no queue of its own: it is polled when the connection takes more, so a client that
/// reads slowly holds up nobody but itself.
struct Session {
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
    ended: bool,
}

enum Next {
    Asked(Result<Option<pb::WatchRequest>, Status>),
    News(Option<Notice>),
}

impl Session {
    async fn next(&mut self) -> Option<Result<pb::WatchResponse, Status>> {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Some(Ok(answer));
            }
            if self.ended {
                return None;
            }
            let next = match &mut self.incoming {
                Some(incoming) => tokio::select! {
                    // What the client asks for first: a watch that it cancels has nothing more to tell.
                    biased;
                    asked = incoming.message() => Next::Asked(asked),
                    news = self.watching.next() => Next::News(news),
                },
                None => Next::News(self.watching.next().await),
            };
            match next {
                Next::Asked(Ok(Some(request))) => self.heard(request),
                // The client may still listen.
                Next::Asked(Ok(None)) => self.incoming = None,
                Next::Asked(Err(status)) => return self.end(broken(status)),
                Next::News(Some(news)) => self.tell(news),
                Next::News(None) => return self.end(Status::unavailable("etcdserver: server stopped")),
            }
        }
    }

    fn end(&mut self, status: Status) -> Option<Result<pb::WatchResponse, Status>> {
        self.ended = true;
        Some(Err(status))
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

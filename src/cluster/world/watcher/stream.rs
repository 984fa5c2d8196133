//! The watches of one connection, and the reading of what is to be watched.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Streaming;

use super::MirrorId;
use super::reading::{Part, Reading, read};
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::etcd::pb::etcdserverpb::watch_request::RequestUnion;
use crate::cluster::etcd::pb::mvccpb;
use crate::cluster::link::{Line, Trouble};
use crate::cluster::store::id::{ClusterId, Revision};
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::mirror::{Changed, Entry};
use crate::engine::world::Deadline;

/// How long the stream may take to open. etcd answers with the first watch only.
const OPENING: Duration = Duration::from_secs(5);

/// What was heard.
pub(super) enum Heard {
    /// A stretch was read.
    Read { id: MirrorId, entries: BTreeMap<Bytes, Entry>, revision: Revision },
    /// A mirror is told what changes from now on.
    Watching { id: MirrorId },
    /// Keys have changed.
    Changed { id: MirrorId, changes: Vec<(Revision, Changed)>, revision: Revision },
    /// The store has forgotten what came next: it must be read again.
    Compacted { id: MirrorId },
    /// The connection is of no use any more.
    Ended(String),
}

/// The watches of one connection.
pub(super) struct Stream {
    line: Line,
    asking: mpsc::UnboundedSender<pb::WatchRequest>,
    opening: Option<tokio::task::JoinHandle<Result<Streaming<pb::WatchResponse>, Trouble>>>,
    answers: Option<Streaming<pb::WatchResponse>>,
    reading: JoinSet<(MirrorId, Result<Reading, Trouble>)>,
    /// What was heard of an answer of which more is to come: it is taken whole, as its revisions are.
    pieces: BTreeMap<MirrorId, Vec<(Revision, Changed)>>,
    heard: std::collections::VecDeque<Heard>,
}

impl Stream {
    /// Opens a stream.
    pub fn open(line: Line) -> Self {
        let (asking, asked) = mpsc::unbounded_channel();
        let asked = futures_util::stream::unfold(asked, |mut asked: mpsc::UnboundedReceiver<_>| async move {
            Some((asked.recv().await?, asked))
        });
        let opening = tokio::spawn({
            let line = line.clone();
            async move { line.watch(asked, Deadline::after(OPENING)).await }
        });
        Self {
            line,
            asking,
            opening: Some(opening),
            answers: None,
            reading: JoinSet::new(),
            pieces: BTreeMap::new(),
            heard: std::collections::VecDeque::new(),
        }
    }

    /// The store.
    pub fn of(&self) -> ClusterId {
        self.line.cluster
    }

    /// Reads a stretch.
    pub fn read(&mut self, id: MirrorId, range: &KeyRange) {
        let (line, range) = (self.line.clone(), range.clone());
        self.reading.spawn(async move { (id, read(&line, &range, Part::Whole).await) });
    }

    /// Watches a stretch from after this revision on.
    pub fn watch(&self, id: MirrorId, range: &KeyRange, after: Revision) {
        let (key, range_end) = range_of(range);
        let create = pb::WatchCreateRequest {
            key,
            range_end,
            start_revision: after.0 + 1,
            progress_notify: true,
            // One host that writes much must not make answers that nobody can take.
            fragment: true,
            watch_id: id.0.cast_signed(),
            ..Default::default()
        };
        self.ask(RequestUnion::CreateRequest(create));
    }

    /// Watches a stretch no longer.
    pub fn cancel(&self, id: MirrorId) {
        self.ask(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id: id.0.cast_signed() }));
    }

    fn ask(&self, request: RequestUnion) {
        // One that has ended says so when it is listened to.
        let _ = self.asking.send(pb::WatchRequest { request_union: Some(request) });
    }

    /// What is heard next. May be dropped and called again.
    pub async fn next(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            if let Some(opening) = &mut self.opening {
                tokio::select! {
                    opened = opening => {
                        self.opening = None;
                        match opened {
                            Ok(Ok(answers)) => self.answers = Some(answers),
                            Ok(Err(trouble)) => return Heard::Ended(format!("{trouble:?}")),
                            Err(error) => return Heard::Ended(error.to_string()),
                        }
                    }
                    Some(read) = self.reading.join_next() => self.have_read(read),
                }
                continue;
            }
            let Some(answers) = &mut self.answers else { return Heard::Ended("it has ended".to_owned()) };
            tokio::select! {
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => self.answered(answer),
                    Ok(None) => return Heard::Ended("the member has ended the stream".to_owned()),
                    Err(status) => return Heard::Ended(status.message().to_owned()),
                },
                Some(read) = self.reading.join_next() => self.have_read(read),
            }
        }
    }

    fn have_read(&mut self, read: Result<(MirrorId, Result<Reading, Trouble>), tokio::task::JoinError>) {
        self.heard.push_back(match read {
            Ok((id, Ok(Reading { entries, revision }))) => Heard::Read { id, entries, revision },
            Ok((_, Err(trouble))) => Heard::Ended(format!("{trouble:?}")),
            Err(error) => Heard::Ended(error.to_string()),
        });
    }

    fn answered(&mut self, answer: pb::WatchResponse) {
        let id = MirrorId(answer.watch_id.cast_unsigned());
        if answer.canceled {
            // One that was cancelled by us is no longer followed, and what is heard of it is dropped.
            let heard = if answer.compact_revision > 0 {
                Heard::Compacted { id }
            } else if answer.cancel_reason.is_empty() {
                return;
            } else {
                Heard::Ended(answer.cancel_reason)
            };
            return self.heard.push_back(heard);
        }
        if answer.created {
            return self.heard.push_back(Heard::Watching { id });
        }
        let mut changes = self.pieces.remove(&id).unwrap_or_default();
        changes.extend(answer.events.into_iter().filter_map(changed));
        if answer.fragment {
            self.pieces.insert(id, changes);
            return;
        }
        // The header's revision is the store's: of that, more may come. Only where nothing is told does it say how far
        // this watch has come.
        let told = changes.last().map(|(revision, _)| *revision);
        let revision = told.unwrap_or_else(|| Revision(answer.header.map_or(0, |header| header.revision)));
        self.heard.push_back(Heard::Changed { id, changes, revision });
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(opening) = &self.opening {
            opening.abort();
        }
    }
}

fn changed(event: mvccpb::Event) -> Option<(Revision, Changed)> {
    let deleted = event.r#type() == mvccpb::event::EventType::Delete;
    let kv = event.kv?;
    let revision = Revision(kv.mod_revision);
    let now = (!deleted).then(|| Entry {
        value: kv.value,
        written: revision,
        created: Revision(kv.create_revision),
    });
    Some((revision, Changed { key: kv.key, now }))
}

/// A range in etcd's form.
pub(super) fn range_of(range: &KeyRange) -> (Bytes, Bytes) {
    match range {
        KeyRange::One(key) => (key.clone(), Bytes::new()),
        KeyRange::Span(start, end) => (start.clone(), end.clone()),
        KeyRange::From(start) => (start.clone(), Bytes::from_static(b"\0")),
    }
}

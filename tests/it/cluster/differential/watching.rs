//! Watches: the same ones on both servers, the same writes, and what each has been told in the end.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream;
use mgmt::cluster::etcd::pb::etcdserverpb::watch_request::RequestUnion;
use mgmt::cluster::etcd::pb::etcdserverpb::*;
use mgmt::cluster::etcd::pb::mvccpb::Event;
use tokio::sync::mpsc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::draw::Draw;
use super::line::Line;
use super::request::ready;

/// Both servers have told the same after this long, or they do not tell the same.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one read waits before the two are compared again.
const LOOK: Duration = Duration::from_millis(5);

/// What one watch was told: how answers are cut into messages, and the revision of a header that carries events, may
/// differ.
#[derive(Debug, Default, Clone, PartialEq)]
struct Told {
    /// Created, cancelled, why, the compacted revision, the header's revision; in their order.
    about: Vec<(bool, bool, String, i64, i64)>,
    events: Vec<Event>,
}

/// One stream, and what it was told so far by watch id.
struct Side {
    requests: mpsc::Sender<WatchRequest>,
    replies: Streaming<WatchResponse>,
    told: BTreeMap<i64, Told>,
    /// The revisions of progress reports that were asked for.
    progress: Vec<i64>,
    ended: Option<(i32, String)>,
}

impl Side {
    async fn open(line: &Line, first: WatchCreateRequest) -> Result<Side, Status> {
        let (requests, asked) = mpsc::channel(64);
        let asked = stream::unfold(asked, |mut asked: mpsc::Receiver<WatchRequest>| async {
            asked.recv().await.map(|request| (request, asked))
        });
        let codec = ProstCodec::<WatchRequest, WatchResponse>::default();
        let path = PathAndQuery::from_static("/etcdserverpb.Watch/Watch");
        // A server sends its headers only when it has something to say.
        let _ = requests.send(WatchRequest { request_union: Some(RequestUnion::CreateRequest(first)) }).await;
        let replies =
            ready(&line.channel).await?.streaming(line.envelope(asked), path, codec).await?.into_inner();
        Ok(Side { requests, replies, told: BTreeMap::new(), progress: Vec::new(), ended: None })
    }

    async fn ask(&self, union: RequestUnion) {
        // A stream that has ended is seen by the reader.
        let _ = self.requests.send(WatchRequest { request_union: Some(union) }).await;
    }

    /// Reads what comes within one look.
    async fn read(&mut self) {
        while self.ended.is_none() {
            match tokio::time::timeout(LOOK, self.replies.message()).await {
                Ok(Ok(Some(reply))) => self.take(reply),
                Ok(Ok(None)) => self.ended = Some((0, String::new())),
                Ok(Err(status)) => self.ended = Some((status.code().into(), status.message().to_owned())),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, reply: WatchResponse) {
        let revision = reply.header.as_ref().map_or(-1, |header| header.revision);
        let about = reply.created || reply.canceled;
        if reply.watch_id == -1 && !about {
            return self.progress.push(revision);
        }
        let told = self.told.entry(reply.watch_id).or_default();
        if about {
            told.about.push((
                reply.created,
                reply.canceled,
                reply.cancel_reason,
                reply.compact_revision,
                revision,
            ));
        }
        told.events.extend(reply.events);
    }
}

/// The same watches on two servers.
pub struct Watching {
    reference: Side,
    tested: Side,
    created: Vec<WatchCreateRequest>,
    /// Whether all were up to date once: etcd brings those that are not forward each 100 ms, and what is cancelled or
    /// compacted before that is told less.
    settled: bool,
}

impl Watching {
    /// Opens a stream on each and creates some watches.
    pub async fn open(draw: &mut Draw, reference: &Line, tested: &Line) -> Result<Watching, Status> {
        let first = create(draw);
        let (reference, tested) =
            (Side::open(reference, first.clone()).await?, Side::open(tested, first.clone()).await?);
        let mut watching = Watching { reference, tested, created: vec![first], settled: false };
        for _ in 0..draw.random.usize(..8) {
            let request = create(draw);
            watching.ask(RequestUnion::CreateRequest(request.clone())).await;
            watching.created.push(request);
        }
        // The next write comes when each has said what became of each: a watch from now on would miss it otherwise.
        let count = watching.created.len();
        let answered = |side: &Side| {
            side.told.values().flat_map(|told| &told.about).filter(|about| about.0).count() >= count
        };
        watching.until(|left, right| answered(left) && answered(right)).await;
        watching.settled = watching.reports(draw.revision) && watching.progress(draw.revision).await;
        draw.compacts = watching.settled;
        Ok(watching)
    }

    async fn ask(&self, union: RequestUnion) {
        self.reference.ask(union.clone()).await;
        self.tested.ask(union).await;
    }

    async fn until(&mut self, good: impl Fn(&Side, &Side) -> bool) -> bool {
        let start = tokio::time::Instant::now();
        while !good(&self.reference, &self.tested) {
            if start.elapsed() > PATIENCE {
                return false;
            }
            tokio::join!(self.reference.read(), self.tested.read());
        }
        true
    }

    /// Whether progress can be told: etcd 3.5 tells none where there is no watch, or while one is compacted away or begins
    /// later.
    fn reports(&self, revision: i64) -> bool {
        // What was refused is no watch.
        let watches = self.reference.told.range(0..);
        let all_live = watches.clone().flat_map(|(_, told)| &told.about).all(|about| !about.1);
        let all_live = all_live && watches.count() > 0;
        all_live && self.created.iter().all(|watch| watch.start_revision <= revision)
    }

    /// Cancels one, wherever it is in its life, or one that never was.
    pub async fn cancel_one(&mut self, draw: &mut Draw) {
        // What etcd has not sent when it reads the cancellation, it may drop; progress comes after it.
        if !self.settled || !self.reports(draw.revision) || !self.progress(draw.revision).await {
            return;
        }
        let watch_id = draw.random.i64(0..8);
        self.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id })).await;
    }

    /// Waits for both to have told the same; then cancels all, if all has come, and closes. What differs, if anything.
    pub async fn compare(mut self, revision: i64) -> Option<String> {
        if !self.until(same).await {
            return Some(self.difference());
        }
        // Without it, nobody knows whether all has come, and what is cancelled before that, etcd may drop.
        if !self.reports(revision) {
            return None;
        }
        if !self.progress(revision).await {
            let (left, right) = (&self.reference.progress, &self.tested.progress);
            let ended = (&self.reference.ended, &self.tested.ended);
            return Some(format!(
                "progress at revision {revision}: {left:?} and {right:?}, {ended:?}\n{:#?}",
                self.created
            ));
        }
        let ids: Vec<i64> = self.reference.told.keys().copied().filter(|id| *id >= 0).collect();
        for watch_id in ids {
            self.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id })).await;
        }
        let done = |side: &Side| {
            side.told.iter().all(|(id, told)| *id < 0 || told.about.last().is_some_and(|last| last.1))
        };
        self.until(|left, right| done(left) && done(right)).await;
        (!same(&self.reference, &self.tested)).then(|| self.difference())
    }

    /// Asks for progress until both have told it: a watch that was behind may just have caught up.
    async fn progress(&mut self, revision: i64) -> bool {
        let start = tokio::time::Instant::now();
        while start.elapsed() < PATIENCE {
            self.ask(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
            tokio::join!(self.reference.read(), self.tested.read());
            // One was cancelled, and that has only now been told.
            if !self.reports(revision) {
                return true;
            }
            if self.reference.progress.contains(&revision) && self.tested.progress.contains(&revision) {
                return true;
            }
        }
        false
    }

    fn difference(&self) -> String {
        let (left, right) = (format!("{:#?}", self.reference.told), format!("{:#?}", self.tested.told));
        let diff = similar::TextDiff::from_lines(&left, &right).unified_diff().context_radius(12).to_string();
        format!(
            "watches {:#?}\nended {:?} and {:?}\n{diff}",
            self.created, self.reference.ended, self.tested.ended
        )
    }
}

/// Whether both were told the same so far.
fn same(left: &Side, right: &Side) -> bool {
    left.told == right.told && left.ended == right.ended
}

fn create(draw: &mut Draw) -> WatchCreateRequest {
    let (key, mut range_end) = draw.range();
    // With users, etcd asks whether the first key may be read where a watch is of all keys from there. We ask for all.
    if draw.ordered && *range_end == [0] {
        range_end = "l".into();
    }
    let start_revision = match draw.random.u32(..8) {
        0..=3 => 0,
        4 => (draw.revision - draw.random.i64(0..60)).max(1),
        5 => (draw.revision - draw.random.i64(0..600)).max(1),
        6 => draw.revision + draw.random.i64(1..4),
        _ if draw.one_in(3) => -1,
        _ => 1,
    };
    let filters = if draw.one_in(4) { vec![draw.random.i32(0..=1)] } else { Vec::new() };
    WatchCreateRequest {
        key,
        range_end,
        start_revision,
        progress_notify: draw.one_in(4),
        filters,
        prev_kv: draw.random.bool(),
        watch_id: if draw.one_in(3) { draw.random.i64(0..6) } else { 0 },
        fragment: draw.one_in(4),
    }
}

//! Watch streams, message by message.

use std::net::SocketAddr;

use futures_util::stream;
use mgmt::cluster::etcd::pb::etcdserverpb::watch_request::RequestUnion;
use mgmt::cluster::etcd::pb::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use mgmt::cluster::etcd::surface::Limits;
use mgmt::cluster::store::watch;
use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming};

use super::raw;
use super::served::Served;

struct Watching {
    requests: mpsc::UnboundedSender<WatchRequest>,
    answers: Streaming<WatchResponse>,
}

impl Watching {
    async fn open(at: SocketAddr) -> Self {
        Self::with(at, false).await
    }

    async fn with(at: SocketAddr, needs_leader: bool) -> Self {
        let (requests, queue) = mpsc::unbounded_channel();
        let outgoing = stream::unfold(queue, |mut queue| async move { Some((queue.recv().await?, queue)) });
        let mut request = Request::new(outgoing);
        if needs_leader {
            request.metadata_mut().insert("hasleader", "true".parse().unwrap());
        }
        let answers = raw::stream(at, "/etcdserverpb.Watch/Watch", request).await.unwrap();
        Self { requests, answers }
    }

    fn ask(&self, request: RequestUnion) {
        self.requests.send(WatchRequest { request_union: Some(request) }).unwrap();
    }

    async fn create(&mut self, request: WatchCreateRequest) -> WatchResponse {
        self.ask(RequestUnion::CreateRequest(request));
        self.next().await
    }

    async fn next(&mut self) -> WatchResponse {
        self.try_next().await.unwrap()
    }

    async fn try_next(&mut self) -> Result<WatchResponse, Status> {
        self.answers.message().await.map(|answer| answer.expect("the stream goes on"))
    }
}

fn key(key: &'static str) -> WatchCreateRequest {
    WatchCreateRequest { key: key.into(), ..Default::default() }
}

fn revision(answer: &WatchResponse) -> i64 {
    answer.header.as_ref().unwrap().revision
}

#[tokio::test]
async fn numbers_are_given_from_0_and_one_that_is_taken_is_refused() {
    let store = Served::start().await;
    let mut watching = Watching::open(store.at).await;
    let first = watching.create(key("a")).await;
    assert_eq!((first.watch_id, first.created, first.canceled, revision(&first)), (0, true, false, 1));
    assert_eq!(watching.create(WatchCreateRequest { watch_id: 7, ..key("a") }).await.watch_id, 7);
    let taken = watching.create(WatchCreateRequest { watch_id: 7, ..key("a") }).await;
    assert_eq!((taken.watch_id, taken.created, taken.canceled), (-1, true, true));
    assert_eq!(taken.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
    let empty = watching.create(WatchCreateRequest { range_end: "a".into(), ..key("b") }).await;
    assert_eq!((empty.watch_id, &*empty.cancel_reason), (-1, "mvcc: watcher range is empty"));
    let before = watching.create(WatchCreateRequest { start_revision: -1, ..key("a") }).await;
    let text = "etcdserver: mvcc: required revision has been compacted";
    assert_eq!((before.watch_id, &*before.cancel_reason), (-1, text));
    assert_eq!(watching.create(key("a")).await.watch_id, 1);
}

#[tokio::test]
async fn events_come_with_their_revision_and_what_was_there_before() {
    let store = Served::start().await;
    let mut client = store.client().await;
    let mut watching = Watching::open(store.at).await;
    watching.create(WatchCreateRequest { prev_kv: true, ..key("a") }).await;
    client.put("a", "1", None).await.unwrap();
    client.delete("a", None).await.unwrap();
    let made = watching.next().await;
    assert_eq!((revision(&made), made.events.len()), (2, 1));
    assert!(made.events[0].prev_kv.is_none());
    let gone = watching.next().await;
    let event = &gone.events[0];
    let kv = event.kv.as_ref().unwrap();
    assert_eq!(
        (event.r#type, &*kv.key, kv.mod_revision, kv.create_revision, kv.version),
        (1, &b"a"[..], 3, 0, 0)
    );
    assert_eq!(event.prev_kv.as_ref().unwrap().value, "1");
}

#[tokio::test]
async fn a_watch_from_the_past_catches_up_and_one_from_before_a_compaction_ends() {
    let store = Served::start().await;
    let mut client = store.client().await;
    for value in ["1", "2", "3"] {
        client.put("a", value, None).await.unwrap();
    }
    let mut watching = Watching::open(store.at).await;
    watching.create(WatchCreateRequest { start_revision: 2, ..key("a") }).await;
    let past = watching.next().await;
    assert_eq!((revision(&past), past.events.len()), (4, 3));
    client.compact(3, None).await.unwrap();
    let created = watching.create(WatchCreateRequest { start_revision: 2, ..key("a") }).await;
    assert!(created.created && !created.canceled);
    let ended = watching.next().await;
    assert!(ended.canceled && !ended.created);
    assert_eq!(
        (ended.watch_id, ended.compact_revision, &*ended.cancel_reason, revision(&ended)),
        (1, 3, "", 0)
    );
}

#[tokio::test]
async fn a_cancelled_watch_says_so_and_one_that_is_not_there_says_nothing() {
    let store = Served::start().await;
    let mut watching = Watching::open(store.at).await;
    watching.create(key("a")).await;
    watching.requests.send(WatchRequest::default()).unwrap();
    for watch_id in [9, 0] {
        watching.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }
    let ended = watching.next().await;
    assert_eq!((ended.watch_id, ended.canceled, &*ended.cancel_reason), (0, true, ""));
}

#[tokio::test]
async fn progress_comes_after_the_events_before_it() {
    let store = Served::start().await;
    let mut client = store.client().await;
    let mut watching = Watching::open(store.at).await;
    watching.create(key("a")).await;
    client.put("a", "1", None).await.unwrap();
    watching.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    assert_eq!(watching.next().await.events.len(), 1);
    let progress = watching.next().await;
    assert_eq!((progress.watch_id, revision(&progress), progress.events.len()), (-1, 2, 0));
}

#[tokio::test]
async fn a_quiet_watch_that_wants_progress_is_told_from_time_to_time() {
    let every = std::time::Duration::from_millis(20);
    let limits = watch::Limits { progress_every: every, ..watch::Limits::default() };
    let store = Served::with(Limits::default(), limits).await;
    let mut watching = Watching::open(store.at).await;
    watching.create(WatchCreateRequest { progress_notify: true, ..key("a") }).await;
    let progress = watching.next().await;
    assert_eq!((progress.watch_id, revision(&progress), progress.events.len()), (0, 1, 0));
}

#[tokio::test]
async fn long_answers_come_in_pieces_for_those_who_want_it() {
    let limits = Limits { request_bytes: 1000, txn_ops: 128 };
    let store = Served::with(limits, watch::Limits::default()).await;
    let mut client = store.client().await;
    for _ in 0..3 {
        client.put("a", vec![1; 600], None).await.unwrap();
    }
    let mut watching = Watching::open(store.at).await;
    watching.create(WatchCreateRequest { start_revision: 2, fragment: true, ..key("a") }).await;
    let mut pieces = Vec::new();
    for _ in 0..3 {
        let piece = watching.next().await;
        pieces.push((piece.events.len(), piece.fragment));
    }
    assert_eq!(pieces, [(1, true), (1, true), (1, false)]);
    let mut whole = Watching::open(store.at).await;
    whole.create(WatchCreateRequest { start_revision: 2, ..key("a") }).await;
    assert_eq!(whole.next().await.events.len(), 3);
}

#[tokio::test]
async fn a_client_that_has_said_all_still_hears() {
    let store = Served::start().await;
    let mut watching = Watching::open(store.at).await;
    watching.create(key("a")).await;
    let (unused, _) = mpsc::unbounded_channel();
    watching.requests = unused;
    store.client().await.put("a", "1", None).await.unwrap();
    assert_eq!(watching.next().await.events.len(), 1);
}

#[tokio::test]
async fn a_stream_that_needs_a_leader_ends_when_there_is_none() {
    let store = Served::start().await;
    let mut needs = Watching::with(store.at, true).await;
    needs.create(key("a")).await;
    store.node.lose_leader(true);
    let status = needs.try_next().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "etcdserver: no leader"));
}

//! What a watch tells, as messages.

use prost::Message as _;
use tonic::Status;

use crate::cluster::etcd::convert;
use crate::cluster::etcd::pb::etcdserverpb::{ResponseHeader, WatchResponse};
use crate::cluster::etcd::status::spelled;
use crate::cluster::store::auth::AuthError;
use crate::cluster::store::id::Revision;
use crate::cluster::store::watch::Notice;

/// The number in an answer that is about no watch.
const NO_WATCH: i64 = -1;

/// A notice as a message.
pub fn of_notice(notice: Notice, header: impl Fn(Revision) -> Option<ResponseHeader>) -> WatchResponse {
    match notice {
        Notice::Created { watch, revision } => {
            WatchResponse { header: header(revision), watch_id: watch.0, created: true, ..Default::default() }
        }
        Notice::Refused { reason, revision } => refused(reason.to_string(), header(revision)),
        Notice::Events { watch, revision, events } => WatchResponse {
            header: header(revision),
            watch_id: watch.0,
            events: events.iter().map(convert::event).collect(),
            ..Default::default()
        },
        Notice::Progress { watch, revision } => WatchResponse {
            header: header(revision),
            watch_id: watch.map_or(NO_WATCH, |watch| watch.0),
            ..Default::default()
        },
        Notice::Canceled { watch, revision } => WatchResponse {
            header: header(revision),
            watch_id: watch.0,
            canceled: true,
            ..Default::default()
        },
        // As in etcd: without a revision, and without a reason.
        Notice::Compacted { watch, compacted } => WatchResponse {
            header: header(Revision(0)),
            watch_id: watch.0,
            canceled: true,
            compact_revision: compacted.0,
            ..Default::default()
        },
    }
}

/// The answer to a watch that the client may not have.
pub fn forbidden(error: AuthError, header: Option<ResponseHeader>) -> WatchResponse {
    refused(spelled(&Status::from(error)), header)
}

fn refused(reason: String, header: Option<ResponseHeader>) -> WatchResponse {
    WatchResponse {
        header,
        watch_id: NO_WATCH,
        created: true,
        canceled: true,
        cancel_reason: reason,
        ..Default::default()
    }
}

/// Cuts an answer in pieces that are not longer than `most` bytes if their events allow it. All but the last say that
/// more comes.
pub fn cut(whole: WatchResponse, most: usize) -> Vec<WatchResponse> {
    if whole.encoded_len() < most {
        return vec![whole];
    }
    /// A tag and a length before each event.
    const AROUND: usize = 6;
    let mut pieces = Vec::new();
    let empty = WatchResponse { events: Vec::new(), fragment: true, ..whole.clone() };
    let mut piece = empty.clone();
    let mut length = empty.encoded_len();
    for event in whole.events {
        let added = event.encoded_len() + AROUND;
        if !piece.events.is_empty() && length + added > most {
            pieces.push(std::mem::replace(&mut piece, empty.clone()));
            length = empty.encoded_len();
        }
        length += added;
        piece.events.push(event);
    }
    piece.fragment = false;
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cluster::etcd::pb::mvccpb::{Event, KeyValue};

    fn answer(sizes: &[usize]) -> WatchResponse {
        let event = |size: &usize| Event {
            kv: Some(KeyValue { value: Bytes::from(vec![1; *size]), ..Default::default() }),
            ..Default::default()
        };
        WatchResponse { watch_id: 3, events: sizes.iter().map(event).collect(), ..Default::default() }
    }

    #[test]
    fn a_long_answer_is_cut_and_all_pieces_but_the_last_say_that_more_comes() {
        let pieces = cut(answer(&[400, 400, 400, 2000, 10]), 1000);
        let shape: Vec<_> = pieces.iter().map(|piece| (piece.events.len(), piece.fragment)).collect();
        assert_eq!(shape, [(2, true), (1, true), (1, true), (1, false)]);
        assert!(pieces.iter().all(|piece| piece.watch_id == 3));
        assert_eq!(cut(answer(&[400]), 1000), [answer(&[400])]);
    }
}

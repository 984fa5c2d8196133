//! What a client wants to watch.

use bytes::Bytes;

use crate::cluster::etcd::pb::etcdserverpb::{WatchCreateRequest, watch_create_request::FilterType};
use crate::cluster::store::id::{Revision, WatchId};
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::watch::{Wanted, WatchSpec};

/// What a client wants to watch. An empty key is the first that there can be.
pub fn spec(wire: &WatchCreateRequest) -> WatchSpec {
    let key = if wire.key.is_empty() { Bytes::from_static(&[0]) } else { wire.key.clone() };
    let left_out = |filter: FilterType| wire.filters.contains(&filter.into());
    WatchSpec {
        id: (wire.watch_id != 0).then_some(WatchId(wire.watch_id)),
        range: KeyRange::of(key, wire.range_end.clone()),
        start: Revision(wire.start_revision),
        wanted: Wanted {
            no_put: left_out(FilterType::Noput),
            no_delete: left_out(FilterType::Nodelete),
            previous: wire.prev_kv,
        },
        progress: wire.progress_notify,
    }
}

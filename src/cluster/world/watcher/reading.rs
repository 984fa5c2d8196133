//! Reading a stretch of the store as it is at one revision.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::stream::range_of;
use crate::cluster::etcd::pb::etcdserverpb as pb;
use crate::cluster::link::{Line, Trouble};
use crate::cluster::store::id::Revision;
use crate::cluster::store::key::KeyRange;
use crate::cluster::world::mirror::Entry;
use crate::engine::world::Deadline;

/// Keys that are read at once: with values of a few KiB, some MiB.
const PAGE: i64 = 2_000;
/// And so many once a page has turned out to be longer than a message may be: of the longest values that a store takes, 24 MiB.
const SMALL_PAGE: i64 = 16;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keys as they were at a revision.
#[derive(Debug)]
pub struct Reading {
    /// The keys.
    pub entries: BTreeMap<Bytes, Entry>,
    /// When.
    pub revision: Revision,
}

/// What is read of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    Whole,
    /// Not the value.
    Keys,
}

/// Reads all keys of a stretch, page by page.
pub async fn read(line: &Line, range: &KeyRange, part: Part) -> Result<Reading, Trouble> {
    let (mut key, mut range_end) = range_of(range);
    let mut reading = Reading { entries: BTreeMap::new(), revision: Revision(0) };
    let mut limit = PAGE;
    loop {
        let request = pb::RangeRequest {
            key: key.clone(),
            range_end: range_end.clone(),
            limit,
            keys_only: part == Part::Keys,
            revision: reading.revision.0,
            ..Default::default()
        };
        let page = match line.range(request, Deadline::after(PATIENCE)).await {
            // One host that writes much must not keep others from reading the rest.
            Err(trouble) if limit > SMALL_PAGE && is_too_long(&trouble) => {
                limit = SMALL_PAGE;
                continue;
            }
            page => page?,
        };
        if reading.revision.0 == 0 {
            reading.revision = Revision(page.header.as_ref().map_or(0, |header| header.revision));
        }
        let last = page.kvs.last().map(|kv| kv.key.clone());
        reading.entries.extend(page.kvs.into_iter().map(|kv| {
            let (written, created) = (Revision(kv.mod_revision), Revision(kv.create_revision));
            (kv.key, Entry { value: kv.value, written, created })
        }));
        match last {
            Some(last) if page.more => {
                // The next key in order.
                let mut next = last.to_vec();
                next.push(0);
                key = next.into();
                if range_end.is_empty() {
                    range_end = key.clone();
                }
            }
            _ => return Ok(reading),
        }
    }
}

/// Whether an answer was longer than this side takes: gRPC's library has no other word for it.
fn is_too_long(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Refused(why) if why.contains("message length too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_is_known_and_no_other_refusal_is_taken_for_one() {
        let too_long = "Error, decoded message length too large: found 2 bytes, the limit is: 1 bytes";
        assert!(is_too_long(&tonic::Status::out_of_range(too_long).into()));
        for other in ["etcdserver: mvcc: required revision has been compacted", ""] {
            assert!(!is_too_long(&tonic::Status::out_of_range(other).into()), "{other}");
        }
        assert!(!is_too_long(&tonic::Status::unavailable(too_long).into()));
    }
}

//! Every version that is kept, in the order of revisions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::id::{Mark, Revision};
use super::record::Record;

/// How many versions a segment holds: few enough that copying one, because a snapshot holds it, is nothing (24 KB).
const SEGMENT: usize = 1024;
/// What a slot and the counts of a record's owners take, beside the record.
const SLOT_BYTES: usize = size_of::<Slot>() + 2 * size_of::<usize>();

/// The versions, in the order of revisions. A clone is a snapshot: it shares all segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    segments: VecDeque<Arc<Segment>>,
    bytes: usize,
    versions: usize,
}

#[derive(Clone, Debug)]
struct Segment {
    /// The revision of its first version; slots tell theirs from it.
    base: i64,
    slots: Vec<Slot>,
    live: usize,
}

#[derive(Clone, Debug)]
struct Slot {
    above_base: u32,
    sub: u32,
    /// `None`: compacted.
    record: Option<Record>,
}

impl Log {
    /// Adds the newest version.
    pub(super) fn append(&mut self, mark: Mark, record: Record) {
        self.bytes += record.size() + SLOT_BYTES;
        self.versions += 1;
        let fits = |segment: &&mut Arc<Segment>| {
            segment.slots.len() < SEGMENT && u32::try_from(mark.main.0 - segment.base).is_ok()
        };
        if let Some(tail) = self.segments.back_mut().filter(fits) {
            let tail = Arc::make_mut(tail);
            let above_base = (mark.main.0 - tail.base) as u32;
            tail.slots.push(Slot { above_base, sub: mark.sub, record: Some(record) });
            tail.live += 1;
            return;
        }
        let mut slots = Vec::with_capacity(SEGMENT);
        slots.push(Slot { above_base: 0, sub: mark.sub, record: Some(record) });
        self.segments.push_back(Arc::new(Segment { base: mark.main.0, slots, live: 1 }));
    }

    /// Forgets one version.
    pub(super) fn remove(&mut self, mark: Mark) {
        let after = self.segments.partition_point(|segment| segment.first() <= mark);
        let Some(at) = after.checked_sub(1) else { return };
        let segment = Arc::make_mut(&mut self.segments[at]);
        let Ok(slot) = segment.find(mark) else { return };
        let Some(record) = segment.slots[slot].record.take() else { return };
        self.bytes -= record.size() + SLOT_BYTES;
        self.versions -= 1;
        segment.live -= 1;
        if segment.live == 0 {
            self.segments.remove(at);
        } else if segment.live < segment.slots.len() / 2 {
            segment.slots.retain(|slot| slot.record.is_some());
            segment.slots.shrink_to_fit();
        }
    }

    /// From a place on.
    pub(super) fn from(&self, mark: Mark) -> impl Iterator<Item = (Mark, &Record)> {
        let first = self.segments.partition_point(|segment| segment.first() <= mark).saturating_sub(1);
        self.segments.range(first..).flat_map(move |segment| {
            let slot = segment.find(mark).unwrap_or_else(|next| next);
            segment.slots[slot..]
                .iter()
                .filter_map(|slot| slot.record.as_ref().map(|record| (segment.mark(slot), record)))
        })
    }

    /// What all versions take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there are.
    pub(super) fn versions(&self) -> usize {
        self.versions
    }

    /// What is taken by slots whose version has gone, or that are not yet used.
    pub(super) fn spare_bytes(&self) -> usize {
        let slots: usize = self.segments.iter().map(|segment| segment.slots.capacity() - segment.live).sum();
        slots * size_of::<Slot>()
    }
}

impl Segment {
    fn mark(&self, slot: &Slot) -> Mark {
        Mark { main: Revision(self.base + i64::from(slot.above_base)), sub: slot.sub }
    }

    fn first(&self) -> Mark {
        self.slots.first().map_or(Mark::default(), |slot| self.mark(slot))
    }

    fn find(&self, mark: Mark) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&mark, |slot| self.mark(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: i64) -> Log {
        let mut log = Log::default();
        let mut scratch = Vec::new();
        for main in 1..=count {
            let mark = Mark { main: Revision(main), sub: 0 };
            log.append(mark, Record::tombstone(&mut scratch, b"k", mark));
        }
        log
    }

    fn mains(log: &Log, from: i64) -> Vec<i64> {
        log.from(Mark { main: Revision(from), sub: 0 }).map(|(mark, _)| mark.main.0).collect()
    }

    #[test]
    fn it_is_read_from_any_revision() {
        let log = filled(3000);
        assert_eq!(mains(&log, 1).len(), 3000);
        assert_eq!(mains(&log, 0).len(), 3000);
        assert_eq!(mains(&log, 1025)[0], 1025);
        assert_eq!(mains(&log, 2999), [2999, 3000]);
        assert!(mains(&log, 3001).is_empty());
    }

    #[test]
    fn what_is_removed_is_gone_and_a_clone_keeps_it() {
        let mut log = filled(3000);
        let before = log.clone();
        for main in 1..=3000 {
            if main % 7 != 0 {
                log.remove(Mark { main: Revision(main), sub: 0 });
            }
        }
        assert_eq!(mains(&log, 1), (1..=3000).filter(|main| main % 7 == 0).collect::<Vec<_>>());
        assert_eq!(mains(&log, 1400)[0], 1400);
        assert_eq!(mains(&log, 1401)[0], 1407);
        assert_eq!(before.versions(), 3000);
        assert_eq!(mains(&before, 1).len(), 3000);
        for main in 1..=3000 {
            log.remove(Mark { main: Revision(main), sub: 0 });
        }
        assert_eq!((log.versions(), log.bytes(), log.segments.len()), (0, 0, 0));
    }
}

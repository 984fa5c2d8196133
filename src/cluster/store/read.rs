//! Ranges and comparisons.

use std::cmp::Ordering;

use super::Store;
use super::error::StoreError;
use super::id::{LeaseId, Revision};
use super::key::KeyRange;
use super::record::{Content, Record};
use super::reply::RangeReply;
use super::request::{Compare, Filter, Operand, Range, Sort, SortBy, Test, Wanted};

impl Store {
    /// Reads keys, now or at a revision that is still kept. Whether the caller may is asked before.
    pub fn range(&self, range: &Range) -> Result<RangeReply, StoreError> {
        self.check_revision(range.revision)?;
        Ok(self.read(range))
    }

    /// Refuses a revision that is no longer or not yet kept.
    pub fn check_revision(&self, revision: Option<Revision>) -> Result<(), StoreError> {
        match revision {
            Some(revision) if revision > self.revision => Err(StoreError::FutureRevision),
            Some(revision) if revision < self.compacted => Err(StoreError::Compacted),
            _ => Ok(()),
        }
    }

    /// Reads keys at a revision that was checked.
    pub(super) fn read(&self, range: &Range) -> RangeReply {
        let at = range.revision.filter(|revision| *revision > Revision(0)).unwrap_or(self.revision);
        if range.wanted == Wanted::CountOnly {
            return RangeReply { count: self.found(&range.range, at).count(), ..RangeReply::default() };
        }
        let limit = range.limit.unwrap_or(usize::MAX);
        let with_value = range.wanted == Wanted::All;
        let by_key = matches!(range.sort, None | Some(Sort { by: SortBy::Key, descending: false }));
        let mut count = 0;
        if by_key && range.filter == Filter::default() {
            let mut kvs = Vec::new();
            for record in self.found(&range.range, at) {
                count += 1;
                if count <= limit {
                    kvs.push(record.to_kv(with_value));
                }
            }
            return RangeReply { kvs, more: count > limit, count };
        }
        let mut found: Vec<(&Record, Content<'_>)> = self
            .found(&range.range, at)
            .inspect(|_| count += 1)
            .map(|record| (record, record.content()))
            .filter(|(_, content)| range.filter.admits(content))
            .collect();
        if let Some(sort) = range.sort {
            found.truncate(range.sorted.unwrap_or(usize::MAX));
            found.sort_by(|left, right| sort.compare(left, right));
        }
        let more = found.len() > limit;
        found.truncate(limit);
        RangeReply { kvs: found.iter().map(|(record, _)| record.to_kv(with_value)).collect(), more, count }
    }

    /// The keys of a range as they were at a revision.
    pub(super) fn found<'a>(&'a self, range: &'a KeyRange, at: Revision) -> impl Iterator<Item = &'a Record> {
        // A single key is looked up once; a range of it would be looked up twice.
        let (one, many) = match range {
            KeyRange::One(key) => (self.index.get(key), None),
            _ => (None, Some(self.index.range(range))),
        };
        one.into_iter().chain(many.into_iter().flatten()).filter_map(move |versions| versions.at(at))
    }

    /// Whether a comparison holds now.
    pub(super) fn holds(&self, compare: &Compare) -> bool {
        let mut found = self.found(&compare.range, self.revision).peekable();
        if found.peek().is_none() {
            return compare.with.to_missing().is_some_and(|order| compare.test.passes(order));
        }
        found.all(|record| compare.test.passes(compare.with.order(&record.content())))
    }
}

impl Filter {
    fn admits(&self, content: &Content<'_>) -> bool {
        let (modified, created) = (content.mark.main.0, content.created.0);
        let within = |least: i64, greatest: i64, value: i64| {
            (least == 0 || value >= least) && (greatest == 0 || value <= greatest)
        };
        within(self.min_modified, self.max_modified, modified)
            && within(self.min_created, self.max_created, created)
    }
}

impl Sort {
    fn compare(self, left: &(&Record, Content<'_>), right: &(&Record, Content<'_>)) -> Ordering {
        let order = match self.by {
            SortBy::Key => left.0.key().cmp(right.0.key()),
            SortBy::Version => left.1.version.cmp(&right.1.version),
            SortBy::Created => left.1.created.cmp(&right.1.created),
            SortBy::Modified => left.1.mark.main.cmp(&right.1.mark.main),
            SortBy::Value => left.1.value.cmp(right.1.value),
        };
        if self.descending { order.reverse() } else { order }
    }
}

impl Operand {
    /// How a key stands to it.
    fn order(&self, content: &Content<'_>) -> Ordering {
        match self {
            Self::Version(version) => content.version.cmp(version),
            Self::Created(revision) => content.created.0.cmp(revision),
            Self::Modified(revision) => content.mark.main.0.cmp(revision),
            Self::Value(value) => content.value.cmp(value),
            Self::Lease(lease) => content.lease.cmp(lease),
            Self::Unknown => Ordering::Equal,
        }
    }

    /// How a missing key stands to it; `None`: not at all.
    fn to_missing(&self) -> Option<Ordering> {
        let zeros = Content {
            mark: super::id::Mark::default(),
            created: Revision(0),
            version: 0,
            lease: LeaseId(0),
            value: &[],
        };
        if matches!(self, Self::Value(_)) { None } else { Some(self.order(&zeros)) }
    }
}

impl Test {
    fn passes(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Greater => order.is_gt(),
            Self::Less => order.is_lt(),
            Self::NotEqual => order.is_ne(),
            Self::Any => true,
        }
    }
}

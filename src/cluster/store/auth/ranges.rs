//! A set of keys, as the ranges that make it up.

use bytes::Bytes;

use crate::cluster::store::key::KeyRange;

/// A set of keys: ranges that neither meet nor overlap, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Stretch>);

/// From a key up to, not including, an end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    start: Bytes,
    end: End,
}

/// Where a stretch ends. The order of the variants is that of the ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Before(Bytes),
    Never,
}

impl End {
    /// Whether a key that starts at `key` begins before this end, or right at it.
    fn reaches(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => &**end >= key,
            Self::Never => true,
        }
    }
}

/// The least key greater than this one.
fn next(key: &[u8]) -> Bytes {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next.into()
}

fn end_of(range: &KeyRange) -> End {
    match range {
        KeyRange::One(key) => End::Before(next(key)),
        KeyRange::From(_) => End::Never,
        KeyRange::Span(_, end) => End::Before(end.clone()),
    }
}

impl Ranges {
    /// The union of ranges.
    pub(super) fn union<'a>(ranges: impl IntoIterator<Item = &'a KeyRange>) -> Self {
        let mut stretches: Vec<Stretch> = ranges
            .into_iter()
            .filter(|range| !range.is_empty())
            .map(|range| Stretch { start: range.start().clone(), end: end_of(range) })
            .collect();
        stretches.sort_by(|a, b| a.start.cmp(&b.start));
        let mut merged: Vec<Stretch> = Vec::new();
        for stretch in stretches {
            match merged.last_mut() {
                Some(last) if last.end.reaches(&stretch.start) => {
                    if stretch.end > last.end {
                        last.end = stretch.end;
                    }
                }
                _ => merged.push(stretch),
            }
        }
        Self(merged)
    }

    /// Whether every key of a range is in the set. Of a range that holds nothing, its start must be.
    pub(super) fn cover(&self, range: &KeyRange) -> bool {
        let start = range.start();
        let after = self.0.partition_point(|stretch| stretch.start <= *start);
        let Some(stretch) = after.checked_sub(1).and_then(|at| self.0.get(at)) else {
            return false;
        };
        if range.is_empty() {
            return match &stretch.end {
                End::Before(end) => end > start,
                End::Never => true,
            };
        }
        stretch.end >= end_of(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &'static str) -> KeyRange {
        KeyRange::One(key.into())
    }

    fn span(start: &'static str, end: &'static str) -> KeyRange {
        KeyRange::Span(start.into(), end.into())
    }

    fn from(start: &'static str) -> KeyRange {
        KeyRange::From(start.into())
    }

    #[test]
    fn ranges_that_touch_cover_what_lies_across_them() {
        let set = Ranges::union(&[span("c", "m"), span("a", "c")]);
        assert!(set.cover(&span("b", "d")));
        assert!(set.cover(&span("a", "m")));
        assert!(!set.cover(&span("a", "n")));
    }

    #[test]
    fn a_gap_of_one_key_is_a_gap() {
        let set = Ranges::union(&[span("a", "c"), span("c\0", "m")]);
        assert!(!set.cover(&span("a", "m")));
        assert!(!set.cover(&one("c")));
        assert!(set.cover(&one("c\0")));
    }

    #[test]
    fn single_keys_that_follow_one_another_make_a_range() {
        let set = Ranges::union(&[one("x"), one("x\0")]);
        assert!(set.cover(&span("x", "x\0\0")));
        assert!(!set.cover(&span("x", "y")));
    }

    #[test]
    fn what_has_no_end_is_covered_only_by_what_has_none() {
        let set = Ranges::union(&[from("b"), span("a", "c")]);
        assert!(set.cover(&from("a")));
        assert!(set.cover(&span("a", "zzz")));
        assert!(!Ranges::union(&[span("a", "z")]).cover(&from("b")));
    }

    #[test]
    fn a_range_within_another_does_not_shorten_it() {
        assert!(Ranges::union(&[span("a", "z"), span("b", "c")]).cover(&span("a", "y")));
    }

    #[test]
    fn a_range_that_holds_nothing_is_covered_where_it_starts() {
        let set = Ranges::union(&[span("a", "m")]);
        assert!(set.cover(&span("d", "b")));
        assert!(set.cover(&span("d", "d")));
        assert!(!set.cover(&span("m", "a")));
        assert!(!set.cover(&span("q", "q")));
    }

    #[test]
    fn every_cover_is_what_key_by_key_comparison_says() {
        // Keys of one letter or none, so that a range's keys can be listed.
        let letters: Vec<String> = ('a'..='h').map(String::from).collect();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let mut pick = || letters[random.usize(..letters.len())].clone();
            let held: Vec<KeyRange> = (0..3).map(|_| KeyRange::Span(pick().into(), pick().into())).collect();
            let asked = KeyRange::Span(pick().into(), pick().into());
            if asked.is_empty() {
                continue;
            }
            let by_key = letters
                .iter()
                .filter(|key| asked.contains(key.as_bytes()))
                .all(|key| held.iter().any(|range| range.contains(key.as_bytes())));
            assert_eq!(Ranges::union(&held).cover(&asked), by_key, "{held:?} {asked:?}");
        }
    }
}

//! Which of many ranges hold a key: a treap of intervals in which each node knows the greatest end below it.

use std::cmp::Ordering;

use bytes::Bytes;

use super::super::key::KeyRange;

/// Where an interval ends. The order of the variants is that of the ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Before(Bytes),
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Interval {
    start: Bytes,
    end: End,
}

/// Numbers by interval.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    root: Tree,
    /// How many were ever inserted: the source of ranks, which only have to look random.
    inserted: u64,
}

type Tree = Option<Box<Node>>;

#[derive(Debug)]
struct Node {
    interval: Interval,
    number: u32,
    greatest_end: End,
    /// Parents have greater ranks than their children.
    rank: u64,
    left: Tree,
    right: Tree,
}

impl Intervals {
    /// The number of exactly this range.
    pub(super) fn get(&self, range: &KeyRange) -> Option<u32> {
        let interval = Interval::of(range);
        let mut at = self.root.as_deref();
        while let Some(node) = at {
            at = match interval.cmp(&node.interval) {
                Ordering::Less => node.left.as_deref(),
                Ordering::Greater => node.right.as_deref(),
                Ordering::Equal => return Some(node.number),
            };
        }
        None
    }

    /// Gives a number to a range that has none.
    pub(super) fn insert(&mut self, range: &KeyRange, number: u32) {
        self.inserted += 1;
        let interval = Interval::of(range);
        let node = Box::new(Node {
            greatest_end: interval.end.clone(),
            interval,
            number,
            rank: scatter(self.inserted),
            left: None,
            right: None,
        });
        let (left, right) = split(self.root.take(), &node.interval);
        self.root = join(join(left, Some(node)), right);
    }

    /// Forgets a range.
    pub(super) fn remove(&mut self, range: &KeyRange) {
        remove(&mut self.root, &Interval::of(range));
    }

    /// Adds the numbers of all ranges that hold a key.
    pub(super) fn holding(&self, key: &[u8], found: &mut Vec<u32>) {
        holding(&self.root, key, found);
    }
}

impl Interval {
    fn of(range: &KeyRange) -> Self {
        let end = match range {
            KeyRange::Span(_, end) => End::Before(end.clone()),
            KeyRange::One(_) | KeyRange::From(_) => End::Never,
        };
        Self { start: range.start().clone(), end }
    }
}

impl End {
    fn is_after(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => &**end > key,
            Self::Never => true,
        }
    }
}

impl Node {
    fn renew(&mut self) {
        let below = [&self.left, &self.right].into_iter().flatten().map(|node| &node.greatest_end);
        self.greatest_end = below.chain([&self.interval.end]).max().cloned().unwrap_or(End::Never);
    }
}

/// What is less than `at`, and the rest.
fn split(tree: Tree, at: &Interval) -> (Tree, Tree) {
    let Some(mut node) = tree else { return (None, None) };
    if node.interval < *at {
        let (less, rest) = split(node.right.take(), at);
        node.right = less;
        node.renew();
        (Some(node), rest)
    } else {
        let (less, rest) = split(node.left.take(), at);
        node.left = rest;
        node.renew();
        (less, Some(node))
    }
}

/// Both, where all of `left` is less than all of `right`.
fn join(left: Tree, right: Tree) -> Tree {
    match (left, right) {
        (None, tree) | (tree, None) => tree,
        (Some(mut left), Some(mut right)) => {
            if left.rank > right.rank {
                left.right = join(left.right.take(), Some(right));
                left.renew();
                Some(left)
            } else {
                right.left = join(Some(left), right.left.take());
                right.renew();
                Some(right)
            }
        }
    }
}

fn remove(tree: &mut Tree, interval: &Interval) {
    let Some(node) = tree else { return };
    match interval.cmp(&node.interval) {
        Ordering::Less => remove(&mut node.left, interval),
        Ordering::Greater => remove(&mut node.right, interval),
        Ordering::Equal => {
            let both = join(node.left.take(), node.right.take());
            *tree = both;
            return;
        }
    }
    node.renew();
}

fn holding(tree: &Tree, key: &[u8], found: &mut Vec<u32>) {
    let Some(node) = tree else { return };
    if !node.greatest_end.is_after(key) {
        return;
    }
    holding(&node.left, key, found);
    if &*node.interval.start <= key {
        if node.interval.end.is_after(key) {
            found.push(node.number);
        }
        holding(&node.right, key, found);
    }
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(tree: &Tree) -> usize {
        tree.as_ref().map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    #[test]
    fn it_finds_what_looking_at_each_finds() {
        let rng = &mut fastrand::Rng::with_seed(5);
        let mut tree = Intervals::default();
        let mut plain: Vec<(KeyRange, u32)> = Vec::new();
        let key = |rng: &mut fastrand::Rng| {
            Bytes::from((0..rng.usize(1..3)).map(|_| rng.u8(b'a'..=b'h')).collect::<Vec<_>>())
        };
        for number in 0..4000 {
            let start = key(rng);
            let range =
                if rng.u32(..5) == 0 { KeyRange::From(start) } else { KeyRange::Span(start, key(rng)) };
            if rng.bool() && !plain.is_empty() {
                let (gone, _) = plain.swap_remove(rng.usize(..plain.len()));
                tree.remove(&gone);
                assert_eq!(tree.get(&gone), None);
            } else if !range.is_empty() && tree.get(&range).is_none() {
                tree.insert(&range, number);
                plain.push((range, number));
            }
            let probe = key(rng);
            let mut found = Vec::new();
            tree.holding(&probe, &mut found);
            found.sort_unstable();
            let mut expected: Vec<u32> =
                plain.iter().filter(|(range, _)| range.contains(&probe)).map(|(_, number)| *number).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn it_stays_shallow_when_ranges_come_in_order() {
        let mut tree = Intervals::default();
        for number in 0..10_000_u32 {
            tree.insert(&KeyRange::From(Bytes::copy_from_slice(&number.to_be_bytes())), number);
        }
        assert!(depth(&tree.root) < 60, "{}", depth(&tree.root));
    }
}

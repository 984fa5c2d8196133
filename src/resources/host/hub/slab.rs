//! Storage for what refers to one another by number: freed places are used again.

use std::marker::PhantomData;

/// A number that names a place.
pub(super) trait Key: Copy {
    /// The key of a place.
    fn from_index(index: u32) -> Self;
    /// The place of a key.
    fn index(self) -> usize;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) struct $name(u32);

        impl crate::resources::host::hub::slab::Key for $name {
            fn from_index(index: u32) -> Self {
                Self(index)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
pub(super) use key;

/// The places.
#[derive(Debug)]
pub(super) struct Slab<K, T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
    key: PhantomData<K>,
}

impl<K: Key, T> Slab<K, T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), key: PhantomData }
    }

    pub(super) fn insert(&mut self, value: T) -> K {
        if let Some(index) = self.free.pop() {
            self.places[index as usize] = Some(value);
            return K::from_index(index);
        }
        let index =
            u32::try_from(self.places.len()).expect("four thousand million watches do not fit into memory");
        self.places.push(Some(value));
        K::from_index(index)
    }

    pub(super) fn get(&self, key: K) -> Option<&T> {
        self.places.get(key.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        self.places.get_mut(key.index())?.as_mut()
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let value = self.places.get_mut(key.index())?.take()?;
        self.free.push(key.index() as u32);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = K> + '_ {
        (0_u32..)
            .zip(&self.places)
            .filter(|(_, place)| place.is_some())
            .map(|(index, _)| K::from_index(index))
    }
}

/// A set of mostly no or one element: most names have one subscriber, most watches one directory.
#[derive(Clone, Debug)]
pub(super) enum Few<K> {
    /// No or one element.
    One(Option<K>),
    /// More, or once more.
    Many(Vec<K>),
}

impl<K> Default for Few<K> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<K: Copy + PartialEq> Few<K> {
    pub(super) fn as_slice(&self) -> &[K] {
        match self {
            Self::One(one) => one.as_slice(),
            Self::Many(many) => many,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Adds an element, unless it is there.
    pub(super) fn insert(&mut self, key: K) {
        match self {
            Self::One(one @ None) => *one = Some(key),
            Self::One(Some(one)) if *one == key => {}
            Self::One(Some(one)) => *self = Self::Many(vec![*one, key]),
            Self::Many(many) => {
                // A freshly added one can only be at the end, which keeps this cheap for thousands of subscribers.
                if many.last() != Some(&key) && !many.contains(&key) {
                    many.push(key);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, key: K) {
        match self {
            Self::One(one) if *one == Some(key) => *one = None,
            Self::One(_) => {}
            Self::Many(many) => {
                if let Some(place) = many.iter().position(|other| *other == key) {
                    many.swap_remove(place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    key!(
        /// A test's key.
        TestKey
    );

    #[test]
    fn a_freed_place_is_used_again() {
        let mut slab: Slab<TestKey, &str> = Slab::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (None, Some(&"b"), 1));
        assert_eq!(slab.insert("c"), a);
        assert_eq!(slab.keys().count(), 2);
    }

    #[test]
    fn a_few_are_a_set() {
        let mut few = Few::default();
        for key in [1, 1, 2, 1, 3] {
            few.insert(key);
        }
        assert_eq!(few.as_slice(), [1, 2, 3]);
        for key in [1, 7, 2, 3] {
            few.remove(key);
        }
        assert!(few.is_empty());
    }
}

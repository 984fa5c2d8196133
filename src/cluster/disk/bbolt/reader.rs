//! Reads a database file, page after page; trusts none of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use super::error::ReadError;
use super::layout::{
    BUCKET_FLAG, BUCKET_HEADER, ELEMENT, Meta, PAGE_BYTES, PAGE_HEADER, PageHeader, flags, u32_at, u64_at,
};

/// A page with its overflow is not larger, in bytes: far above what etcd takes as one value.
const LARGEST_RUN: u64 = 512 << 20;

/// No tree is deeper: with two children a branch it would hold more pages than a file can.
const DEEPEST: usize = 64;

/// Where pages come from.
pub trait Pages {
    /// How many bytes there are.
    ///
    /// # Errors
    /// When that cannot be told.
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` with what begins at `offset`.
    ///
    /// # Errors
    /// When there is less, or it cannot be read.
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Pages for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }
}

impl Pages for &[u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let from = from.and_then(|from| from.get(..bytes.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    }
}

/// A database file that is read. Memory: the pages from the root to a leaf, and a bit a page.
#[derive(Debug)]
pub struct Reader<P> {
    pages: P,
    meta: Meta,
}

impl<P: Pages> Reader<P> {
    /// Reads the newer of the two metas that is whole. What is behind the last page (a snapshot's checksum) does not matter.
    ///
    /// # Errors
    /// When neither is, or it tells of pages that are not there.
    pub fn open(pages: P) -> Result<Self, ReadError> {
        let length = pages.length().map_err(|source| ReadError::Read { page: 0, source })?;
        let first = meta_at(&pages, 0, length)?;
        // The second stands where the first says; without a first, at the sizes that there are.
        let sizes = first.map_or_else(
            || (10..=16).map(|power| 1_u64 << power).collect(),
            |meta| vec![meta.page_bytes.into()],
        );
        let mut metas: Vec<Meta> = first.into_iter().collect();
        for size in sizes {
            metas.extend(meta_at(&pages, size, length)?.filter(|meta| u64::from(meta.page_bytes) == size));
        }
        let newest = metas.into_iter().max_by_key(|meta| meta.transaction);
        let meta = newest.ok_or(ReadError::NoDatabase("neither of its metas is whole"))?;
        let page_bytes = u64::from(meta.page_bytes);
        if !page_bytes.is_power_of_two() || !(1024..=65536).contains(&page_bytes) {
            return Err(ReadError::NoDatabase("its page size is none"));
        }
        if meta.pages.checked_mul(page_bytes).is_none_or(|end| end > length) {
            return Err(ReadError::NoDatabase("it is shorter than its meta says"));
        }
        Ok(Self { pages, meta })
    }

    /// The names of the buckets, in order.
    ///
    /// # Errors
    /// When the file is malformed or cannot be read.
    pub fn buckets(&self) -> Result<Vec<Bytes>, ReadError> {
        let mut names = Vec::new();
        for bucket in Walk::from_page(self, self.meta.root)? {
            names.push(bucket?.key);
        }
        Ok(names)
    }

    /// The entries of a bucket, in the order of their keys. Each page is visited once.
    ///
    /// # Errors
    /// When there is no such bucket, the file is malformed or cannot be read.
    pub fn entries(&self, bucket: &[u8]) -> Result<Entries<'_, P>, ReadError> {
        for found in Walk::from_page(self, self.meta.root)? {
            let found = found?;
            if found.key != bucket {
                continue;
            }
            let page = found.page;
            let malformed = |reason| ReadError::Page { page, reason };
            if found.flags & BUCKET_FLAG == 0 {
                return Err(malformed("an entry of the root that is no bucket"));
            }
            let root = u64_at(&found.value, 0).ok_or(malformed("a bucket without its root"))?;
            if root != 0 {
                return Ok(Entries(Walk::from_page(self, root)?));
            }
            let inline = found.value.get(BUCKET_HEADER..).ok_or(malformed("a bucket without its page"))?;
            return Ok(Entries(Walk::inline(self, page, inline.to_vec())?));
        }
        Err(ReadError::NoBucket { name: Bytes::copy_from_slice(bucket) })
    }

    /// Reads a page with its overflow.
    fn page(&self, id: u64) -> Result<Node, ReadError> {
        let malformed = |reason| ReadError::Page { page: id, reason };
        let page_bytes = self.meta.page_bytes as usize;
        if id < 2 || id >= self.meta.pages {
            return Err(malformed("there is no such page"));
        }
        let failed = |source| ReadError::Read { page: id, source };
        let mut bytes = vec![0; page_bytes];
        self.pages.read(&mut bytes, id * page_bytes as u64).map_err(failed)?;
        let header = PageHeader::parse(&bytes).ok_or(malformed("it has no header"))?;
        if header.id != id {
            return Err(malformed("it says that it is another"));
        }
        let run = u64::from(header.overflow) + 1;
        if run > self.meta.pages - id || run * page_bytes as u64 > LARGEST_RUN {
            return Err(malformed("it overflows the file"));
        }
        if run > 1 {
            bytes.resize(run as usize * page_bytes, 0);
            let at = (id + 1) * page_bytes as u64;
            self.pages.read(&mut bytes[page_bytes..], at).map_err(failed)?;
        }
        Node::new(id, bytes)
    }
}

/// The meta of the page at that offset, if it is whole.
fn meta_at(pages: &impl Pages, offset: u64, length: u64) -> Result<Option<Meta>, ReadError> {
    let mut bytes = [0; PAGE_HEADER + super::layout::META];
    if offset + bytes.len() as u64 > length {
        return Ok(None);
    }
    let page = offset / PAGE_BYTES as u64;
    pages.read(&mut bytes, offset).map_err(|source| ReadError::Read { page, source })?;
    let is_meta = PageHeader::parse(&bytes).is_some_and(|header| header.flags & flags::META != 0);
    Ok(Meta::parse(&bytes[PAGE_HEADER..]).filter(|_| is_meta))
}

/// A page of a tree, and how far it is read.
#[derive(Debug)]
struct Node {
    id: u64,
    bytes: Vec<u8>,
    is_leaf: bool,
    count: u16,
    next: u16,
}

/// What an element leads to.
enum Element {
    Child(u64),
    Entry(Entry),
}

/// An entry as it is in its leaf.
#[derive(Debug)]
struct Entry {
    page: u64,
    flags: u32,
    key: Bytes,
    value: Bytes,
}

impl Node {
    fn new(id: u64, bytes: Vec<u8>) -> Result<Self, ReadError> {
        let malformed = |reason| ReadError::Page { page: id, reason };
        let header = PageHeader::parse(&bytes).ok_or(malformed("it has no header"))?;
        let is_leaf = match header.flags {
            flags::LEAF => true,
            flags::BRANCH => false,
            _ => return Err(malformed("it is neither branch nor leaf")),
        };
        if PAGE_HEADER + usize::from(header.count) * ELEMENT > bytes.len() {
            return Err(malformed("it has more elements than room"));
        }
        if !is_leaf && header.count == 0 {
            return Err(malformed("a branch without children"));
        }
        Ok(Self { id, bytes, is_leaf, count: header.count, next: 0 })
    }

    /// The next element; none behind the last.
    fn step(&mut self) -> Option<Result<Element, ReadError>> {
        if self.next == self.count {
            return None;
        }
        let at = PAGE_HEADER + usize::from(self.next) * ELEMENT;
        self.next += 1;
        let element = if self.is_leaf { self.entry(at) } else { self.child(at) };
        let page = self.id;
        Some(element.ok_or(ReadError::Page { page, reason: "an element reaches past its end" }))
    }

    fn child(&self, at: usize) -> Option<Element> {
        u64_at(&self.bytes, at + 8).map(Element::Child)
    }

    fn entry(&self, at: usize) -> Option<Element> {
        let [flags, position, key, value] = [0, 4, 8, 12].map(|field| u32_at(&self.bytes, at + field));
        let data = self.bytes.get(at.checked_add(position? as usize)?..)?;
        let (key, rest) = data.split_at_checked(key? as usize)?;
        let value = rest.get(..value? as usize)?;
        // Copied: a view would keep the whole page in memory.
        let [key, value] = [key, value].map(Bytes::copy_from_slice);
        Some(Element::Entry(Entry { page: self.id, flags: flags?, key, value }))
    }
}

/// A walk over one tree, from left to right.
#[derive(Debug)]
struct Walk<'a, P> {
    reader: &'a Reader<P>,
    stack: Vec<Node>,
    /// A bit a page: a page that comes up twice makes the tree a cycle, or no tree.
    visited: Vec<u64>,
    last_key: Bytes,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Walking,
    /// At the end, or after an error.
    Ended,
}

impl<'a, P: Pages> Walk<'a, P> {
    fn new(reader: &'a Reader<P>) -> Self {
        Self { reader, stack: Vec::new(), visited: Vec::new(), last_key: Bytes::new(), state: State::Walking }
    }

    fn from_page(reader: &'a Reader<P>, root: u64) -> Result<Self, ReadError> {
        let mut walk = Self::new(reader);
        walk.enter(root)?;
        Ok(walk)
    }

    /// The page is the value of an entry of page `id`.
    fn inline(reader: &'a Reader<P>, id: u64, page: Vec<u8>) -> Result<Self, ReadError> {
        let node = Node::new(id, page)?;
        if !node.is_leaf {
            return Err(ReadError::Page { page: id, reason: "an inline bucket that is no leaf" });
        }
        let mut walk = Self::new(reader);
        walk.stack.push(node);
        Ok(walk)
    }

    fn enter(&mut self, page: u64) -> Result<(), ReadError> {
        if self.stack.len() == DEEPEST {
            return Err(ReadError::Page { page, reason: "it is too deep" });
        }
        let node = self.reader.page(page)?;
        let (word, bit) = ((page / 64) as usize, 1 << (page % 64));
        if self.visited.len() <= word {
            self.visited.resize(word + 1, 0);
        }
        if self.visited[word] & bit != 0 {
            return Err(ReadError::Page { page, reason: "it has two parents" });
        }
        self.visited[word] |= bit;
        self.stack.push(node);
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Entry>, ReadError> {
        while let Some(node) = self.stack.last_mut() {
            match node.step().transpose()? {
                None => {
                    self.stack.pop();
                }
                Some(Element::Child(page)) => self.enter(page)?,
                Some(Element::Entry(entry)) => {
                    // No key is empty, so the first is above none.
                    if entry.key <= self.last_key {
                        return Err(ReadError::Page {
                            page: entry.page,
                            reason: "its keys are not in order",
                        });
                    }
                    self.last_key.clone_from(&entry.key);
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }
}

impl<P: Pages> Iterator for Walk<'_, P> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let step = self.step().transpose();
        if !matches!(step, Some(Ok(_))) {
            self.state = State::Ended;
        }
        step
    }
}

/// The entries of a bucket. Ends after an error.
#[derive(Debug)]
pub struct Entries<'a, P>(Walk<'a, P>);

impl<P: Pages> Iterator for Entries<'_, P> {
    type Item = Result<(Bytes, Bytes), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.next()?;
        Some(entry.and_then(|entry| {
            if entry.flags & BUCKET_FLAG != 0 {
                self.0.state = State::Ended;
                return Err(ReadError::Page {
                    page: entry.page,
                    reason: "a bucket within a bucket: etcd has none",
                });
            }
            Ok((entry.key, entry.value))
        }))
    }
}

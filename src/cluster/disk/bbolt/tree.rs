//! One bucket's tree, built from entries in order: pages are handed on as they fill, branches above them likewise.

use std::io::{self, Write};

use super::layout::{ELEMENT, PAGE_BYTES, PAGE_HEADER, PageHeader, flags};

/// Hands out page numbers, and writes the pages in that order.
#[derive(Debug)]
pub(super) struct PageSink<W> {
    pub(super) file: W,
    pub(super) next: u64,
}

impl<W: Write> PageSink<W> {
    /// Writes a page, with overflow as it needs, and says which number it got.
    pub(super) fn page(&mut self, flags: u16, count: u16, parts: [&[u8]; 2]) -> io::Result<u64> {
        let length = PAGE_HEADER + parts[0].len() + parts[1].len();
        let run = length.div_ceil(PAGE_BYTES);
        let overflow = u32::try_from(run - 1).map_err(|_| io::ErrorKind::InvalidInput)?;
        let id = self.next;
        self.file.write_all(&PageHeader { id, flags, count, overflow }.to_bytes())?;
        self.file.write_all(parts[0])?;
        self.file.write_all(parts[1])?;
        self.file.write_all(&[0; PAGE_BYTES][..run * PAGE_BYTES - length])?;
        self.next += run as u64;
        Ok(id)
    }
}

/// What an element says beside its key.
#[derive(Clone, Copy, Debug)]
enum Payload {
    Value { flags: u32, length: u32 },
    Child(u64),
}

/// A page that is being filled.
#[derive(Debug, Default)]
struct Filling {
    elements: Vec<(u32, Payload)>,
    /// Keys and values, one behind the other.
    data: Vec<u8>,
    first_key: Vec<u8>,
}

impl Filling {
    fn has_room(&self, bytes: usize) -> bool {
        let used = PAGE_HEADER + self.elements.len() * ELEMENT + self.data.len();
        used + ELEMENT + bytes <= PAGE_BYTES
    }

    fn push(&mut self, key: &[u8], payload: Payload, value: &[u8]) {
        if self.elements.is_empty() {
            self.first_key.clear();
            self.first_key.extend_from_slice(key);
        }
        self.elements.push((key.len() as u32, payload));
        self.data.extend_from_slice(key);
        self.data.extend_from_slice(value);
    }

    /// Writes the page, and empties it.
    fn write<W: Write>(
        &mut self,
        flags: u16,
        scratch: &mut Vec<u8>,
        sink: &mut PageSink<W>,
    ) -> io::Result<u64> {
        scratch.clear();
        let mut data_at = self.elements.len() * ELEMENT;
        for (number, (key, payload)) in self.elements.iter().enumerate() {
            let position = (data_at - number * ELEMENT) as u32;
            data_at += *key as usize;
            match payload {
                Payload::Value { flags, length } => {
                    for field in [*flags, position, *key, *length] {
                        scratch.extend_from_slice(&field.to_le_bytes());
                    }
                    data_at += *length as usize;
                }
                Payload::Child(page) => {
                    scratch.extend_from_slice(&position.to_le_bytes());
                    scratch.extend_from_slice(&key.to_le_bytes());
                    scratch.extend_from_slice(&page.to_le_bytes());
                }
            }
        }
        // A page has at most 4096/16 elements: its data must fit, unless there is one only.
        let id = sink.page(flags, self.elements.len() as u16, [scratch, &self.data])?;
        self.elements.clear();
        self.data.clear();
        self.data.shrink_to(16 * PAGE_BYTES);
        Ok(id)
    }
}

/// A tree whose entries come in order. It holds one page a level.
#[derive(Debug, Default)]
pub(super) struct Tree {
    leaf: Filling,
    branches: Vec<Filling>,
    scratch: Vec<u8>,
}

impl Tree {
    /// Adds the next entry. Keys and values are of lengths that bbolt allows.
    pub(super) fn push<W: Write>(
        &mut self,
        key: &[u8],
        element_flags: u32,
        value: &[u8],
        sink: &mut PageSink<W>,
    ) -> io::Result<()> {
        if !self.leaf.elements.is_empty() && !self.leaf.has_room(key.len() + value.len()) {
            self.finish_leaf(sink)?;
        }
        self.leaf.push(key, Payload::Value { flags: element_flags, length: value.len() as u32 }, value);
        Ok(())
    }

    /// Writes what is left, and says which page is the root.
    pub(super) fn finish<W: Write>(mut self, sink: &mut PageSink<W>) -> io::Result<u64> {
        if self.branches.is_empty() {
            return self.leaf.write(flags::LEAF, &mut self.scratch, sink);
        }
        if !self.leaf.elements.is_empty() {
            self.finish_leaf(sink)?;
        }
        let mut level = 0;
        loop {
            let page = self.branches[level].write(flags::BRANCH, &mut self.scratch, sink)?;
            // Above the top there is nothing: a branch that never spilled is the root.
            if level + 1 == self.branches.len() {
                return Ok(page);
            }
            let key = std::mem::take(&mut self.branches[level].first_key);
            self.add_child(level + 1, &key, page, sink)?;
            level += 1;
        }
    }

    fn finish_leaf<W: Write>(&mut self, sink: &mut PageSink<W>) -> io::Result<()> {
        let page = self.leaf.write(flags::LEAF, &mut self.scratch, sink)?;
        let key = std::mem::take(&mut self.leaf.first_key);
        self.add_child(0, &key, page, sink)?;
        self.leaf.first_key = key;
        Ok(())
    }

    /// Adds a page to the branches of a level, which spill to the level above.
    fn add_child<W: Write>(
        &mut self,
        level: usize,
        key: &[u8],
        page: u64,
        sink: &mut PageSink<W>,
    ) -> io::Result<()> {
        if level == self.branches.len() {
            self.branches.push(Filling::default());
        }
        let branch = &mut self.branches[level];
        // Two at least, however long: a branch of one would make towers.
        if branch.elements.len() >= 2 && !branch.has_room(key.len()) {
            let full = branch.write(flags::BRANCH, &mut self.scratch, sink)?;
            let first = std::mem::take(&mut branch.first_key);
            self.add_child(level + 1, &first, full, sink)?;
        }
        self.branches[level].push(key, Payload::Child(page), &[]);
        Ok(())
    }
}

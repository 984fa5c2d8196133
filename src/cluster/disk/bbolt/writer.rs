//! Writes a database file in one pass.

use std::io::{BufWriter, Seek, SeekFrom, Write};

use bytes::Bytes;

use super::error::WriteError;
use super::layout::{
    BUCKET_FLAG, BUCKET_HEADER, LARGEST_KEY, LARGEST_VALUE, Meta, PAGE_BYTES, PAGE_HEADER, PageHeader, flags,
};
use super::tree::{PageSink, Tree};

/// The page of the empty list of free pages.
const FREELIST_PAGE: u64 = 2;

/// What is collected before a write, in bytes.
const BUFFER: usize = 1 << 20;

/// Writes a database file: bucket after bucket in the order of their names, then [`Writer::finish`]. A file that is not
/// finished is no database. Memory: a page a level, and the longest entry.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    sink: PageSink<BufWriter<W>>,
    buckets: Vec<(Bytes, u64)>,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins at the file's start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(file: W) -> Result<Self, WriteError> {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        file.seek(SeekFrom::Start(0))?;
        // Zeros, which are no meta, until all else is there.
        file.write_all(&[0; 2 * PAGE_BYTES])?;
        let mut sink = PageSink { file, next: FREELIST_PAGE };
        sink.page(flags::FREELIST, 0, [&[], &[]])?;
        Ok(Self { sink, buckets: Vec::new() })
    }

    /// Writes a bucket with all its entries, in the order of their keys.
    ///
    /// # Errors
    /// When the order is not kept, a key or value has a length that bbolt does not allow, or the file cannot be written: the
    /// file is of no use then.
    pub fn bucket<K, V>(
        &mut self,
        name: &[u8],
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), WriteError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        check_key(name)?;
        let name = Bytes::copy_from_slice(name);
        if self.buckets.last().is_some_and(|(last, _)| *last >= name) {
            return Err(WriteError::BucketOrder { name });
        }
        let mut tree = Tree::default();
        let mut last = Vec::new();
        for (key, value) in entries {
            let (key, value) = (key.as_ref(), value.as_ref());
            check_key(key)?;
            if value.len() > LARGEST_VALUE {
                return Err(WriteError::Value { length: value.len() });
            }
            // The last key is empty at first, and a key is not.
            if key <= last.as_slice() {
                return Err(WriteError::KeyOrder { key: Bytes::copy_from_slice(key) });
            }
            last.clear();
            last.extend_from_slice(key);
            tree.push(key, 0, value, &mut self.sink)?;
        }
        // An empty bucket lives in its value, as bbolt has it.
        let root = if last.is_empty() { 0 } else { tree.finish(&mut self.sink)? };
        self.buckets.push((name, root));
        Ok(())
    }

    /// Writes what leads to the buckets; the file, written but not synced. Its length is a multiple of [`PAGE_BYTES`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let mut tree = Tree::default();
        for (name, root) in &self.buckets {
            let mut value = [0; BUCKET_HEADER + PAGE_HEADER];
            value[..8].copy_from_slice(&root.to_le_bytes());
            let value = if *root == 0 {
                let empty = PageHeader { id: 0, flags: flags::LEAF, count: 0, overflow: 0 };
                value[BUCKET_HEADER..].copy_from_slice(&empty.to_bytes());
                &value[..]
            } else {
                &value[..BUCKET_HEADER]
            };
            tree.push(name, BUCKET_FLAG, value, &mut self.sink)?;
        }
        let root = tree.finish(&mut self.sink)?;
        let PageSink { mut file, next: pages } = self.sink;
        file.seek(SeekFrom::Start(0))?;
        for id in 0..2 {
            let header = PageHeader { id, flags: flags::META, count: 0, overflow: 0 };
            let page_bytes = PAGE_BYTES as u32;
            let meta = Meta { page_bytes, root, freelist: FREELIST_PAGE, pages, transaction: id };
            let mut page = [0; PAGE_BYTES];
            page[..PAGE_HEADER].copy_from_slice(&header.to_bytes());
            page[PAGE_HEADER..][..super::layout::META].copy_from_slice(&meta.to_bytes());
            file.write_all(&page)?;
        }
        file.into_inner().map_err(|error| WriteError::Write(error.into_error()))
    }
}

fn check_key(key: &[u8]) -> Result<(), WriteError> {
    if (1..=LARGEST_KEY).contains(&key.len()) { Ok(()) } else { Err(WriteError::Key { length: key.len() }) }
}

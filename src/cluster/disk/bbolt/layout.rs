//! The numbers of bbolt's format, version 2: all little-endian.

/// The size of the pages that we write, in bytes: that of every machine bbolt is common on.
pub const PAGE_BYTES: usize = 4096;

/// Bytes of a page before its elements: id u64, flags u16, count u16, overflow u32.
pub(super) const PAGE_HEADER: usize = 16;

/// Bytes of an element: in a leaf flags u32, position u32, key size u32, value size u32; in a branch position u32, key size
/// u32, page u64. Positions count from the element's own beginning.
pub(super) const ELEMENT: usize = 16;

/// Bytes of a bucket's value: root page u64, sequence u64. Root page 0: the bucket's only page follows inline.
pub(super) const BUCKET_HEADER: usize = 16;

/// bbolt's `MaxKeySize`, in bytes.
pub(super) const LARGEST_KEY: usize = 32_768;

/// bbolt's `MaxValueSize`, in bytes.
pub(super) const LARGEST_VALUE: usize = (1 << 31) - 2;

/// The first bytes of a meta.
pub(super) const MAGIC: u32 = 0xED0C_DAED;

/// The format's version.
pub(super) const VERSION: u32 = 2;

/// A leaf's element with this flag is a bucket.
pub(super) const BUCKET_FLAG: u32 = 1;

/// What a page is.
pub(super) mod flags {
    pub(in super::super) const BRANCH: u16 = 0x01;
    pub(in super::super) const LEAF: u16 = 0x02;
    pub(in super::super) const META: u16 = 0x04;
    pub(in super::super) const FREELIST: u16 = 0x10;
}

/// What comes before a page's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) id: u64,
    pub(super) flags: u16,
    pub(super) count: u16,
    /// Pages behind this one that belong to it.
    pub(super) overflow: u32,
}

impl PageHeader {
    pub(super) fn to_bytes(self) -> [u8; PAGE_HEADER] {
        let mut bytes = [0; PAGE_HEADER];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.flags.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.overflow.to_le_bytes());
        bytes
    }

    pub(super) fn parse(page: &[u8]) -> Option<Self> {
        let (bytes, _) = page.split_first_chunk::<PAGE_HEADER>()?;
        let [a, b] = [8, 10].map(|at| u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        Some(Self { id: u64_at(bytes, 0)?, flags: a, count: b, overflow: u32_at(bytes, 12)? })
    }
}

/// The state of a database: where everything begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) page_bytes: u32,
    /// The root bucket's root page.
    pub(super) root: u64,
    pub(super) freelist: u64,
    /// The first page that is not there.
    pub(super) pages: u64,
    pub(super) transaction: u64,
}

/// Bytes of a meta, the checksum among them.
pub(super) const META: usize = 64;

impl Meta {
    pub(super) fn to_bytes(self) -> [u8; META] {
        let mut bytes = [0; META];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.page_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.root.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.freelist.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.pages.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.transaction.to_le_bytes());
        let checksum = fnv1a(&bytes[..56]);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a meta; none when it is not whole.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..META)?;
        let sound = u32_at(bytes, 0)? == MAGIC
            && u32_at(bytes, 4)? == VERSION
            && u64_at(bytes, 56)? == fnv1a(&bytes[..56]);
        sound.then_some(Self {
            page_bytes: u32_at(bytes, 8)?,
            root: u64_at(bytes, 16)?,
            freelist: u64_at(bytes, 32)?,
            pages: u64_at(bytes, 40)?,
            transaction: u64_at(bytes, 48)?,
        })
    }
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The number at that place; none behind the end.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The number at that place; none behind the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_is_read_as_it_is_written_and_not_when_changed() {
        let meta = Meta { page_bytes: 4096, root: 7, freelist: 2, pages: 8, transaction: 1 };
        let bytes = meta.to_bytes();
        assert_eq!(Meta::parse(&bytes), Some(meta));
        for at in 0..META {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(Meta::parse(&changed), None);
        }
    }

    #[test]
    fn the_hash_is_that_of_its_authors_examples() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

//! What is written is read again; what is malformed is an error.

use std::io::Cursor;

use super::*;

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

fn rows(count: u32, value: usize) -> Rows {
    (0..count).map(|number| (format!("{number:08}").into_bytes(), vec![number as u8; value])).collect()
}

fn file(buckets: &[(&str, Rows)]) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new())).unwrap();
    for (name, rows) in buckets {
        writer.bucket(name.as_bytes(), rows.iter().map(|(key, value)| (key, value))).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(bytes: &[u8], bucket: &str) -> Result<Rows, ReadError> {
    let reader = Reader::open(bytes)?;
    reader
        .entries(bucket.as_bytes())?
        .map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
        .collect()
}

#[test]
fn what_is_written_is_read_again() {
    let mut large = rows(3, 100);
    large[1].1 = vec![9; 1 << 20];
    let buckets = [
        ("alarm", rows(0, 0)),
        ("auth", rows(1, 0)),
        ("key", rows(50_000, 100)),
        ("lease", rows(1, 4096)),
        ("meta", large),
        ("page", rows(20, 4096 - 16 - 16 - 8)),
    ];
    let bytes = file(&buckets);
    assert_eq!(bytes.len() % PAGE_BYTES, 0);
    let reader = Reader::open(&bytes[..]).unwrap();
    assert_eq!(reader.buckets().unwrap(), buckets.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, rows) in &buckets {
        assert!(read(&bytes, name).unwrap() == *rows, "{name}");
    }
    assert!(matches!(read(&bytes, "none"), Err(ReadError::NoBucket { .. })));
}

#[test]
fn a_file_without_buckets_is_a_database() {
    let bytes = file(&[]);
    assert!(Reader::open(&bytes[..]).unwrap().buckets().unwrap().is_empty());
}

#[test]
fn long_keys_make_a_deep_tree_that_is_read_too() {
    let rows: Rows = (0..3000_u32)
        .map(|number| ([format!("{number:08}").as_bytes(), &[7; 2500]].concat(), vec![1]))
        .collect();
    let bytes = file(&[("key", rows.clone())]);
    assert!(read(&bytes, "key").unwrap() == rows);
    let longest = vec![(vec![1; 32_768], vec![2]), (vec![2; 32_768], vec![3])];
    assert!(read(&file(&[("key", longest.clone())]), "key").unwrap() == longest);
}

#[test]
fn what_follows_the_last_page_does_not_matter() {
    let mut bytes = file(&[("key", rows(10, 10))]);
    bytes.extend_from_slice(&[7; 32]);
    assert_eq!(read(&bytes, "key").unwrap(), rows(10, 10));
}

#[test]
fn one_whole_meta_is_enough_and_none_is_not() {
    let sound = file(&[("key", rows(10, 10))]);
    for page in 0..2 {
        let mut bytes = sound.clone();
        bytes[page * PAGE_BYTES + 20] ^= 1;
        assert_eq!(read(&bytes, "key").unwrap(), rows(10, 10), "without meta {page}");
    }
    let mut bytes = sound;
    bytes[..2 * PAGE_BYTES].fill(0);
    assert!(matches!(read(&bytes, "key"), Err(ReadError::NoDatabase(_))));
}

#[test]
fn disorder_is_refused() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).unwrap();
    let refused = writer.bucket(b"key", [("b", "1"), ("a", "2")]).unwrap_err();
    assert!(matches!(refused, WriteError::KeyOrder { key } if key == "a"));
    assert!(matches!(writer.bucket(b"key", [("a", "1"), ("a", "2")]), Err(WriteError::KeyOrder { .. })));
    writer.bucket(b"key", [("a", "1")]).unwrap();
    assert!(matches!(writer.bucket(b"auth", [("a", "1")]), Err(WriteError::BucketOrder { .. })));
    assert!(matches!(writer.bucket(b"key", [("a", "1")]), Err(WriteError::BucketOrder { .. })));
    assert!(matches!(writer.bucket(b"lease", [("", "1")]), Err(WriteError::Key { length: 0 })));
    assert!(matches!(writer.bucket(b"lease", [(vec![1; 32_769], "1")]), Err(WriteError::Key { .. })));
}

#[test]
fn a_page_with_two_parents_is_an_error() {
    let mut bytes = file(&[("key", rows(2000, 100))]);
    let branch = (0..bytes.len() / PAGE_BYTES).find(|page| bytes[page * PAGE_BYTES + 8] == 1).unwrap();
    let element = branch * PAGE_BYTES + 16;
    // The branch becomes its own first child.
    bytes[element + 8..element + 16].copy_from_slice(&(branch as u64).to_le_bytes());
    let error = read(&bytes, "key").unwrap_err();
    assert_eq!(error.to_string(), format!("page {branch} is malformed: it has two parents"));
}

#[test]
fn a_shortened_file_is_an_error() {
    let bytes = file(&[("key", rows(2000, 100))]);
    for length in [0, 1, 100, 4096, 8192, bytes.len() - 1] {
        assert!(matches!(read(&bytes[..length], "key"), Err(ReadError::NoDatabase(_))), "{length} bytes");
    }
}

#[test]
fn random_damage_is_an_error_or_harmless_and_never_worse() {
    let mut random = fastrand::Rng::with_seed(4711);
    let mut large = rows(300, 40);
    large[7].1 = vec![9; 20_000];
    let sound = file(&[("auth", rows(0, 0)), ("key", large)]);
    for _ in 0..3000 {
        let mut bytes = sound.clone();
        for _ in 0..random.usize(1..5) {
            // Where pages and elements begin is what counts.
            let page = random.usize(..bytes.len() / PAGE_BYTES) * PAGE_BYTES;
            bytes[page + random.usize(..200)] = random.u8(..);
        }
        for bucket in ["auth", "key"] {
            if let Ok(rows) = read(&bytes, bucket) {
                assert!(rows.is_sorted());
            }
        }
    }
}

//! Keys by their number: 8 to 16 bytes behind a prefix, scattered, never two the same.

use bytes::Bytes;

/// The key of a number below 2^32.
pub fn key(prefix: &str, number: u32) -> Bytes {
    // Odd, so that the product modulo 2^32 is a permutation; near 2^32 over the golden ratio, so that neighbours lie far apart.
    let scattered = number.wrapping_mul(0x9e37_79b1);
    let tail = &"--------"[..(number % 9) as usize];
    Bytes::from(format!("{prefix}{scattered:08x}{tail}"))
}

/// A value of this many bytes that does not compress to nothing.
pub fn value(size: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(256);
    (0..size).map(|_| random.alphanumeric() as u8).collect()
}

//! Strings as RFC 7541 (appendix B) compresses them, as far as printable ASCII goes. The code is canonical: it follows
//! from the lengths alone.

/// Characters by the length of their code, in bits; each row in the order of its codes.
const BY_LENGTH: &[(u32, &[u8])] = &[
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
];
/// Of each length, one that any authority may have. The last bits of a string's last byte are ones, and no code of 5 to 8
/// bits is.
const PLAIN: [(u32, u32); 4] = [(5, 0x03), (6, 0x23), (7, 0x78), (8, 0xfc)];

/// The string; `None`: there is more in it than printable ASCII, or it is no such string.
pub fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1)));
    let (mut code, mut length) = (0, 0);
    // The first code of the row, and where the row is.
    let (mut first, mut row) = (0, 0);
    loop {
        let Some(bit) = bits.next() else {
            // What is left over is shorter than a byte, and all ones.
            return (length < 8 && code == (1 << length) - 1).then_some(text);
        };
        (code, length) = (code << 1 | bit, length + 1);
        let (row_length, characters) = BY_LENGTH.get(row)?;
        first = if length == 1 { 0 } else { first << 1 };
        if length < *row_length {
            continue;
        }
        let count = u32::try_from(characters.len()).ok()?;
        if code < first + count {
            text.push(characters[(code - first) as usize]);
            (code, length, first, row) = (0, 0, 0, 0);
        } else {
            first += count;
            row += 1;
        }
    }
}

/// Overwrites with a string of so many characters that an authority may have, as long as what is there. Whether there is one.
pub fn overwrite(bytes: &mut [u8], characters: usize) -> bool {
    let bits = bytes.len() * 8;
    let (Some(each), Some(longer)) = (bits.checked_div(characters), bits.checked_rem(characters)) else {
        return false;
    };
    // All have 8 bits: none of them can have one more.
    if !(5..=8).contains(&each) || (each == 8 && longer > 0) {
        return false;
    }
    let mut at = 0;
    for character in 0..characters {
        let (length, code) = PLAIN[each - 5 + usize::from(character < longer)];
        for bit in (0..length).rev() {
            let mask = 0x80 >> (at % 8);
            if code >> bit & 1 == 1 {
                bytes[at / 8] |= mask
            } else {
                bytes[at / 8] &= !mask
            }
            at += 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7541, C.4.1 to C.6.1.
        let www = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&www).unwrap(), b"www.example.com");
        assert_eq!(decode(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(), b"no-cache");
        assert_eq!(decode(&[0x64, 0x02]).unwrap(), b"302");
        let moved = [
            0x9d, 0x29, 0xad, 0x17, 0x18, 0x63, 0xc7, 0x8f, 0x0b, 0x97, 0xc8, 0xe9, 0xae, 0x82, 0xae, 0x43,
            0xd3,
        ];
        assert_eq!(decode(&moved).unwrap(), b"https://www.example.com");
        assert_eq!(decode(&[]).unwrap(), b"");
    }

    #[test]
    fn every_printable_character_has_the_code_of_the_rfc() {
        for (code, length, character) in [
            (0x00_u32, 5, b'0'),
            (0x09, 5, b't'),
            (0x14, 6, b' '),
            (0x2d, 6, b'u'),
            (0x5c, 7, b':'),
            (0x7b, 7, b'z'),
            (0xf8, 8, b'&'),
            (0xfd, 8, b'Z'),
            (0x3f8, 10, b'!'),
            (0x3fc, 10, b'?'),
            (0x7fa, 11, b'\''),
            (0x7fc, 11, b'|'),
            (0xffa, 12, b'#'),
            (0xffb, 12, b'>'),
            (0x1ff8, 13, 0),
            (0x1ffb, 13, b'['),
            (0x1ffd, 13, b'~'),
            (0x3ffc, 14, b'^'),
            (0x7ffc, 15, b'<'),
            (0x7ffe, 15, b'{'),
        ] {
            let padded = (code << (32 - length)) | (u32::MAX >> length);
            let bytes = padded.to_be_bytes();
            let whole = usize::try_from(length).unwrap().div_ceil(8);
            assert_eq!(decode(&bytes[..whole]), Some(vec![character]), "{code:x}");
        }
    }

    #[test]
    fn what_is_no_printable_string_is_refused() {
        // A backslash has 19 bits; padding must be ones, and less than a byte.
        for bad in [&[0xff, 0xfe, 0x1f][..], &[0x00, 0x00, 0x00, 0x01], &[0xff]] {
            assert_eq!(decode(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn any_length_that_a_string_can_have_is_filled() {
        for characters in 1..200_usize {
            for length in 1..200_usize {
                let mut bytes = vec![0xaa; length];
                let fits = (5 * characters..=8 * characters).contains(&(8 * length));
                assert_eq!(overwrite(&mut bytes, characters), fits, "{characters} in {length}");
                if fits {
                    let text = decode(&bytes).unwrap();
                    assert_eq!(text.len(), characters);
                    assert!(text.iter().all(u8::is_ascii_alphanumeric));
                }
            }
        }
    }
}

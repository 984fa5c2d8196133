//! What a host needs to join: one line.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Fingerprint, IdentityError, MeshId, SigningKey};
use crate::engine::world::DeployId;

/// What a token of any version begins with.
const START: &str = "mgmt-join-";
/// The version that is written and read here.
const VERSION: &str = "1";
/// The longest token, in bytes.
pub const LONGEST_TOKEN: usize = 4096;
/// The most addresses in one.
pub const MOST_SEEDS: usize = 16;
/// The longest address, in bytes: a name of DNS, and a port.
const LONGEST_SEED: usize = 260;
/// The most authorities in one: two overlap while they change, and a mesh may change them twice within a token's life.
const MOST_AUTHORITIES: usize = 4;
/// How many bytes of the checksum are there: one slip in four thousand million goes unnoticed.
const CHECKSUM: usize = 4;

/// What a host needs to join: where the mesh is, how to know it, and a key that an invite knows. Whoever has it may join, so
/// it is shown on purpose only ([`JoinToken::to_text`]), and wiped when it is dropped.
pub struct JoinToken {
    /// Where hosts of the mesh are: `host:port`.
    pub seeds: Vec<String>,
    /// The invite's key: vouches for the keys of who joins.
    pub key: SigningKey,
    /// The mesh's authorities: a server shows a certificate of one of them.
    pub authorities: Vec<Fingerprint>,
    /// The key that made the mesh: the chain of administrators begins with it.
    pub administrator: Fingerprint,
    /// The mesh.
    pub mesh: MeshId,
    /// Older deploys are not run.
    pub lowest_deploy: DeployId,
}

/// The fields as they are encoded. Fields of a later version are skipped.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
struct Wire {
    #[prost(string, repeated, tag = "1")]
    seeds: Vec<String>,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    authorities: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "4")]
    administrator: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    mesh: Vec<u8>,
    #[prost(uint64, tag = "6")]
    lowest_deploy: u64,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// A mistyped token is found by this, whatever letter is wrong.
fn checksum(payload: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    hash.update(START);
    hash.update(VERSION);
    hash.update(payload);
    let hash: [u8; 32] = hash.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

impl JoinToken {
    /// The line that is given to whoever is to join.
    ///
    /// # Errors
    /// When there is no seed or no authority, or too many.
    pub fn to_text(&self) -> Result<Zeroizing<String>, IdentityError> {
        self.check()?;
        let mut wire = Wire {
            seeds: self.seeds.clone(),
            key: self.key.seed().to_vec(),
            authorities: self.authorities.iter().map(|authority| authority.as_bytes().to_vec()).collect(),
            administrator: self.administrator.as_bytes().to_vec(),
            mesh: self.mesh.as_bytes().to_vec(),
            lowest_deploy: self.lowest_deploy.0,
        };
        // Made in one piece each: what grows leaves copies of the key behind.
        let mut payload = Zeroizing::new(Vec::with_capacity(wire.encoded_len() + CHECKSUM));
        let encoded = wire.encode(&mut *payload);
        wire.key.zeroize();
        encoded.expect("a vector has room");
        let checksum = checksum(&payload);
        payload.extend_from_slice(&checksum);
        let head = START.len() + VERSION.len() + 1;
        let mut text = Zeroizing::new(String::with_capacity(head + payload.len().div_ceil(3) * 4));
        text.push_str(START);
        text.push_str(VERSION);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(&*payload, &mut text);
        if text.len() > LONGEST_TOKEN {
            return Err(IdentityError::TokenTooLong { bytes: text.len(), limit: LONGEST_TOKEN });
        }
        Ok(text)
    }

    fn check(&self) -> Result<(), IdentityError> {
        let bad = |why| Err(IdentityError::BadToken { why });
        if self.seeds.is_empty() || self.seeds.len() > MOST_SEEDS {
            return bad("it has no address of the mesh, or more than 16");
        }
        if self.seeds.iter().any(|seed| !is_address(seed)) {
            return bad("one of its addresses is none");
        }
        if self.authorities.is_empty() || self.authorities.len() > MOST_AUTHORITIES {
            return bad("it has no authority, or more than 4");
        }
        Ok(())
    }
}

/// Whether a text can be an address at all: printable, without spaces, and not too long.
fn is_address(seed: &str) -> bool {
    (1..=LONGEST_SEED).contains(&seed.len()) && seed.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read(payload: &[u8]) -> Result<JoinToken, IdentityError> {
    let bad = |why| IdentityError::BadToken { why };
    let mut wire = Wire::decode(payload).map_err(|_| bad("its fields cannot be read"))?;
    let key: Result<Zeroizing<[u8; 32]>, _> = wire.key.as_slice().try_into().map(Zeroizing::new);
    wire.key.zeroize();
    let key = key.map_err(|_| bad("its key is none"))?;
    let fingerprint = |bytes: &Vec<u8>| {
        let bytes = bytes.as_slice().try_into().map_err(|_| bad("one of its fingerprints is none"))?;
        Ok(Fingerprint::from_bytes(bytes))
    };
    let mesh = wire.mesh.as_slice().try_into().map_err(|_| bad("its mesh is none"))?;
    let token = JoinToken {
        key: SigningKey::from_seed(&key),
        authorities: wire.authorities.iter().map(fingerprint).collect::<Result<_, IdentityError>>()?,
        administrator: fingerprint(&wire.administrator)?,
        mesh: MeshId::from_bytes(mesh),
        lowest_deploy: DeployId(wire.lowest_deploy),
        seeds: std::mem::take(&mut wire.seeds),
    };
    token.check()?;
    Ok(token)
}

impl FromStr for JoinToken {
    type Err = IdentityError;

    /// White space around it is nobody's fault.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let text = text.trim();
        if text.len() > LONGEST_TOKEN {
            return Err(IdentityError::TokenTooLong { bytes: text.len(), limit: LONGEST_TOKEN });
        }
        let rest = text.strip_prefix(START).ok_or(IdentityError::NotAToken)?;
        let (version, digits) = rest.split_once('.').ok_or(IdentityError::NotAToken)?;
        if version != VERSION {
            // Part of a token whose dot is missing would be its key.
            let is_number = (1..=4).contains(&version.len()) && version.bytes().all(|it| it.is_ascii_digit());
            return Err(if is_number {
                IdentityError::UnknownTokenVersion { version: version.to_owned() }
            } else {
                IdentityError::NotAToken
            });
        }
        let mut payload = Zeroizing::new(Vec::with_capacity(digits.len()));
        let decoded = URL_SAFE_NO_PAD.decode_vec(digits, &mut payload);
        decoded.map_err(|_| IdentityError::MistypedToken)?;
        let split = payload.len().checked_sub(CHECKSUM).ok_or(IdentityError::MistypedToken)?;
        let (payload, found) = payload.split_at(split);
        if checksum(payload) != *found {
            return Err(IdentityError::MistypedToken);
        }
        read(payload)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("seeds", &self.seeds)
            .field("key", &self.key)
            .field("authorities", &self.authorities)
            .field("administrator", &self.administrator)
            .field("mesh", &self.mesh)
            .field("lowest_deploy", &self.lowest_deploy)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::mesh;
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            seeds: vec!["a.example.org:2379".into(), "[2001:db8::1]:2379".into()],
            key: SigningKey::generate().unwrap(),
            authorities: vec![Fingerprint::of_spki(b"ca"), Fingerprint::of_spki(b"next")],
            administrator: Fingerprint::of_spki(b"ann"),
            mesh: mesh(),
            lowest_deploy: DeployId(7),
        }
    }

    /// A text with these bytes, and their checksum.
    fn text_of(payload: &[u8]) -> String {
        let mut bytes = payload.to_vec();
        bytes.extend_from_slice(&checksum(payload));
        format!("mgmt-join-1.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn a_token_is_read_as_it_was_written_whatever_white_space_is_around_it() {
        let token = token();
        let text = token.to_text().unwrap();
        assert!(text.starts_with("mgmt-join-1.") && text.is_ascii(), "{}", &text[..12]);
        let read: JoinToken = format!(" \t{}\r\n", *text).parse().unwrap();
        assert_eq!(read.key.seed(), token.key.seed());
        assert_eq!(format!("{read:?}"), format!("{token:?}"));
        assert_eq!(*read.to_text().unwrap(), *text);
    }

    #[test]
    fn every_mistyped_letter_is_found() {
        let text = token().to_text().unwrap();
        let start = "mgmt-join-1.".len();
        for at in start..text.len() {
            for letter in ['A', 'z', '0', '-', '_'] {
                let mut typed: Vec<char> = text.chars().collect();
                if typed[at] == letter {
                    continue;
                }
                typed[at] = letter;
                let refused = typed.iter().collect::<String>().parse::<JoinToken>();
                assert!(matches!(refused, Err(IdentityError::MistypedToken)), "letter {at}: {refused:?}");
            }
        }
        for at in start..text.len() - 1 {
            let cut = text[..at].parse::<JoinToken>();
            assert!(matches!(cut, Err(IdentityError::MistypedToken)), "{at} letters");
        }
        let wrapped = format!("{}\n{}", &text[..40], &text[40..]);
        assert!(matches!(wrapped.parse::<JoinToken>(), Err(IdentityError::MistypedToken)));
    }

    #[test]
    fn another_version_is_named_and_anything_else_is_no_token() {
        let text = token().to_text().unwrap();
        let later = text.replace("join-1.", "join-2.");
        let refused = later.parse::<JoinToken>();
        assert!(matches!(refused, Err(IdentityError::UnknownTokenVersion { version }) if version == "2"));
        for bad in
            ["", "mgmt-join-", "mgmt-join-1", "hello", &text[4..], "mgmt-join-x.AAAA", "mgmt-join-12345.A"]
        {
            assert!(matches!(bad.parse::<JoinToken>(), Err(IdentityError::NotAToken)), "{bad}");
        }
    }

    #[test]
    fn a_long_token_is_neither_read_nor_written() {
        let long = format!("mgmt-join-1.{}", "A".repeat(LONGEST_TOKEN));
        assert!(matches!(long.parse::<JoinToken>(), Err(IdentityError::TokenTooLong { .. })));
        let token = JoinToken { seeds: vec!["a".repeat(LONGEST_SEED); MOST_SEEDS], ..token() };
        assert!(matches!(token.to_text(), Err(IdentityError::TokenTooLong { .. })));
    }

    #[test]
    fn what_no_mesh_has_is_refused() {
        let bad = [
            JoinToken { seeds: Vec::new(), ..token() },
            JoinToken { seeds: vec!["a:1".into(); MOST_SEEDS + 1], ..token() },
            JoinToken { seeds: vec!["a b:1".into()], ..token() },
            JoinToken { seeds: vec![String::new()], ..token() },
            JoinToken { authorities: Vec::new(), ..token() },
            JoinToken { authorities: vec![Fingerprint::of_spki(b"ca"); 5], ..token() },
        ];
        for token in bad {
            assert!(matches!(token.to_text(), Err(IdentityError::BadToken { .. })), "{token:?}");
        }
    }

    #[test]
    fn fields_that_are_no_tokens_are_refused_and_later_ones_skipped() {
        let good = Wire {
            seeds: vec!["a:1".into()],
            key: vec![1; 32],
            authorities: vec![vec![2; 32]],
            administrator: vec![3; 32],
            mesh: vec![4; 16],
            lowest_deploy: 0,
        };
        let parse = |wire: &Wire| text_of(&wire.encode_to_vec()).parse::<JoinToken>();
        parse(&good).unwrap();
        for bad in [
            Wire { key: vec![1; 31], ..good.clone() },
            Wire { authorities: vec![vec![2; 33]], ..good.clone() },
            Wire { administrator: Vec::new(), ..good.clone() },
            Wire { mesh: vec![4; 15], ..good.clone() },
            Wire { seeds: Vec::new(), ..good.clone() },
        ] {
            assert!(matches!(parse(&bad), Err(IdentityError::BadToken { .. })));
        }
        assert!(matches!(text_of(&[0xff; 20]).parse::<JoinToken>(), Err(IdentityError::BadToken { .. })));
        let mut later = good.encode_to_vec();
        later.extend_from_slice(&[0x50, 1]);
        text_of(&later).parse::<JoinToken>().unwrap();
    }

    #[test]
    fn no_error_shows_the_token() {
        let token = token();
        let text = token.to_text().unwrap();
        let secret = URL_SAFE_NO_PAD.encode(token.key.seed());
        let wrong =
            [text.replace('.', ""), text.replace("-1.", "-."), text.replace("-1.", "-1"), text[..60].into()];
        for wrong in wrong {
            let error = wrong.parse::<JoinToken>().unwrap_err();
            for shown in [format!("{error}"), format!("{error:?}")] {
                assert!(!shown.contains(&text[20..30]) && !shown.contains(&secret[..10]), "{shown}");
            }
        }
        assert!(!format!("{token:?}").contains(&secret[..10]));
    }
}

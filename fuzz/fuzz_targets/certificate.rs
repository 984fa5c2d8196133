//! Any bytes as a certificate, a root or a request for a certificate: read or refused, in bounded time and memory, and never
//! believed to be signed.
//!
//! `cargo +nightly fuzz run certificate fuzz/corpus/certificate fuzz/seeds/certificate`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::identity::{Authority, Certificate, MeshId, Root, Roots, SubjectKey, UnixSeconds};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    Authority::new(MeshId::from_bytes([7; 16]), UnixSeconds(1_800_000_000)).expect("there are random numbers")
});

fuzz_target!(|bytes: &[u8]| {
    let mesh = AUTHORITY.mesh();
    if let Ok(certificate) = Certificate::from_der(bytes, mesh) {
        assert!(AUTHORITY.roots().verify(&certificate).is_err());
        let again = Certificate::from_pem(&certificate.to_pem(), mesh).expect("what was read can be written");
        assert_eq!(again, certificate);
        let uri = certificate.principal().uri(mesh);
        assert!(uri.is_some_and(|uri| uri.is_ascii()));
    }
    let _ = Root::from_der(bytes, mesh);
    let _ = SubjectKey::from_request(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Roots::from_pem(text, mesh);
    }
});

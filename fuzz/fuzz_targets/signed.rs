//! Any bytes as signed statements: they are kept to the byte, and nothing that nobody signed is believed.
//!
//! `cargo +nightly fuzz run signed fuzz/corpus/signed fuzz/seeds/signed`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::identity::{
    AdministratorChain, Administrators, DenyList, Domain, Invite, MeshId, Papers, Pin, Signed, SigningKey,
    UnixSeconds,
};

static MESH: LazyLock<MeshId> = LazyLock::new(|| MeshId::from_bytes([7; 16]));
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate().expect("there are random numbers"));
static ADMINISTRATORS: LazyLock<Administrators> = LazyLock::new(|| {
    let name = "ann".parse().expect("it is a name");
    let chain = AdministratorChain::begin(&MESH, name, &KEY, UnixSeconds(0)).expect("it is small");
    chain.replay(&MESH, &Pin::default()).expect("it was just made")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = Signed::<Invite>::from_json(bytes) {
        let again =
            Signed::<Invite>::from_json(signed.to_json().as_bytes()).expect("what was read can be written");
        assert_eq!(again, signed);
        assert_eq!(again.digest(), signed.digest());
        assert!(signed.verify(Domain::Invite, &MESH, &KEY.verifying_key()).is_err());
    }
    if let Ok(papers) = Papers::from_json(bytes) {
        assert!(papers.verify(&ADMINISTRATORS, &MESH, &DenyList::default()).is_err());
    }
    if let Ok(chain) = AdministratorChain::from_json(bytes) {
        let pin = Pin { first: Some(KEY.fingerprint()), known: None };
        assert!(chain.replay(&MESH, &pin).is_err());
    }
});

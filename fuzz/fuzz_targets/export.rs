//! Any bytes as an export in the store, and as its key: read or refused, never taken for signed; and what a host has signed is
//! read by others as it was written.
//!
//! `cargo +nightly fuzz run export fuzz/corpus/export fuzz/seeds/export`

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::identity::{
    AdministratorChain, DenyList, MeshId, Pin, SigningKey, UnixSeconds, VerifyingKey,
};
use mgmt::cluster::world::export_encoding::{decode, encode};
use mgmt::cluster::world::{Grounds, export_seal, keys};
use mgmt::engine::id::Label;
use mgmt::engine::world::{Audience, Collected, Export, ExportId};

struct Host {
    grounds: Grounds,
    key: VerifyingKey,
}

static HOST: LazyLock<Host> = LazyLock::new(|| {
    let (mesh, key) =
        (MeshId::from_bytes([7; 16]), SigningKey::generate().expect("there are random numbers"));
    let name = "ann".parse().expect("it is a name");
    let chain = AdministratorChain::begin(&mesh, name, &key, UnixSeconds(0)).expect("it is small");
    let verifying = key.verifying_key();
    let grounds = Grounds {
        mesh,
        host: "web-1".parse().expect("it is a name"),
        signing: Some(Arc::new(key)),
        recipient: None,
        administrator: None,
        administrators: chain.replay(&mesh, &Pin::default()).expect("it was just made"),
        denied: DenyList::default(),
        lowest_deploy: None,
    };
    Host { grounds, key: verifying }
});

fuzz_target!(|bytes: &[u8]| {
    let Host { grounds, key } = &*HOST;
    if let Some((from, id)) = keys::export_of(bytes) {
        let again = keys::export(&from, &id);
        assert_eq!(keys::export_of(again.as_bytes()), Some((from, id)));
    }
    let _ = keys::collected_of(bytes);
    let id = ExportId { to: Audience::All, label: Label::new("file", "/etc/motd") };
    assert!(export_seal::open(&grounds.mesh, key, &grounds.host, &id, bytes).is_err());
    let Collected::Read { params, meta } = decode(bytes) else { return };
    let export = Export { id: id.clone(), params, meta, ttl: None };
    let written = encode(&export);
    let place = keys::export(&grounds.host, &id);
    let sealed = export_seal::seal(grounds, place.as_bytes(), &written).expect("it is one of this host's");
    let opened =
        export_seal::open(&grounds.mesh, key, &grounds.host, &id, &sealed).expect("it was just signed");
    assert_eq!(opened, &written[..]);
    let Collected::Read { params, meta } = decode(opened) else { panic!("what was written is read") };
    assert!(params.keys().eq(export.params.keys()) && meta.keys().eq(export.meta.keys()));
});

//! Any bytes as a deploy in the store: what nobody signed is refused, and what an administrator did sign is read as it was meant,
//! and leads no host anywhere but where its rollout says.
//!
//! `cargo +nightly fuzz run deploy fuzz/corpus/deploy fuzz/seeds/deploy`

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use mgmt::cluster::identity::{AdministratorChain, DenyList, MeshId, Pin, SigningKey, UnixSeconds};
use mgmt::cluster::world::Grounds;
use mgmt::cluster::world::manifest::Manifest;
use mgmt::engine::world::{DeployId, Turn, rollout};

static GROUNDS: LazyLock<Grounds> = LazyLock::new(|| {
    let (mesh, key) =
        (MeshId::from_bytes([7; 16]), SigningKey::generate().expect("there are random numbers"));
    let name = "ann".parse().expect("it is a name");
    let chain = AdministratorChain::begin(&mesh, name, &key, UnixSeconds(0)).expect("it is small");
    Grounds {
        mesh,
        host: "web-1".parse().expect("it is a name"),
        signing: None,
        recipient: None,
        administrators: chain.replay(&mesh, &Pin::default()).expect("it was just made"),
        administrator: Some(Arc::new(key)),
        denied: DenyList::default(),
        lowest_deploy: None,
    }
});

fuzz_target!(|bytes: &[u8]| {
    assert!(Manifest::verified(DeployId(1), bytes, &GROUNDS).is_err());
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    let Ok(stored) = manifest.sign(&GROUNDS) else { return };
    let id = manifest.deploy.id;
    let Ok(read) = Manifest::verified(id, &stored, &GROUNDS) else {
        assert_ne!(manifest.rollout.deploy, id);
        return;
    };
    assert_eq!(
        (read.deploy.id, &read.deploy.files, &read.deploy.entry),
        (id, &manifest.deploy.files, &manifest.deploy.entry)
    );
    assert!(Manifest::verified(DeployId(id.0.wrapping_add(1)), &stored, &GROUNDS).is_err());
    let labels = read.rollout.only.clone();
    let outcomes = rollout::outcomes(&read.rollout, &GROUNDS.host, &labels);
    for due in outcomes.into_iter().chain([None, Some(DeployId(u64::MAX))]) {
        let turn = Turn { rollout: &read.rollout, due, labels: &labels, last: None };
        assert_eq!(read.permits(turn, &GROUNDS).is_ok(), outcomes.contains(&due));
    }
    let _ = rollout::due(&read.rollout, &GROUNDS.host, &labels);
    let _ = rollout::beneath(Some(&read.rollout));
});

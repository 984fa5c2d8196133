//! Makes messages and service stubs of `proto`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

const PROTOS: &[&str] = &["rpc", "raft_internal", "v3lock", "v3election", "health"];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-env-changed=PROTOC");
    let protoc = std::env::var_os("PROTOC").unwrap_or_else(|| "protoc".into());
    if Command::new(&protoc).arg("--version").output().is_err() {
        eprintln!("protoc is missing; on Debian: sudo apt-get install protobuf-compiler");
        return ExitCode::FAILURE;
    }
    order_functions();
    pack_relocations();
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot compile proto: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts what an agent really runs side by side; `link/order.py` says why. Only in a release, for it takes the linker 20 s.
fn order_functions() {
    println!("cargo::rerun-if-changed=link/first.ld");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rerun-if-env-changed=MGMT_LINK_ORDER");
    let var = |name| std::env::var(name).unwrap_or_default();
    let takes_scripts =
        !var("CARGO_ENCODED_RUSTFLAGS").contains("mold") && var("CARGO_CFG_TARGET_ENV") == "gnu";
    // Off: for the program that the list is made from.
    if var("PROFILE") == "release" && takes_scripts && var("MGMT_LINK_ORDER") != "off" {
        println!("cargo::rustc-link-arg-bin=mgmt=-Wl,-T,{}/link/first.ld", var("CARGO_MANIFEST_DIR"));
    }
}

/// Relocations as a bitmap: 20 KB in place of 1 MB, all of which the loader reads at each start and keeps resident. The C
/// library reads them since 2.36; a program needs the one that it was built with, or a newer one, in any case.
fn pack_relocations() {
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let numbers = said.trim().strip_prefix("glibc ").and_then(|version| version.split_once('.'));
    let version = numbers.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let reads_them = version.is_some_and(|version: (u32, u32)| version >= (2, 36));
    let is = |name, value| std::env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ENV", "gnu") && reads_them {
        println!("cargo::rustc-link-arg-bin=mgmt=-Wl,-z,pack-relative-relocs");
    }
}

fn generate() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo gave no OUT_DIR")?);
    let files: Vec<String> = PROTOS.iter().map(|name| format!("proto/etcd/{name}.proto")).collect();
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::cluster::etcd::codec::SmallCodec")
        .bytes(".")
        .file_descriptor_set_path(out.join("etcd.bin"))
        .compile_protos(&files, &["proto/etcd".to_owned()])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .extern_path(".mgmt.peer.RaftMessage", "crate::cluster::raft::wire::Message")
        .compile_protos(&["proto/mgmt/peer.proto"], &["proto/mgmt"])?;
    Ok(())
}

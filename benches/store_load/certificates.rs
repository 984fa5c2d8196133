//! Certificates for a server on loopback and its clients, as an administrator of etcd makes them.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::Failure;

/// Where the server is reached.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

#[derive(clap::Args)]
pub struct Certificates {
    /// A folder for `ca.pem`, and for `server` and `client` with `.pem` and `.key`
    #[arg(long)]
    to: PathBuf,
}

impl Certificates {
    /// Makes them: P-256, as is usual.
    pub fn run(&self) -> Result<Value, Failure> {
        let mut root = CertificateParams::new(Vec::new())?;
        root.distinguished_name.push(DnType::CommonName, "bench");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate()?;
        fs::write(self.to.join("ca.pem"), root.self_signed(&key)?.pem())?;
        let root = Issuer::new(root, key);
        for who in ["server", "client"] {
            let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
            params.distinguished_name.push(DnType::CommonName, who);
            let key = KeyPair::generate()?;
            fs::write(self.to.join(format!("{who}.pem")), params.signed_by(&key, &root)?.pem())?;
            fs::write(self.to.join(format!("{who}.key")), key.serialize_pem())?;
        }
        Ok(json!({ "made": self.to }))
    }
}

//! Certificates that nobody signed but themselves: etcd's `--auto-tls` and `--peer-auto-tls`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};

/// A certificate and its key, in a folder of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    folder: PathBuf,
    hosts: Vec<String>,
}

/// Why there is no such certificate.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SelfSignedError {
    #[error("cannot make a certificate for {hosts}: {cause}", hosts = hosts.join(", "))]
    Make { hosts: Vec<String>, cause: rcgen::Error },
    #[error("cannot write {path:?}: {cause}")]
    Write { path: PathBuf, cause: io::Error },
}

impl SelfSigned {
    /// For these names and addresses, in `fixtures/` of the data folder, as etcd has it.
    pub fn new(data_dir: &Path, whose: &str, hosts: Vec<String>) -> Self {
        Self { folder: data_dir.join("fixtures").join(whose), hosts }
    }

    /// Where the certificate is.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// Where its key is.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// Makes them, unless they are there.
    pub fn make(&self) -> Result<(), SelfSignedError> {
        if self.certificate().exists() && self.key().exists() {
            return Ok(());
        }
        let failed = |cause| SelfSignedError::Make { hosts: self.hosts.clone(), cause };
        let mut params = CertificateParams::new(self.hosts.clone()).map_err(failed)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "mgmt");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let mut folders = fs::DirBuilder::new();
        let made = folders.recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|cause| SelfSignedError::Write { path: self.folder.clone(), cause })?;
        write(&self.key(), &key.serialize_pem())?;
        write(&self.certificate(), &certificate.pem())
    }
}

fn write(path: &Path, text: &str) -> Result<(), SelfSignedError> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|cause| SelfSignedError::Write { path: path.to_owned(), cause })
}

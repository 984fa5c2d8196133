//! Files of web servers, as a stream of bytes within a bound.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use tokio::time::timeout;

use super::probe::ProbeError;
use super::probe::http::{Clients, why};
use crate::engine::Class;

/// A server that says nothing for so long has hung up.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server did not answer as it should.
    #[error(transparent)]
    Answer(#[from] ProbeError),
    /// It is too long.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// What came could not be kept.
    #[error("keep what came")]
    Keep(#[from] io::Error),
}

impl DownloadError {
    /// What decides retry, exit code and log level.
    pub fn class(&self) -> Class {
        match self {
            Self::TooLong { .. } => Class::User,
            _ => Class::Transient,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Answer(ProbeError::Status { .. }) => Some("see what the server answers with curl"),
            Self::Answer(error) => Some(error.hint()),
            _ => None,
        }
    }
}

/// Takes the bytes as they come.
pub type Take<'a> = &'a mut (dyn FnMut(&[u8]) -> io::Result<()> + Send);

/// Fetches files.
#[async_trait]
pub trait Downloader: fmt::Debug + Send + Sync + 'static {
    /// Hands `take` all bytes of a file, `limit` at the most.
    ///
    /// # Errors
    /// When the server does not answer with the file; when it is too long; what `take` fails with.
    async fn fetch(&self, url: &Url, limit: u64, take: Take<'_>) -> Result<(), DownloadError>;
}

/// Fetches over the network of this machine.
#[derive(Debug, Default)]
pub struct NetworkDownloader {
    clients: Clients,
}

#[async_trait]
impl Downloader for NetworkDownloader {
    async fn fetch(&self, url: &Url, limit: u64, take: Take<'_>) -> Result<(), DownloadError> {
        let silent = |_| ProbeError::Timeout { after: SILENCE };
        let client = self.clients.client(None, true)?;
        let mut answer =
            timeout(SILENCE, client.get(url.clone()).send()).await.map_err(silent)?.map_err(why)?;
        if !answer.status().is_success() {
            return Err(ProbeError::Status { found: answer.status().as_u16() }.into());
        }
        let mut taken = 0;
        while let Some(chunk) = timeout(SILENCE, answer.chunk()).await.map_err(silent)?.map_err(why)? {
            taken += chunk.len() as u64;
            if taken > limit {
                return Err(DownloadError::TooLong { limit });
            }
            take(&chunk)?;
        }
        Ok(())
    }
}

/// Servers without a network: tests say which files they have.
#[derive(Debug, Default)]
pub struct FakeDownloader {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl FakeDownloader {
    /// From now on, there is a file at this address.
    pub fn serve(&self, url: &str, content: impl Into<Vec<u8>>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(url.to_owned(), content.into());
    }
}

#[async_trait]
impl Downloader for FakeDownloader {
    async fn fetch(&self, url: &Url, limit: u64, take: Take<'_>) -> Result<(), DownloadError> {
        let content = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(url.as_str()).cloned();
        let content = content.ok_or(ProbeError::Status { found: 404 })?;
        if content.len() as u64 > limit {
            return Err(DownloadError::TooLong { limit });
        }
        Ok(take(&content)?)
    }
}

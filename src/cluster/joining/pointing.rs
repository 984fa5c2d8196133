//! The answering side of a host that carries no store.

use std::time::Duration;

use tokio::io::AsyncWrite;

use super::JoinError;
use super::desk::{close, say};
use super::message::{Greeting, Hello, VERSION};
use crate::cluster::identity::MOST_SEEDS;

/// The answer of a host that carries no store: it cannot give an identity, and tells who can. Nothing is read.
///
/// # Errors
/// When it cannot be said in time.
pub async fn point_elsewhere<S>(
    mut stream: S,
    seeds: Vec<String>,
    patience: Duration,
) -> Result<(), JoinError>
where
    S: AsyncWrite + Unpin,
{
    let said = async {
        let seeds = seeds.into_iter().take(MOST_SEEDS).collect();
        say(&mut stream, &Greeting::Hello(Hello { version: VERSION, serves: false, seeds })).await?;
        close(&mut stream).await;
        Ok(())
    };
    tokio::time::timeout(patience, said).await.unwrap_or(Err(JoinError::TooSlow { patience }))
}

//! Trying connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::names::addresses;
use super::{ProbeError, TcpProbe};

/// So much of what a server says is looked through, in bytes.
const SAID: usize = 64 << 10;

/// Connects to the first address of the name that takes it, says and expects what is to be.
///
/// # Errors
/// Why there is no connection, or what was not as expected.
pub async fn ask(probe: &TcpProbe) -> Result<(), ProbeError> {
    let found = addresses(&probe.host, probe.port).await;
    let found = found.map_err(|error| ProbeError::Name { host: error.host, source: error.source })?;
    let mut stream = connect(&found).await?;
    if let Some(text) = &probe.send {
        stream.write_all(text.as_bytes()).await.map_err(ProbeError::connection)?;
    }
    let Some(expect) = probe.expect.as_deref().map(str::as_bytes) else { return Ok(()) };
    let mut said = Vec::new();
    let mut part = [0; 4096];
    while said.len() < SAID {
        let read = stream.read(&mut part).await.map_err(ProbeError::connection)?;
        if read == 0 {
            break;
        }
        said.extend_from_slice(&part[..read]);
        if said.windows(expect.len()).any(|window| window == expect) {
            return Ok(());
        }
    }
    Err(ProbeError::Body { seen: said.len() })
}

async fn connect(addresses: &[std::net::SocketAddr]) -> Result<TcpStream, ProbeError> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(ProbeError::connection(last.expect("a name that was found has an address")))
}

//! Asking hosts, one after another, for what those that carry the store can give: over connections for who has no certificate.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::MeshError;
use crate::cluster::joining::{Binding, JoinError, Line};
use crate::cluster::link::Endpoint;
use crate::cluster::peer::PeerUrl;
use crate::cluster::tls::JoinTls;

/// How long a host may take to be connected to, and to agree on keys.
const CONNECT: Duration = Duration::from_secs(5);
/// The most hosts that are asked: those that are known, and those that they tell of.
const MOST_ASKED: usize = 64;

/// A connection to a host that is asked.
pub(super) type Stream = tokio_rustls::client::TlsStream<TcpStream>;

/// Why nobody has given what was asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Nobody answers.
    Unreached(String),
    /// Who answers says no, or cannot.
    Failed(JoinError),
}

impl From<Asked> for MeshError {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Unreached(why) => Self::Unreached { why },
            Asked::Failed(error) => error.into(),
        }
    }
}

/// Asks until one gives it; who carries no store tells of others. If none does, the last one that answered says why.
pub(super) async fn ask_around<T, F>(
    seeds: &[String],
    tls: &JoinTls,
    ask: impl Fn(Line<Stream>) -> F,
) -> Result<T, Asked>
where
    F: Future<Output = Result<T, JoinError>>,
{
    let mut known: Vec<String> = seeds.to_vec();
    let mut last = Asked::Unreached("there is nobody to ask".to_owned());
    let mut at = 0;
    while let Some(seed) = known.get(at).filter(|_| at < MOST_ASKED).cloned() {
        at += 1;
        let line = match call(&seed, tls).await {
            Ok(line) => line,
            Err(why) => {
                if matches!(last, Asked::Unreached(_)) {
                    last = Asked::Unreached(format!("{seed}: {why}"));
                }
                continue;
            }
        };
        match ask(line).await {
            Ok(got) => return Ok(got),
            Err(JoinError::CarriesNone { seeds, .. }) => {
                for seed in seeds {
                    if !known.contains(&seed) {
                        known.push(seed);
                    }
                }
            }
            Err(error) => last = Asked::Failed(error),
        }
    }
    Err(last)
}

/// Calls one.
pub(super) async fn call(seed: &str, tls: &JoinTls) -> Result<Line<Stream>, String> {
    let endpoint: Endpoint = seed.parse().map_err(|_| "it is no address".to_owned())?;
    let agreed = connect(&endpoint.url, |socket| tls.connect(socket)).await?;
    let (stream, binding, _) = agreed.map_err(|error| error.to_string())?;
    Ok(Line::new(stream, Binding(binding), seed))
}

/// Connects to a host, and agrees with it on keys in time, or not.
pub(super) async fn connect<F: Future>(
    to: &PeerUrl,
    agree: impl FnOnce(TcpStream) -> F,
) -> Result<F::Output, String> {
    let late = |_| format!("no answer within {} s", CONNECT.as_secs());
    let socket = timeout(CONNECT, TcpStream::connect((&*to.host, to.port))).await.map_err(late)?;
    let socket = socket.map_err(|error| error.to_string())?;
    // A question does not wait for more.
    socket.set_nodelay(true).map_err(|error| error.to_string())?;
    timeout(CONNECT, agree(socket)).await.map_err(late)
}

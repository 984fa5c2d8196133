//! Connections: accepted, bounded, and let go.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::answer::Site;
use super::{Listen, WebError};

/// Connections at once.
const CONNECTIONS: usize = 64;
/// A request's head must be there after so long, the time between two requests included.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// No connection lasts longer: who reads slowly is let go, others connect again.
const LONGEST: Duration = Duration::from_secs(600);
/// The longest head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// After an error of the system's, such as no file descriptor being left, the next try waits.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// An address that is ours.
#[derive(Debug)]
pub(in crate::agent) struct Bound {
    listener: tokio::net::TcpListener,
    /// What was asked for, with the port that it became.
    pub listen: Listen,
}

impl Bound {
    /// Takes an address; nobody is answered yet.
    pub fn bind(listen: Listen) -> Result<Self, WebError> {
        let bind = || {
            let listener = TcpListener::bind(listen.at)?;
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let at: SocketAddr = listener.local_addr()?;
            Ok(Self { listener, listen: Listen { at, ..listen } })
        };
        bind().map_err(|source| WebError { at: listen.at, source })
    }
}

/// Answers until the task is aborted.
pub(in crate::agent) fn serve(bound: Bound, site: Site) -> AbortHandle {
    let Listen { at, metrics, ui } = bound.listen;
    if metrics {
        tracing::info!(at = %format_args!("http://{at}/metrics"), "shows metrics");
    }
    if ui {
        tracing::info!(at = %format_args!("http://{at}/"), "shows status");
    }
    tokio::spawn(accept(bound.listener, Arc::new(site))).abort_handle()
}

async fn accept(listener: tokio::net::TcpListener, site: Arc<Site>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Who finds no place waits in the kernel's queue.
        let place = places.clone().acquire_owned().await.expect("it is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let site = site.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(|request| {
                let site = site.clone();
                async move { Ok::<_, std::convert::Infallible>(site.answer(&request).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES);
            let served = http.serve_connection(TokioIo::new(stream), service);
            // Whatever goes wrong with a client is the client's business.
            let _ = tokio::time::timeout(LONGEST, served).await;
        });
    }
}

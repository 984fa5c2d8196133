//! A way to a host that stops after so many bytes, until it may go on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where somebody can call in the host's place.
pub struct Relay {
    pub at: SocketAddr,
    is_open: watch::Sender<bool>,
}

/// What all its connections share.
struct Way {
    to: String,
    /// How much may pass towards the host before it is open.
    bytes: usize,
    passed: AtomicUsize,
    is_open: watch::Receiver<bool>,
}

impl Relay {
    /// To the host at `to`, for so many bytes.
    pub async fn start(to: String, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (open, is_open) = watch::channel(false);
        let way = Arc::new(Way { to, bytes, passed: AtomicUsize::new(0), is_open });
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(caller, way.clone()));
            }
        });
        Self { at, is_open: open }
    }

    /// All passes from now on.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut caller: TcpStream, way: Arc<Way>) -> io::Result<()> {
    let mut host = TcpStream::connect(&way.to).await?;
    let ((mut from_caller, mut to_caller), (mut from_host, mut to_host)) = (caller.split(), host.split());
    let up = async {
        let (mut buffer, mut is_open) = (vec![0; 16 << 10], way.is_open.clone());
        loop {
            let read = from_caller.read(&mut buffer).await?;
            if read == 0 {
                return to_host.shutdown().await;
            }
            if way.passed.fetch_add(read, Ordering::Relaxed) + read > way.bytes {
                is_open.wait_for(|is_open| *is_open).await.map_err(io::Error::other)?;
            }
            to_host.write_all(&buffer[..read]).await?;
        }
    };
    let down = tokio::io::copy(&mut from_host, &mut to_caller);
    tokio::try_join!(up, down).map(drop)
}

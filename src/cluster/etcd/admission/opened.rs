//! A connection whose first bytes were read before it is served.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// How long the preface of HTTP/2 is (RFC 9113, section 3.4).
const PREFACE: usize = 24;

/// A connection that has begun to speak: what it said first, and then the rest.
pub struct Opened<S> {
    said: [u8; PREFACE],
    /// Which part of that was not read again yet.
    from: u8,
    to: u8,
    stream: S,
}

impl<S: AsyncRead + Unpin> Opened<S> {
    /// Waits for the preface of HTTP/2, or for the first byte of anything else.
    ///
    /// # Errors
    /// When the connection breaks, or ends before it has said anything.
    pub async fn read(mut stream: S) -> io::Result<Self> {
        let (mut said, mut to) = ([0; PREFACE], 0);
        // What does not begin as the preface does is for the reader of HTTP/1, which has a deadline of its own.
        while to < PREFACE && (to == 0 || said[0] == b'P') {
            match stream.read(&mut said[to..]).await? {
                0 if to == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                0 => break,
                read => to += read,
            }
        }
        Ok(Self { said, from: 0, to: u8::try_from(to).expect("the preface is shorter"), stream })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opened<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.from < this.to && buf.remaining() > 0 {
            let said = &this.said[usize::from(this.from)..usize::from(this.to)];
            let length = said.len().min(buf.remaining());
            buf.put_slice(&said[..length]);
            this.from += u8::try_from(length).expect("the preface is shorter");
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opened<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn read_back(said: &[u8]) -> Vec<u8> {
        let (mut ours, theirs) = tokio::io::duplex(1 << 10);
        ours.write_all(said).await.unwrap();
        ours.shutdown().await.unwrap();
        let mut whole = Vec::new();
        Opened::read(theirs).await.unwrap().read_to_end(&mut whole).await.unwrap();
        whole
    }

    #[tokio::test]
    async fn all_that_was_said_is_read_by_who_serves() {
        for said in
            [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and more"[..], b"GET / HTTP/1.1\r\n\r\n", b"PU", b"x"]
        {
            assert_eq!(read_back(said).await, said);
        }
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_served() {
        let (ours, theirs) = tokio::io::duplex(16);
        drop(ours);
        assert!(Opened::read(theirs).await.is_err());
    }

    #[tokio::test]
    async fn half_a_preface_is_waited_for() {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let opening = Opened::read(theirs);
        tokio::pin!(opening);
        ours.write_all(b"PRI * HTTP/2").await.unwrap();
        assert!(futures_util::poll!(&mut opening).is_pending());
        ours.write_all(b".0\r\n\r\nSM\r\n\r\n").await.unwrap();
        assert!(futures_util::poll!(&mut opening).is_ready());
    }
}

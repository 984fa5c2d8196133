//! A connection, repaired as it is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;

/// How much is read at a time while the rest of a frame is waited for.
const PIECE: usize = 4096;

/// A connection, repaired as it is read.
pub struct Repaired<S> {
    stream: S,
    frames: Frames,
    /// What was read and has not gone on: so much of it may, the rest is the beginning of a frame.
    held: Vec<u8>,
    may_go: usize,
}

impl<S> Repaired<S> {
    /// Before its first byte is read.
    pub fn new(stream: S) -> Self {
        Self { stream, frames: Frames::new(), held: Vec::new(), may_go: 0 }
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let length = self.may_go.min(buf.remaining());
        buf.put_slice(&self.held[..length]);
        self.held.drain(..length);
        self.may_go -= length;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Repaired<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.may_go > 0 {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            if !this.held.is_empty() {
                let mut piece = [0; PIECE];
                let mut piece = ReadBuf::new(&mut piece);
                ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
                this.held.extend_from_slice(piece.filled());
                // At the end, what is there goes on as it is.
                let ended = piece.filled().is_empty();
                this.may_go = if ended { this.held.len() } else { this.frames.pass(&mut this.held) };
                continue;
            }
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
            let read = &mut buf.filled_mut()[before..];
            if read.is_empty() || this.frames == Frames::Off {
                return Poll::Ready(Ok(()));
            }
            let passed = this.frames.pass(read);
            this.held.extend_from_slice(&read[passed..]);
            buf.set_filled(before + passed);
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Not vectored, on purpose: where the connection writes several slices at once, each message above 256 bytes becomes a
/// system call of its own; else up to 1,024 bytes are gathered with what else is ready.
impl<S: AsyncWrite + Unpin> AsyncWrite for Repaired<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What comes out of a connection in pieces of a length.
    async fn read(bytes: &'static [u8], piece: usize) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(piece);
        let sent = tokio::spawn(async move { client.write_all(bytes).await });
        let mut out = Vec::new();
        Repaired::new(server).read_to_end(&mut out).await.unwrap();
        sent.await.unwrap().unwrap();
        out
    }

    #[tokio::test]
    async fn nothing_is_lost_in_whatever_pieces_it_comes() {
        let bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x01\x04\0\0\0\x01\x83\x41\x03a/b\0\0\0\x04\0\0\0\0\0\0\0";
        let repaired = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x01\x04\0\0\0\x01\x83\x41\x03xxx\0\0\0\x04\0\0\0\0\0\0\0";
        for piece in 1..bytes.len() {
            assert_eq!(read(bytes, piece).await, repaired, "pieces of {piece}");
        }
    }
}

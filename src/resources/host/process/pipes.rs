//! The reading ends of a command's outputs.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use tokio::net::unix::pipe::Receiver;

/// Which output bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Stdout,
    Stderr,
    /// One pipe for both.
    Both,
}

/// The outputs that are still open.
#[derive(Debug)]
pub(super) struct Pipes {
    open: Vec<(From, Receiver)>,
    buffer: Vec<u8>,
}

/// Bytes read at a time: a quarter of a pipe.
const CHUNK: usize = 16 * 1024;

impl Pipes {
    pub fn new(open: Vec<(From, Receiver)>) -> Self {
        Self { open, buffer: vec![0; CHUNK] }
    }

    /// Whether everyone who could write has closed the pipes.
    pub fn is_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// What is written next; `None`: all is closed. Nothing is lost when this is dropped early.
    pub async fn next(&mut self) -> Option<(From, &[u8])> {
        let (from, len) = poll_fn(|cx| self.poll(cx)).await?;
        Some((from, &self.buffer[..len]))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(From, usize)>> {
        let mut at = 0;
        while let Some((from, pipe)) = self.open.get(at) {
            match read(pipe, &mut self.buffer, cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(len)) if len > 0 => return Poll::Ready(Some((*from, len))),
                Poll::Ready(_) => drop(self.open.remove(at)),
            }
        }
        if self.open.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

fn read(pipe: &Receiver, buffer: &mut [u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(pipe.poll_read_ready(cx))?;
        match pipe.try_read(buffer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            done => return Poll::Ready(done),
        }
    }
}

//! A daemon's own socket, with no bus between.
//!
//! systemd signs what it sends there with its well-known name, where the specification, and zbus, want a unique one:
//! such names are marked as unique on their way in. Its handshake, too, is simplest done here: there is nothing to
//! negotiate.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};

/// The part of a header that says how long the rest is, by the D-Bus specification.
const PRIMARY: usize = 16;
/// The longest list of fields, and the longest message.
const LONGEST_FIELDS: usize = 64 << 20;
/// The number of the field that names the sender.
const SENDER: u8 = 7;
/// The longest line of a handshake.
const LONGEST_LINE: usize = 1024;

/// A connection that is past its handshake.
#[derive(Debug)]
pub struct Direct(UnixStream);

impl Direct {
    /// Connects, and tells who we are; the daemon's id, too.
    ///
    /// # Errors
    /// When the system or the daemon refuses.
    pub async fn connect(path: &Path) -> io::Result<(Self, String)> {
        let mut stream = UnixStream::connect(path).await?;
        let uid = rustix::process::geteuid().as_raw().to_string();
        let uid: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
        // In one piece. systemd reads what is there once: a first call that came together with a BEGIN of its own would lie
        // unread until something follows it.
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes()).await?;
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() > LONGEST_LINE {
                return Err(io::Error::other("the answer to the handshake has no end"));
            }
            line.push(stream.read_u8().await?);
        }
        let line = String::from_utf8_lossy(&line);
        let Some(id) = line.trim_end().strip_prefix("OK ") else {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, line.trim_end().to_owned()));
        };
        Ok((Self(stream), id.to_owned()))
    }
}

impl Socket for Direct {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.0.into_split();
        Split::new(Reader { read, header: Vec::new(), given: 0, left: 0 }, Writer(write))
    }
}

/// Reads messages.
#[derive(Debug)]
pub struct Reader {
    read: OwnedReadHalf,
    /// The header of the message that is being read.
    header: Vec<u8>,
    /// How much of it has been handed on.
    given: usize,
    /// What follows it.
    left: usize,
}

impl Reader {
    async fn read_header(&mut self) -> io::Result<()> {
        self.header.resize(PRIMARY, 0);
        self.given = 0;
        self.read.read_exact(&mut self.header).await?;
        let (fields, body) = lengths(&self.header);
        if fields > LONGEST_FIELDS {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a header without end"));
        }
        self.header.resize(PRIMARY + fields, 0);
        self.read.read_exact(&mut self.header[PRIMARY..]).await?;
        mark_sender(&mut self.header);
        self.left = (fields.next_multiple_of(8) - fields) + body;
        Ok(())
    }
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        if self.given == self.header.len() && self.left == 0 {
            self.read_header().await?;
        }
        let pending = &self.header[self.given..];
        if !pending.is_empty() {
            let length = pending.len().min(buffer.len());
            buffer[..length].copy_from_slice(&pending[..length]);
            self.given += length;
            return Ok((length, Vec::new()));
        }
        let most = self.left.min(buffer.len());
        let length = self.read.read(&mut buffer[..most]).await?;
        self.left -= length;
        Ok((length, Vec::new()))
    }
}

/// Writes messages.
#[derive(Debug)]
pub struct Writer(OwnedWriteHalf);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

fn number(header: &[u8], at: usize) -> usize {
    let Some(Ok(bytes)) = header.get(at..at + 4).map(<[u8; 4]>::try_from) else { return 0 };
    let number = if header[0] == b'B' { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How long the fields of a header and the body are.
fn lengths(primary: &[u8]) -> (usize, usize) {
    (number(primary, 12), number(primary, 4))
}

/// Marks the name of the sender as a unique one, if it is none.
fn mark_sender(header: &mut [u8]) {
    let mut at = PRIMARY;
    // Each field: its number, the signature of its value, and the value.
    while let Some([code, 1, kind, 0]) = header.get(at..at + 4).map(|it| [it[0], it[1], it[2], it[3]]) {
        let value = at + 4;
        let end = match kind {
            b's' | b'o' => value + 4 + number(header, value).min(LONGEST_FIELDS) + 1,
            b'g' => value + 1 + usize::from(header.get(value).copied().unwrap_or(0)) + 1,
            b'u' => value + 4,
            _ => return,
        };
        if code == SENDER
            && kind == b's'
            && let Some(first) = header.get_mut(value + 4)
            && *first != b':'
        {
            *first = b':';
        }
        at = end.next_multiple_of(8);
    }
}

#[cfg(test)]
mod tests {
    use zbus::message::Message;

    use super::*;

    #[test]
    fn a_sender_is_marked_wherever_it_stands_and_all_else_stays() {
        let sender = zbus::names::UniqueName::try_from(":1.7").unwrap();
        let built = Message::method_call("/org/example", "Echo").sender(&sender).build(&"hello").unwrap();
        let bytes = built.data().bytes();
        let message = bytes[..PRIMARY + lengths(bytes).0].to_vec();
        let mut header = message.clone();
        let place = header.windows(4).position(|it| it == b":1.7").unwrap();
        header[place] = b'o';
        let mut marked = header.clone();
        mark_sender(&mut marked);
        assert_eq!(marked, message);
        mark_sender(&mut marked);
        assert_eq!(marked, message);
        mark_sender(&mut []);
        mark_sender(&mut header[..18]);
    }
}

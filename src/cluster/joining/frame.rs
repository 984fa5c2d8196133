//! How messages lie on the stream: four bytes that tell a length, the greatest first, and so many bytes of JSON.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::JoinError;

/// The most that is read of who is not known yet, in bytes: a request has about 3 KiB.
pub const MOST_ASKED: usize = 64 << 10;
/// The most that is read of a server whose certificate was verified, in bytes: lists of who is out may be long.
pub const MOST_ANSWERED: usize = 4 << 20;
/// With how much room reading begins, and for how much a message is written that holds a secret, in bytes.
const FIRST: usize = 8 << 10;

/// Reads a message. There is never room for more than twice what has come, whatever length was told; and what has come is wiped,
/// for it may be a secret.
pub(super) async fn read<S>(stream: &mut S, limit: usize) -> Result<Zeroizing<Vec<u8>>, JoinError>
where
    S: AsyncRead + Unpin,
{
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        have += some(stream, &mut length[have..]).await?;
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(JoinError::TooLarge { bytes: length, limit });
    }
    let mut body = Zeroizing::new(vec![0; length.min(FIRST)]);
    let mut have = 0;
    while have < length {
        if have == body.len() {
            let mut larger = Zeroizing::new(vec![0; (2 * have).min(length)]);
            larger[..have].copy_from_slice(&body);
            body = larger;
        }
        have += some(stream, &mut body[have..]).await?;
    }
    Ok(body)
}

/// At least one byte.
async fn some<S: AsyncRead + Unpin>(stream: &mut S, room: &mut [u8]) -> Result<usize, JoinError> {
    match stream.read(room).await {
        Ok(0) => Err(JoinError::Ended),
        Ok(bytes) => Ok(bytes),
        // Who ends a TLS session without saying so has ended it all the same.
        Err(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => Err(JoinError::Ended),
        Err(source) => Err(JoinError::Stream { operation: "read from", source }),
    }
}

/// Writes a message, and sees it off.
pub(super) async fn write<S>(stream: &mut S, body: &[u8]) -> Result<(), JoinError>
where
    S: AsyncWrite + Unpin,
{
    let failed = |source| JoinError::Stream { operation: "write to", source };
    let limit = MOST_ANSWERED;
    let too_large = JoinError::TooLarge { bytes: body.len(), limit };
    let length = u32::try_from(body.len()).map_err(|_| too_large)?;
    stream.write_all(&length.to_be_bytes()).await.map_err(failed)?;
    stream.write_all(body).await.map_err(failed)?;
    stream.flush().await.map_err(failed)
}

/// A message as it lies on the stream. One that holds a secret fits into the room that it begins with, and so leaves no copy.
pub(super) fn encode<T: Serialize>(message: &T, limit: usize) -> Result<Zeroizing<Vec<u8>>, JoinError> {
    let mut body = Zeroizing::new(Vec::with_capacity(FIRST));
    let written = serde_json::to_writer(&mut *body, message);
    written.map_err(|source| JoinError::NotUnderstood { what: "what was to be said", source })?;
    if body.len() > limit {
        return Err(JoinError::TooLarge { bytes: body.len(), limit });
    }
    Ok(body)
}

/// What a message says.
pub(super) fn decode<'m, T: Deserialize<'m>>(body: &'m [u8], what: &'static str) -> Result<T, JoinError> {
    serde_json::from_slice(body).map_err(|source| JoinError::NotUnderstood { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_of(bytes: &[u8], limit: usize) -> Result<Vec<u8>, JoinError> {
        read(&mut &*bytes, limit).await.map(|body| body.to_vec())
    }

    #[tokio::test]
    async fn what_is_written_is_read_whatever_pieces_it_comes_in() {
        for length in [0, 1, FIRST - 1, FIRST, FIRST + 1, 5 * FIRST + 3] {
            let body: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let (mut near, mut far) = tokio::io::duplex(7);
            let (written, read) = tokio::join!(write(&mut near, &body), read(&mut far, length));
            written.unwrap();
            assert_eq!(**read.unwrap(), *body);
        }
    }

    #[tokio::test]
    async fn a_frame_that_is_too_large_is_refused_by_its_first_four_bytes() {
        let refused = read_of(&[0, 1, 0, 1], MOST_ASKED).await;
        assert!(matches!(refused, Err(JoinError::TooLarge { bytes: 65_537, limit: MOST_ASKED })));
        let refused = read_of(&[0xff; 4], MOST_ANSWERED).await;
        assert!(matches!(refused, Err(JoinError::TooLarge { .. })));
        let refused = encode(&"x".repeat(100), 50);
        assert!(matches!(refused, Err(JoinError::TooLarge { bytes: 102, limit: 50 })));
    }

    #[tokio::test]
    async fn a_frame_that_ends_too_early_is_none() {
        let whole = [0, 0, 0, 3, b'a', b'b', b'c'];
        assert_eq!(read_of(&whole, 3).await.unwrap(), b"abc");
        for end in 0..whole.len() {
            assert!(matches!(read_of(&whole[..end], 3).await, Err(JoinError::Ended)), "{end} bytes");
        }
    }

    /// Gives what it has, and remembers for how much room it was asked.
    struct Asked {
        head: Vec<u8>,
        left: usize,
        largest: usize,
    }

    impl AsyncRead for Asked {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            room: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            self.largest = self.largest.max(room.remaining());
            if !self.head.is_empty() {
                let piece = self.head.len().min(room.remaining());
                room.put_slice(&self.head.drain(..piece).collect::<Vec<u8>>());
            } else if self.left > 0 {
                self.left -= 1;
                room.put_slice(b" ");
            }
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn room_grows_with_what_comes_not_with_what_is_told() {
        let told = u32::try_from(MOST_ANSWERED).unwrap().to_be_bytes().to_vec();
        let mut stream = Asked { head: told, left: 3 * FIRST, largest: 0 };
        assert!(matches!(read(&mut stream, MOST_ANSWERED).await, Err(JoinError::Ended)));
        assert!(stream.largest <= 2 * FIRST, "{} bytes of room", stream.largest);
    }
}

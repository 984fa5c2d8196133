//! gRPC's framing: what the gateway sends to and reads from the services of this process.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Response};
use tonic::Status;
use tonic::body::Body;

/// What stands before each message: whether it is compressed, and its length.
const HEAD: usize = 5;

/// A message with its head.
pub fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEAD + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The messages of an answer.
pub struct Messages {
    body: Body,
    read: BytesMut,
}

impl Messages {
    /// Of an answer, or its error when it is nothing else.
    pub fn of(response: Response<Body>) -> Result<Self, Status> {
        ok(response.headers())?;
        Ok(Self { body: response.into_body(), read: BytesMut::new() })
    }

    /// The next; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.take() {
                return Ok(Some(message));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            match frame?.into_data() {
                Ok(data) => self.read.extend_from_slice(&data),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        ok(&trailers)?;
                    }
                }
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let mut head = self.read.get(..HEAD)?;
        head.advance(1);
        let length = usize::try_from(head.get_u32()).ok()?;
        if self.read.len() < HEAD + length {
            return None;
        }
        self.read.advance(HEAD);
        Some(self.read.split_to(length).freeze())
    }
}

fn ok(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != tonic::Code::Ok => Err(status),
        _ => Ok(()),
    }
}

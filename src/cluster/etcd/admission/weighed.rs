//! A request's body, weighed as it comes.
//!
//! gRPC says before each message how long it is (five bytes), and who reads it makes room for all of it at once: so it is
//! weighed by what is announced. A message is held until the next begins or the call is answered. Other bodies are weighed
//! by what has come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_TYPE;
use tonic::Status;

use super::guests::Call;

/// What precedes a message of gRPC: whether it is compressed, and its length.
const HEADER: usize = 5;

/// Weighs a body for a call.
pub(super) struct Weighed {
    call: Arc<Call>,
    framing: Option<Framing>,
    /// A longer message is refused by who reads it, before it makes room.
    longest: u64,
}

/// Where in the messages it is.
#[derive(Debug, Default)]
struct Framing {
    header: [u8; HEADER],
    have: usize,
    /// Of the message that has begun.
    left: u64,
}

/// A body that is weighed.
pub(super) struct WeighedBody<B> {
    weighed: Weighed,
    body: B,
}

impl Weighed {
    pub(super) fn new(request: &Request<Incoming>, call: Arc<Call>, longest: usize) -> Self {
        let content = request.headers().get(CONTENT_TYPE).map(|content| content.as_bytes());
        let grpc = content.is_some_and(|content| content.starts_with(b"application/grpc"));
        Self { call, framing: grpc.then(Framing::default), longest: longest as u64 }
    }

    pub(super) fn over<B>(self, body: B) -> WeighedBody<B> {
        WeighedBody { weighed: self, body }
    }

    fn weigh(&mut self, data: &[u8]) -> Result<(), Status> {
        let Self { call, framing, longest } = self;
        let Some(framing) = framing else { return call.weigh(data.len() as u64) };
        framing.follow(data, |announced| {
            call.put_down();
            if announced > *longest { Ok(()) } else { call.weigh(announced) }
        })
    }
}

impl Framing {
    /// Goes over what has come, and says of each message that begins how long it will be.
    fn follow(
        &mut self,
        mut data: &[u8],
        mut begins: impl FnMut(u64) -> Result<(), Status>,
    ) -> Result<(), Status> {
        while !data.is_empty() {
            if self.left > 0 {
                let passed = data.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= passed as u64;
                data = &data[passed..];
                continue;
            }
            let taken = data.len().min(HEADER - self.have);
            self.header[self.have..self.have + taken].copy_from_slice(&data[..taken]);
            self.have += taken;
            data = &data[taken..];
            if self.have == HEADER {
                self.have = 0;
                let [_, length @ ..] = self.header;
                self.left = u32::from_be_bytes(length).into();
                begins(self.left)?;
            }
        }
        Ok(())
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for WeighedBody<B> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        polled.map(|frame| {
            frame.map(|frame| {
                let frame = frame.map_err(|error| Status::from_error(Box::new(error)))?;
                if let Some(data) = frame.data_ref() {
                    this.weighed.weigh(data)?;
                }
                Ok(frame)
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat()
    }

    #[test]
    fn each_message_is_announced_once_however_its_bytes_come() {
        let body = [message(3), message(0), message(300), message(1)].concat();
        for size in 1..20 {
            let (mut framing, mut announced) = (Framing::default(), Vec::new());
            for part in body.chunks(size) {
                framing
                    .follow(part, |length| {
                        announced.push(length);
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(announced, [3, 0, 300, 1], "{size}");
        }
    }

    #[test]
    fn what_is_refused_is_refused_at_its_announcement() {
        let refused = Framing::default().follow(&message(9)[..5], |_| Err(Status::resource_exhausted("")));
        assert!(refused.is_err());
    }
}

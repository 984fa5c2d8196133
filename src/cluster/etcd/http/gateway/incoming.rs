//! The requests of a stream: JSON values, one after the other, as they come.

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use prost_reflect::MessageDescriptor;
use serde::de::IgnoredAny;
use tonic::Status;
use tonic::body::Body;

use super::super::json::decode;
use super::super::messages::framed;

struct Incoming {
    body: Body,
    read: BytesMut,
    kind: MessageDescriptor,
    /// The longest value that is waited for, in bytes.
    limit: usize,
    ended: bool,
}

/// The values as gRPC frames.
pub fn frames(
    body: Body,
    kind: MessageDescriptor,
    limit: usize,
) -> impl Stream<Item = Result<Frame<Bytes>, Status>> + Send {
    let incoming = Incoming { body, read: BytesMut::new(), kind, limit, ended: false };
    stream::unfold(incoming, |mut incoming| async move {
        let message = incoming.next().await.transpose()?;
        incoming.ended |= message.is_err();
        Some((message.map(|message| Frame::data(framed(&message))), incoming))
    })
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(length) = self.whole()? {
                let value = self.read.split_to(length);
                return decode(self.kind.clone(), &value).map(Some);
            }
            if self.ended {
                return if self.read.trim_ascii().is_empty() {
                    Ok(None)
                } else {
                    Err(Status::invalid_argument("unexpected EOF"))
                };
            }
            match self.body.frame().await {
                None => self.ended = true,
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
            }
            if self.read.len() > self.limit {
                return Err(Status::invalid_argument("a request is too long"));
            }
        }
    }

    /// The length of the first value, if all of it is here.
    fn whole(&mut self) -> Result<Option<usize>, Status> {
        let blank = self.read.len() - self.read.trim_ascii_start().len();
        self.read.advance(blank);
        let mut values = serde_json::Deserializer::from_slice(&self.read).into_iter::<IgnoredAny>();
        match values.next() {
            None => Ok(None),
            Some(Ok(_)) => Ok(Some(values.byte_offset())),
            Some(Err(error)) if error.is_eof() => Ok(None),
            Some(Err(error)) => Err(Status::invalid_argument(error.to_string())),
        }
    }
}

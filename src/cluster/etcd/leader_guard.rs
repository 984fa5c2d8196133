//! A stream that ends when there is no leader for a while: clients ask for that with `hasleader: true`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::node::{Node, NodeError};

/// A body that ends when there is no leader for a while.
pub struct LeaderGuard {
    body: Body,
    leaderless: Pin<Box<dyn Future<Output = ()> + Send>>,
    cut: bool,
}

impl LeaderGuard {
    /// Around an answer's body.
    pub fn new(body: Body, node: Arc<dyn Node>) -> Self {
        let leaderless = Box::pin(async move { node.leaderless().await });
        Self { body, leaderless, cut: false }
    }
}

impl hyper::body::Body for LeaderGuard {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.cut {
            return Poll::Ready(None);
        }
        if self.leaderless.as_mut().poll(cx).is_ready() {
            self.cut = true;
            let mut trailers = hyper::HeaderMap::new();
            let told = Status::from(NodeError::NoLeader).add_header(&mut trailers);
            return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.cut || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

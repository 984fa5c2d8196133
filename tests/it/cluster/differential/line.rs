//! How one of the two servers is reached, and as whom.

use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::cluster::process::Process;

/// A connection, and the token that is shown on it, if any.
#[derive(Clone)]
pub struct Line {
    pub channel: Channel,
    pub token: Option<String>,
}

impl Line {
    pub fn to(server: &Process) -> Line {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.client())).unwrap();
        Line { channel: endpoint.connect_lazy(), token: None }
    }

    /// The same connection with another token.
    pub fn with(&self, token: Option<String>) -> Line {
        Line { channel: self.channel.clone(), token }
    }

    /// A message with the token.
    pub fn envelope<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.parse().unwrap());
        }
        request
    }
}

//! A store in memory that can be told to misbehave: for tests of whatever talks to one. It speaks the same wire protocol, and
//! is there in milliseconds.
//!
//! Faults are set from outside, over HTTP at the same address: `POST /faults` with a JSON object of [`Faults`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tonic::body::Body;
use tonic::{Code, Status};

use super::etcd::front::Front;
use super::etcd::lone::Lone;
use super::etcd::serve::{Address, ListenError, Listener, Options, serve};
use super::etcd::status::later;
use super::etcd::surface::{Limits, Surface};
use super::store::watch;

/// Where faults are set.
pub const PATH: &str = "/faults";
/// The longest text of faults, in bytes.
const LONGEST: usize = 64 << 10;

/// How a store misbehaves. Absent fields are as in the default: it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Each call is answered so much later, in milliseconds.
    pub delay_ms: u64,
    /// Of a hundred calls so many fail, evenly spread.
    pub failing_percent: u8,
    /// What calls that fail are told to wait, in milliseconds: then the store is full, and not broken.
    pub retry_after_ms: Option<u64>,
    /// Calls that fail have been done all the same: only their answer is lost.
    pub after_the_fact: bool,
    /// Nobody leads.
    pub leaderless: bool,
    /// Only calls whose path ends with this are concerned; empty: all.
    pub only: String,
}

/// The knobs of one store.
#[derive(Debug)]
pub struct Knobs {
    node: Lone,
    state: Mutex<(Faults, u64)>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    AnswerLost,
}

impl Knobs {
    /// Misbehaves like this from now on.
    pub fn set(&self, faults: Faults) {
        self.node.lose_leader(faults.leaderless);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (faults, 0);
    }

    fn next(&self, path: &str) -> (Fate, Faults) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (faults, calls) = &mut *state;
        if !path.ends_with(&faults.only) {
            return (Fate::Answered, Faults::default());
        }
        *calls += 1;
        let percent = u64::from(faults.failing_percent);
        let fails = *calls * percent / 100 > (*calls - 1) * percent / 100;
        let fate = match (fails, faults.after_the_fact) {
            (false, _) => Fate::Answered,
            (true, true) => Fate::AnswerLost,
            (true, false) => Fate::Refused,
        };
        (fate, faults.clone())
    }

    /// Answers a request as the faults have it.
    pub async fn answer(
        &self,
        front: &Front,
        request: Request<Body>,
    ) -> Result<Response<Body>, std::convert::Infallible> {
        let path = request.uri().path().to_owned();
        if path == PATH {
            return Ok(self.set_by(request).await);
        }
        let (fate, faults) = self.next(&path);
        if faults.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
        }
        match fate {
            Fate::Answered => front.answer_well(request).await,
            Fate::Refused => Ok(refusal(&faults).into_http()),
            Fate::AnswerLost => {
                // Done to its end, its answer thrown away.
                let answer = front.answer_well(request).await?;
                drop(http_body_util::BodyExt::collect(answer.into_body()).await);
                Ok(refusal(&faults).into_http())
            }
        }
    }

    async fn set_by(&self, request: Request<Body>) -> Response<Body> {
        let body = http_body_util::Limited::new(request.into_body(), LONGEST);
        let read = http_body_util::BodyExt::collect(body).await;
        let read = read.map_err(|error| error.to_string()).and_then(|body| {
            serde_json::from_slice::<Faults>(&body.to_bytes()).map_err(|error| error.to_string())
        });
        let (status, text) = match read {
            Ok(faults) => {
                self.set(faults);
                (StatusCode::OK, "set\n".to_owned())
            }
            Err(error) => (StatusCode::BAD_REQUEST, format!("no faults: {error}\n")),
        };
        let mut response = Response::new(Body::new(http_body_util::Full::new(bytes::Bytes::from(text))));
        *response.status_mut() = status;
        response
    }
}

fn refusal(faults: &Faults) -> Status {
    let Some(after) = faults.retry_after_ms else { return Status::unavailable("a fault that was asked for") };
    later(Code::ResourceExhausted, Duration::from_millis(after))
}

/// A store that can be told to misbehave; it is served until `stop`.
#[derive(Debug)]
pub struct Fake {
    /// Its knobs.
    pub knobs: Arc<Knobs>,
    /// Where it is.
    pub url: String,
}

impl Fake {
    /// Starts one. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(
        at: &Address,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(Self, tokio::task::JoinHandle<()>), ListenError> {
        let node = Lone::start(watch::Limits::default());
        let knobs = Arc::new(Knobs { node: node.clone(), state: Mutex::default() });
        let mut front = Front::new(Surface { node: Arc::new(node), limits: Limits::default() });
        front.knobs = Some(knobs.clone());
        let listener = Listener::bind(at, None).await?;
        let url = listener.url();
        let served = tokio::spawn(serve(front, vec![listener], Options::default(), stop));
        Ok((Self { knobs, url }, served))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_are_spread_evenly_over_the_calls_that_are_concerned() {
        let knobs = Knobs { node: Lone::start(watch::Limits::default()), state: Mutex::default() };
        knobs.set(Faults { failing_percent: 25, only: "/Txn".into(), ..Faults::default() });
        let fates: Vec<Fate> = (0..8).map(|_| knobs.next("/etcdserverpb.KV/Txn").0).collect();
        assert_eq!(fates.iter().filter(|fate| **fate == Fate::Refused).count(), 2);
        assert_eq!(fates[3], Fate::Refused);
        assert_eq!(knobs.next("/etcdserverpb.KV/Range").0, Fate::Answered);
    }
}

//! etcd's protocol for failpoints over HTTP.

#[cfg(feature = "failpoints")]
pub use listening::start;

use hyper::{Method, StatusCode};

use super::registry::{FailpointError, Registry};

/// The answer to a request: its code and text.
pub(super) fn answer(registry: &Registry, method: &Method, path: &str, body: &str) -> (StatusCode, String) {
    let Some(key) = path.strip_prefix('/') else {
        return (StatusCode::BAD_REQUEST, "malformed request URI\n".to_owned());
    };
    let done = |done: Result<(), FailpointError>, what: &str| match done {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::BAD_REQUEST, format!("failed to {what} failpoint {key:?}: {error}\n")),
    };
    match *method {
        Method::PUT if key.eq_ignore_ascii_case("failpoints") => done(registry.enable_all(body), "set"),
        Method::PUT => done(registry.enable(key, body), "set"),
        Method::DELETE => done(registry.disable(key), "delete"),
        Method::GET if key.is_empty() => {
            let lines = registry.list().into_iter().map(|(name, term)| format!("{name}={term}\n"));
            (StatusCode::OK, lines.collect())
        }
        Method::GET => look(registry, key),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed\n".to_owned()),
    }
}

fn look(registry: &Registry, key: &str) -> (StatusCode, String) {
    let failed = |error: FailpointError| format!("failed to GET: {error}\n");
    match key.strip_suffix("/count") {
        Some(name) => match registry.status(name) {
            Ok((_, count)) => (StatusCode::OK, count.to_string()),
            Err(error @ FailpointError::Absent) => (StatusCode::NOT_FOUND, failed(error)),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, failed(error)),
        },
        None => match registry.status(key) {
            Ok((term, _)) => (StatusCode::OK, format!("{term}\n")),
            Err(error) => (StatusCode::NOT_FOUND, failed(error)),
        },
    }
}

#[cfg(feature = "failpoints")]
mod listening {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full, Limited};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;

    use super::super::registry::Registry;

    /// A term is short.
    const LONGEST: usize = 1 << 16;

    /// Why failpoints cannot be set up.
    #[derive(Debug, thiserror::Error)]
    #[allow(missing_docs, reason = "the messages say it")]
    pub enum DoorError {
        #[error("GOFAIL_FAILPOINTS: {0}")]
        Terms(#[from] super::FailpointError),
        #[error("GOFAIL_HTTP: cannot listen at {at}: {source}")]
        Listen { at: String, source: std::io::Error },
    }

    /// Sets and opens what the environment asks for. The door has a thread of its own: it answers while the rest waits.
    ///
    /// # Errors
    /// When a term is not understood, or the address cannot be listened at.
    pub fn start() -> Result<(), DoorError> {
        let registry = Registry::of_process();
        if let Ok(terms) = std::env::var("GOFAIL_FAILPOINTS") {
            registry.enable_all(&terms)?;
        }
        let Ok(at) = std::env::var("GOFAIL_HTTP") else { return Ok(()) };
        let failed = |source| DoorError::Listen { at: at.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(&*at)).map_err(failed)?;
        let door = std::thread::Builder::new().name("mgmt-failpoints".into());
        door.spawn(move || runtime.block_on(serve(listener, registry))).map_err(failed)?;
        Ok(())
    }

    async fn serve(listener: tokio::net::TcpListener, registry: &'static Registry) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(registry, request));
                let connection = hyper::server::conn::http1::Builder::new();
                // Who went away needs no answer.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(
        registry: &Registry,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body =
            Limited::new(body, LONGEST).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let (code, text) =
            super::answer(registry, &head.method, head.uri.path(), &String::from_utf8_lossy(&body));
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = code;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(registry: &Registry, method: Method, path: &str, body: &str) -> (u16, String) {
        let (code, text) = answer(registry, &method, path, body);
        (code.as_u16(), text)
    }

    #[test]
    fn a_place_is_set_looked_at_and_taken_off() {
        let registry = Registry::new(&["one", "two"]);
        assert_eq!(ask(&registry, Method::GET, "/", ""), (200, "one=\ntwo=\n".to_owned()));
        assert_eq!(ask(&registry, Method::PUT, "/one", "1*print->off"), (204, String::new()));
        assert_eq!(ask(&registry, Method::GET, "/", "").1, "one=1*print->off\ntwo=\n");
        assert_eq!(ask(&registry, Method::GET, "/one", ""), (200, "1*print->off\n".to_owned()));
        registry.next("one", || 0.0);
        assert_eq!(ask(&registry, Method::GET, "/one/count", ""), (200, "1".to_owned()));
        assert_eq!(ask(&registry, Method::DELETE, "/one", "").0, 204);
        assert_eq!(ask(&registry, Method::DELETE, "/one", "").0, 400);
        assert_eq!(ask(&registry, Method::GET, "/one", "").0, 404);
    }

    #[test]
    fn several_are_set_at_once() {
        let registry = Registry::new(&["one", "two"]);
        assert_eq!(ask(&registry, Method::PUT, "/failpoints", "one=panic;two=sleep(1)").0, 204);
        assert_eq!(ask(&registry, Method::GET, "/", "").1, "one=panic\ntwo=sleep(1)\n");
    }

    #[test]
    fn what_is_not_there_or_not_understood_is_said() {
        let registry = Registry::new(&["one"]);
        let (code, text) = ask(&registry, Method::PUT, "/other", "panic");
        assert_eq!((code, text.contains("does not exist")), (400, true), "{text}");
        assert_eq!(ask(&registry, Method::PUT, "/one", "explode").0, 400);
        assert_eq!(ask(&registry, Method::GET, "/other/count", "").0, 404);
        assert_eq!(ask(&registry, Method::GET, "/one/count", "").0, 500);
        assert_eq!(ask(&registry, Method::POST, "/one", "").0, 405);
    }
}

//! How many calls ended how, for `/metrics`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tonic::Code;

use super::methods::{self, Method};

/// How many codes gRPC has.
const CODES: usize = 17;

/// Counts calls with one answer by method and code. Cheap to clone.
#[derive(Clone)]
pub struct Calls(Arc<[[AtomicU64; CODES]]>);

impl Default for Calls {
    fn default() -> Self {
        Self((0..methods::count()).map(|_| <[AtomicU64; CODES]>::default()).collect())
    }
}

impl Calls {
    /// One has ended.
    pub fn count(&self, method: &Method, code: Code) {
        if let Some(count) = self.0.get(method.number).and_then(|codes| codes.get(code as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// In Prometheus's text format, those that there were.
    pub fn render(&self) -> String {
        let name = "grpc_server_handled_total";
        let mut text =
            format!("# HELP {name} How many calls with one answer have ended.\n# TYPE {name} counter\n");
        for method in methods::all() {
            for (number, count) in (0..).zip(&self.0[method.number]) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let code = Code::from_i32(number);
                    let (service, method) = (method.it.parent_service(), method.it.name());
                    // Writing to a string cannot fail.
                    let _ = writeln!(
                        text,
                        "{name}{{grpc_code=\"{}\",grpc_method=\"{method}\",grpc_service=\"{}\",grpc_type=\"unary\"}} {count}",
                        gos_name(code),
                        service.full_name(),
                    );
                }
            }
        }
        text
    }
}

/// A code as etcd's gRPC library writes it.
fn gos_name(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_shown_by_method_and_code() {
        let calls = Calls::default();
        let method = methods::find("/etcdserverpb.Auth/Authenticate").unwrap();
        calls.count(method, Code::Ok);
        calls.count(method, Code::Ok);
        calls.count(method, Code::InvalidArgument);
        let text = calls.render();
        let line = |code, count| {
            format!(
                "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"Authenticate\",\
                 grpc_service=\"etcdserverpb.Auth\",grpc_type=\"unary\"}} {count}\n"
            )
        };
        assert!(text.ends_with(&(line("OK", 2) + &line("InvalidArgument", 1))), "{text}");
    }
}

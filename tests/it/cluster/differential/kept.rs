//! Where we differ on purpose.

use super::request::{Answer, Request};

/// Why the answers to a request may differ, if they may.
pub fn why(request: &Request, expected: &Answer, found: &Answer) -> Option<&'static str> {
    let (Answer::Refusal { text: expected, .. }, Answer::Refusal { text: found, .. }) = (expected, found)
    else {
        return None;
    };
    let untranslated =
        expected.strip_prefix("auth: ").is_some_and(|rest| found.strip_prefix("etcdserver: ") == Some(rest));
    let maintenance = request.method().starts_with("/etcdserverpb.Maintenance/");
    (maintenance && untranslated).then_some(
        "etcd forgets to translate these errors here; clients log in again only after the translated ones",
    )
}

//! Each rule, as etcd was seen to keep it.

mod changes;
mod checks;
mod ids;

use super::*;

fn urls(urls: &[&str]) -> PeerUrls {
    PeerUrls::parse(urls).unwrap()
}

/// Member `id`, who has started.
fn member(id: u64) -> Member {
    Member {
        id: MemberId(id),
        name: format!("m{id}"),
        peer_urls: vec![format!("http://m{id}:2380")],
        client_urls: Vec::new(),
        learner: false,
        level: LogLevel::OWN,
    }
}

/// Member `id`, who has not.
fn unstarted(id: u64) -> Member {
    Member { name: String::new(), ..member(id) }
}

fn learner(id: u64) -> Member {
    Member { learner: true, ..unstarted(id) }
}

fn members(all: impl IntoIterator<Item = Member>) -> Members {
    Members::restore(all, [])
}

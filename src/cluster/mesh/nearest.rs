//! Which member a host asks first: its own, one of its zone, and of those that are equally near any, but always the same.
//! So the hosts of a zone spread over its members, and a restart finds the connection where it was.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::HostName;
use crate::cluster::link::Endpoint;

/// Where a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How it is reached.
    pub endpoint: Endpoint,
    /// It is on this host.
    pub own: bool,
    /// Its zone is this host's.
    pub near: bool,
}

/// The places in the order in which this host tries them.
pub(super) fn order(host: &HostName, mut places: Vec<Place>) -> Vec<Endpoint> {
    places.sort_by_cached_key(|place| {
        let mut hasher = DefaultHasher::new();
        (host.as_str(), place.endpoint.to_string()).hash(&mut hasher);
        (!place.own, !place.near, hasher.finish())
    });
    let mut endpoints: Vec<Endpoint> = places.into_iter().map(|place| place.endpoint).collect();
    let mut seen = std::collections::BTreeSet::new();
    endpoints.retain(|endpoint| seen.insert(endpoint.clone()));
    endpoints
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn place(name: &str, own: bool, near: bool) -> Place {
        Place { endpoint: name.parse().unwrap(), own, near }
    }

    #[test]
    fn its_own_comes_first_then_its_zone_then_the_others() {
        let places =
            || vec![place("far", false, false), place("near", false, true), place("own", true, false)];
        let names = order(&"h".parse().unwrap(), places());
        assert_eq!(names.iter().map(|it| it.url.host.as_str()).collect::<Vec<_>>(), ["own", "near", "far"]);
    }

    #[test]
    fn hosts_spread_over_members_that_are_equally_near() {
        let places = || ["a", "b", "c", "d"].map(|name| place(name, false, true)).to_vec();
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..1000 {
            let host: HostName = format!("h{number}").parse().unwrap();
            let ordered = order(&host, places());
            assert_eq!(ordered, order(&host, places().into_iter().rev().collect()));
            *first.entry(ordered[0].to_string()).or_default() += 1;
        }
        assert!(first.len() == 4 && first.values().all(|hosts| (150..350).contains(hosts)), "{first:?}");
    }
}

//! `--initial-cluster`: the members that a new cluster begins with.

use std::collections::{BTreeMap, BTreeSet};

use super::{Member, Members, PeerUrls, UrlError, cluster_id};
use crate::cluster::store::id::ClusterId;

/// The members that a new cluster begins with, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialCluster(BTreeMap<String, PeerUrls>);

/// What is wrong with `--initial-cluster`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitialClusterError {
    /// There must be one.
    #[error("no member is given: it is name=http://host:port, and more after commas")]
    Empty,
    /// Not `name=url`.
    #[error("{0:?} is not of the form name=http://host:port")]
    Form(String),
    /// Members have names.
    #[error("{0:?} has no name before the =")]
    NoName(String),
    /// Not a URL of a peer.
    #[error("member {name:?}: {cause}")]
    Url {
        /// Whose.
        name: String,
        /// What is wrong with it.
        #[source]
        cause: UrlError,
    },
    /// Two members cannot be reached by the same.
    #[error("{0} is given twice")]
    Twice(String),
    /// `--name` must be among them.
    #[error("member {name:?} (--name) is not in --initial-cluster, which has {known}")]
    NotIn {
        /// The name.
        name: String,
        /// Those that are.
        known: String,
    },
    /// Two flags that say different things.
    #[error("--initial-cluster has {listed} for {name:?}, --initial-advertise-peer-urls has {advertised}")]
    Advertised {
        /// Whose.
        name: String,
        /// By one flag.
        listed: String,
        /// By the other.
        advertised: String,
    },
}

impl std::str::FromStr for InitialCluster {
    type Err = InitialClusterError;

    /// A name may come several times, with one URL each.
    fn from_str(text: &str) -> Result<Self, InitialClusterError> {
        let mut urls: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, url) =
                part.split_once('=').ok_or_else(|| InitialClusterError::Form(part.to_owned()))?;
            if name.is_empty() {
                return Err(InitialClusterError::NoName(part.to_owned()));
            }
            urls.entry(name).or_default().push(url);
        }
        let mut seen = BTreeSet::new();
        let mut members = BTreeMap::new();
        for (name, urls) in urls {
            let urls = PeerUrls::parse(urls)
                .map_err(|cause| InitialClusterError::Url { name: name.to_owned(), cause })?;
            for url in urls.iter() {
                if !seen.insert(url.clone()) {
                    return Err(InitialClusterError::Twice(url.clone()));
                }
            }
            members.insert(name.to_owned(), urls);
        }
        if members.is_empty() {
            return Err(InitialClusterError::Empty);
        }
        Ok(Self(members))
    }
}

impl InitialCluster {
    /// The members with their numbers.
    pub fn members(&self, token: &str) -> Members {
        let members = self.0.iter().map(|(name, urls)| Member::first(name, urls, token));
        Members::restore(members, [])
    }

    /// The cluster's number.
    pub fn id(&self, token: &str) -> ClusterId {
        cluster_id(self.members(token).iter().map(|member| member.id))
    }

    /// The names with their URLs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PeerUrls)> {
        self.0.iter().map(|(name, urls)| (name.as_str(), urls))
    }

    /// Whether the member of this name is listed as it says of itself (`--name`, `--initial-advertise-peer-urls`).
    pub fn agrees_with(&self, name: &str, advertised: &PeerUrls) -> Result<(), InitialClusterError> {
        let listed = self.0.get(name).ok_or_else(|| InitialClusterError::NotIn {
            name: name.to_owned(),
            known: self.0.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        if listed != advertised {
            return Err(InitialClusterError::Advertised {
                name: name.to_owned(),
                listed: listed.join(","),
                advertised: advertised.join(","),
            });
        }
        Ok(())
    }
}

//! A host is out.

use std::time::Duration;

use super::office::{Found, OPS, Office, TRIES};
use crate::cluster::identity::{DenyList, Domain, Eviction, Signed, UnixSeconds};
use crate::cluster::joining::Enrolled;
use crate::cluster::link::{Endpoint, Line};
use crate::cluster::mesh::MeshError;
use crate::cluster::tls;
use crate::cluster::world::{keys, txn};
use crate::engine::registry::did_you_mean;
use crate::engine::world::HostName;

/// Every server closes its connections to who is out within this of hearing of it. Until then one that is behind may still take
/// something from them.
const BITES_AFTER: Duration = Duration::from_secs(1);

/// A host that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Since when.
    pub at: UnixSeconds,
    /// Whether it was out already; then only what it had left behind was removed.
    pub before: bool,
    /// How many of its keys were removed from the store.
    pub removed: usize,
    /// Whether it carried the store, and so knew the mesh's authority.
    pub served: bool,
}

impl Office {
    /// Puts a host out: its certificates and keys are denied by a signed list that every server goes by, what it has written is
    /// removed, and its name is free.
    ///
    /// # Errors
    /// When there is no such host, the store cannot go on without it, this command reaches the mesh by no other, or the store does
    /// not answer.
    pub async fn evict(&self, host: &HostName) -> Result<Evicted, MeshError> {
        let served = self.make_dispensable(host).await?;
        let (at, before) = self.deny(host).await?;
        let mut removed = self.remove_traces(host).await?;
        if !before {
            self.note(&format!("evicted the host {host}")).await;
            // What a server that was behind has let through meanwhile.
            tokio::time::sleep(BITES_AFTER).await;
            removed += self.remove_traces(host).await?;
        }
        Ok(Evicted { at, before, removed, served })
    }

    /// Whether it carries the store; if so the others must be able to go on, and to be reached.
    async fn make_dispensable(&self, host: &HostName) -> Result<bool, MeshError> {
        let link = self.client.link();
        let told =
            link.ask("list members", self.deadline(), |line: Line, by| async move { line.members(by).await });
        let members = told.await?.members;
        let is_its = |name: &str| name == host.as_str();
        let Some(own) = members.iter().find(|member| is_its(&member.name)) else { return Ok(false) };
        let voters = members.iter().filter(|member| !member.is_learner).count();
        if !own.is_learner && voters - 1 < voters / 2 + 1 {
            return Err(MeshError::Indispensable { host: host.clone(), voters });
        }
        let at_its = |at: &Endpoint| {
            let mut urls = own.client_ur_ls.iter().chain(&own.peer_ur_ls);
            urls.any(|url| {
                url.parse::<Endpoint>()
                    .is_ok_and(|url| url.url.host == at.url.host && url.url.port == at.url.port)
            })
        };
        let others: Vec<Endpoint> = members
            .iter()
            .filter(|member| !is_its(&member.name))
            .flat_map(|member| &member.client_ur_ls)
            .filter_map(|url| url.parse().ok())
            .chain(link.endpoints())
            .filter(|at| !at_its(at))
            .collect();
        if others.is_empty() {
            return Err(MeshError::OnlyWay { host: host.clone() });
        }
        let line = link.line("reach the mesh", self.deadline()).await?;
        match at_its(&line.endpoint) {
            true => link.go_over(line.id, others),
            false => link.set_endpoints(others),
        }
        Ok(true)
    }

    /// Signs that it is out, unless it is. Since when, and whether it was before.
    async fn deny(&self, host: &HostName) -> Result<(UnixSeconds, bool), MeshError> {
        let operation = "evict a host";
        for _ in 0..TRIES {
            let (_, _, administrators) = self.administrators().await?;
            let found = self.read("read who is out", keys::DENIED).await?;
            let mut denied = DenyList::default();
            denied.merge(evictions(&found)?, &administrators, &self.mesh).warn("the store");
            let key = keys::enrolled(host);
            let there = self.read("read who has an identity", &key).await?;
            let Some(value) = there.value else {
                return match denied.of_name(host) {
                    Some(eviction) => Ok((eviction.at, true)),
                    None => Err(self.unknown(host).await?),
                };
            };
            let enrolled: Enrolled = serde_json::from_slice(&value).map_err(|source| {
                crate::cluster::joining::JoinError::UnreadRecord { key: key.clone(), source }
            })?;
            let at = tls::now();
            let eviction = Eviction {
                seq: denied.next_seq(),
                host: host.clone(),
                serials: vec![enrolled.serial],
                keys: vec![enrolled.key, enrolled.tls],
                at,
            };
            let signed = Signed::new(&eviction, Domain::Eviction, &self.mesh, &self.key)?;
            denied.take(signed, &administrators, &self.mesh)?;
            let list: Vec<&Signed<Eviction>> = denied.iter().collect();
            let list = serde_json::to_vec(&list).expect("texts can be written");
            let compare =
                vec![txn::is_unchanged(keys::DENIED, found.written), txn::is_unchanged(&key, there.written)];
            if self.commit(operation, compare, vec![txn::put(keys::DENIED, list), txn::delete(&key)]).await? {
                self.folder.store_denied(&denied)?;
                return Ok((at, false));
            }
        }
        Err(MeshError::Contended { operation })
    }

    /// That nobody is called so; perhaps another was meant.
    async fn unknown(&self, host: &HostName) -> Result<MeshError, MeshError> {
        let known = self.list_under("list hosts", keys::ENROLLED).await?;
        let names = known.iter().filter_map(|key| key.strip_prefix(keys::ENROLLED));
        let meant = did_you_mean(host.as_str(), names).map(str::to_owned);
        Ok(MeshError::UnknownHost { host: host.clone(), meant })
    }

    /// Removes all that it has written and all that was for it alone, unless another host has its name. How many keys.
    async fn remove_traces(&self, host: &HostName) -> Result<usize, MeshError> {
        let operation = "remove what the host has written";
        let mut doomed = self.list_under(operation, &keys::of_host(host)).await?;
        for (prefix, is_its) in TRACES {
            let all = self.list_under(operation, prefix).await?;
            doomed.extend(all.into_iter().filter(|key| is_its(key, host)));
        }
        for some in doomed.chunks(OPS) {
            let compare = vec![txn::is_unchanged(keys::enrolled(host), 0)];
            let gone = some.iter().map(txn::delete).collect();
            if !self.commit(operation, compare, gone).await? {
                // Another host has the name, and these keys are its own by now.
                return Ok(0);
            }
        }
        Ok(doomed.len())
    }
}

type IsIts = fn(&str, &HostName) -> bool;

/// Where hosts write, and what of it is a host's; beside what it keeps about itself.
const TRACES: [(&str, IsIts); 4] = [
    (keys::EXPORTS, |key, host| keys::export_of(key.as_bytes()).is_some_and(|(from, _)| from == *host)),
    (keys::HOST_STRINGS, |key, host| ends(key, "/", host)),
    (keys::SCHEDULES, |key, host| ends(key, "/candidate/", host)),
    (keys::SECRETS, |key, host| ends(key, "/", host)),
];

fn ends(key: &str, before: &str, host: &HostName) -> bool {
    key.strip_suffix(host.as_str()).is_some_and(|rest| rest.ends_with(before))
}

/// The list as it is stored.
pub(super) fn evictions(found: &Found) -> Result<Vec<Signed<Eviction>>, MeshError> {
    let Some(value) = &found.value else { return Ok(Vec::new()) };
    serde_json::from_slice(value).map_err(|source| {
        let key = keys::DENIED.to_owned();
        crate::cluster::joining::JoinError::UnreadRecord { key, source }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str) -> Vec<&'static str> {
        let host = host.parse().unwrap();
        let keys = [
            "/_mgmt/export/*/file/web-1//etc/motd",
            "/_mgmt/export/web-1/file/db-1/x",
            "/_mgmt/strings/host/k/web-1",
            "/_mgmt/strings/host/k/my-web-1",
            "/_mgmt/schedule/ns/candidate/web-1",
            "/_mgmt/schedule/ns/choice",
            "/_mgmt/secret/tls/web-1",
            "/_mgmt/host/web-10/card",
        ];
        let is_its =
            |key: &&str| TRACES.iter().any(|(prefix, is_its)| key.starts_with(prefix) && is_its(key, &host));
        keys.into_iter().filter(is_its).collect()
    }

    #[test]
    fn what_a_host_wrote_and_what_was_for_it_alone_goes_and_nothing_else() {
        let gone = [
            "/_mgmt/export/*/file/web-1//etc/motd",
            "/_mgmt/strings/host/k/web-1",
            "/_mgmt/schedule/ns/candidate/web-1",
            "/_mgmt/secret/tls/web-1",
        ];
        assert_eq!(of("web-1"), gone);
        assert_eq!(of("db-1"), ["/_mgmt/export/web-1/file/db-1/x"]);
        assert!(of("1").is_empty() && of("candidate").is_empty());
    }
}

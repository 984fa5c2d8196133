//! Those who were evicted serve no more.

use std::collections::BTreeMap;

use super::steward::Host;
use crate::cluster::etcd::node::Node;
use crate::cluster::node::MemberStanding;
use crate::cluster::store::key::KeyRange;
use crate::cluster::store::request::Range;
use crate::cluster::tls::MeshTls;
use crate::cluster::world::keys;
use crate::engine::world::HostName;

/// Hosts that were evicted are never asked to serve, and give up what duty they have, as if they left. One that has the name by
/// now, and an identity, is another host.
pub(super) fn dismiss(
    node: &impl Node,
    own: &MeshTls,
    census: &[MemberStanding],
    hosts: &mut BTreeMap<HostName, Host>,
) {
    let is_out = |host: &HostName| own.has_evicted(host) && !has_identity(node, host);
    hosts.retain(|host, _| !is_out(host));
    let members = census.iter().filter_map(|known| known.name.parse().ok());
    hosts.extend(members.filter(|host| is_out(host)).map(|host| (host, Host::that_leaves())));
}

/// Whether a host of this name has an identity now. What cannot be read is taken to be so: nobody loses their duty by that.
fn has_identity(node: &impl Node, host: &HostName) -> bool {
    let range = Range::of(KeyRange::One(keys::enrolled(host).into()));
    node.range(&range, None).map_or(true, |(_, found)| !found.kvs.is_empty())
}

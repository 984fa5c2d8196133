//! `/version` and `/debug/vars`.

use serde_json::{Value, json};

use crate::cluster::etcd::surface::{Surface, VERSION};

/// The versions of this server and of its cluster.
pub fn versions(surface: &Surface) -> Value {
    let cluster = surface.node.cluster_version().unwrap_or_else(|| "not_decided".to_owned());
    json!({ "etcdserver": VERSION, "etcdcluster": cluster })
}

/// The few variables of etcd's debug page that mean the same here.
pub fn variables(surface: &Surface) -> Value {
    let (identity, standing) = (surface.node.identity(), surface.node.standing());
    let state = if standing.learner {
        "StateLearner"
    } else if standing.leader == Some(identity.member) {
        "StateLeader"
    } else {
        "StateFollower"
    };
    json!({
        "raft.status": {
            "id": identity.member.to_string(),
            "term": standing.term,
            "lead": standing.leader.unwrap_or_default().to_string(),
            "commit": standing.committed,
            "applied": standing.applied,
            "raftState": state,
        },
    })
}

//! Secrets that vertices send one another: who receives one has one.

use std::sync::Arc;

use super::Graph;
use crate::engine::declaration::{Declaration, Receive};

/// Makes each parameter sensitive that receives a secret: an output that always is one, as a password, or any of a
/// sender with sensitive parameters, since what it sends may be made of these. Where edges form a cycle nothing is done:
/// such a graph cannot run.
pub fn follow(graph: &mut Graph) {
    let receives = |member: &Declaration| !member.receives.is_empty();
    if !graph.nodes().any(|node| graph.vertex(node).members.iter().any(receives)) {
        return;
    }
    // Senders come before their receivers, so once is enough.
    for node in graph.order().unwrap_or_default() {
        let members = graph.vertex(node).members.iter();
        let secrets: Vec<Vec<&'static str>> = members.map(|member| secrets_of(graph, member)).collect();
        for (member, params) in graph.vertex_mut(node).members.iter_mut().zip(secrets) {
            if !params.is_empty() {
                Arc::make_mut(&mut member.meta).sensitive.extend(params.into_iter().map(Arc::from));
            }
        }
    }
}

/// The parameters that receive a secret and are not sensitive yet.
fn secrets_of(graph: &Graph, member: &Declaration) -> Vec<&'static str> {
    let known = |param: &str| member.meta.sensitive.iter().any(|known| **known == *param);
    let new = member.receives.iter().filter(|receive| !known(receive.param) && is_secret(graph, receive));
    new.map(|receive| receive.param).collect()
}

fn is_secret(graph: &Graph, receive: &Receive) -> bool {
    let Some(sender) = graph.find(&receive.from).map(|node| graph.vertex(node)) else { return false };
    let outputs = &sender.kind.describe().outputs;
    outputs.iter().any(|output| output.secret && *output.name == *receive.key)
        || sender.members.iter().any(|it| it.label == receive.from && !it.meta.sensitive.is_empty())
}

//! Who does what, for `mgmt mesh status` and for what hosts publish of themselves.

use std::collections::BTreeMap;

use super::command::Duty;
use super::draft::Draft;
use super::scene::Scene;
use super::view::{Role, View};
use crate::cluster::mesh::HostName;
use crate::engine::sched::Time;

/// What each host does for the store: all that are registered or have a member. Of the learners, the one that is up
/// for longest and ready is the spare; if clients need relays, the others are relays.
pub fn duties(view: &View, now: Time) -> BTreeMap<HostName, Duty> {
    let scene = Scene::new(view, now, &mut Draft::default());
    let mut duties: BTreeMap<HostName, Duty> =
        view.hosts.keys().map(|host| (host.clone(), Duty::Client)).collect();
    let spare = scene.ready().min_by_key(|known| known.seniority()).map(|known| known.id);
    let relays = scene.relays_needed() > 0;
    for known in &scene.members {
        let duty = match known.member.role {
            Role::Voter => Duty::Voter,
            Role::Learner if relays && Some(known.id) != spare => Duty::Relay,
            Role::Learner => Duty::Spare,
        };
        // A host may have two members for a while: its lost one and its new one.
        let entry = duties.entry(known.name.clone()).or_insert(duty);
        *entry = (*entry).min(duty);
    }
    duties
}

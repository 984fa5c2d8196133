//! A host that carries the store is killed.

use std::time::{Duration, Instant};

use super::fleet::{Duties, Fleet};

/// Replaced in less: mesh.md.
const REPLACED: Duration = Duration::from_secs(5);

#[test]
fn a_voter_that_is_killed_is_replaced_and_nobody_else_stops() {
    a_voter_dies(|duties| duties.voters[1]);
}

#[test]
fn a_leader_that_is_killed_is_replaced_and_nobody_else_stops() {
    a_voter_dies(|duties| duties.voters[0]);
}

fn a_voter_dies(which: impl Fn(&Duties) -> usize) {
    let Some(mut fleet) = Fleet::new(5) else { return };
    fleet.start_all(3);
    let before = fleet.settled(0, 3, 1);
    fleet.all_have_all();
    let victim = which(&before);
    let live: Vec<usize> = (0..5).filter(|host| *host != victim).collect();
    let killed = Instant::now();
    fleet.kill(victim);
    // At once, while the dead one still has its vote.
    live.iter().for_each(|host| fleet.assert_repairs(*host));
    fleet.save(live[0], &[("during", "new")]);
    let told = fleet.told(live[1], &["mesh", "status"], "that another one votes", |told| {
        let now = Duties::told(told).voters;
        now.len() == 3 && !now.contains(&victim)
    });
    let took = killed.elapsed();
    println!("h{victim} of {before:?} was replaced after {took:?}: {:?}", Duties::told(&told));
    fleet.all_have(&live, "during", "new");
    assert!(took < REPLACED, "it took {took:?}");
}

//! Hosts that were down: all of them, or one whose seeds have gone meanwhile.

use super::fleet::Fleet;

#[test]
fn a_mesh_whose_hosts_were_all_killed_is_there_again_in_whatever_order_they_come() {
    let Some(mut fleet) = Fleet::new(5) else { return };
    fleet.start_all(3);
    fleet.settled(0, 3, 1);
    fleet.all_have_all();
    fleet.say(4, &["kv", "put", "before", "kept"]);
    let mut order = [0, 1, 2, 3, 4];
    order.iter().for_each(|host| fleet.kill(*host));
    let seed =
        std::env::var("MGMT_ORDER_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    fastrand::Rng::with_seed(seed).shuffle(&mut order);
    println!("MGMT_ORDER_SEED={seed}: they come as {order:?}");
    order.iter().for_each(|host| _ = fleet.start_again(*host));
    fleet.settled(order[4], 3, 1);
    for host in order {
        assert_eq!(fleet.say(host, &["kv", "get", "before"]), "kept\n");
        let name = format!("from-h{host}");
        fleet.save(host, &[(&name, "again")]);
        fleet.all_have(&order, &name, "again");
    }
}

#[test]
fn a_host_finds_its_mesh_from_disk_when_the_only_seed_is_gone_for_good() {
    let Some(mut fleet) = Fleet::new(4) else { return };
    fleet.start_all(3);
    let duties = fleet.settled(0, 3, 1);
    fleet.all_have_all();
    // Not the stand-by: it is about to get the seed's vote.
    let host = duties.voters.into_iter().find(|voter| *voter != 0).unwrap();
    let rest: Vec<usize> = (1..4).filter(|other| *other != host).collect();
    fleet.kill(0);
    fleet.net.cut(&[0]);
    fleet.kill(host);
    fleet.start_again(host);
    fleet.save(host, &[("again", "there")]);
    fleet.all_have(&rest, "again", "there");
    fleet.save(rest[0], &[("to-it", "too")]);
    fleet.wait_for(host, "to-it", "too");
}

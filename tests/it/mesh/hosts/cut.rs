//! A network in two parts.

use serde_json::Value;

use super::fleet::Fleet;
use super::history::writes;

#[test]
fn the_lesser_part_goes_on_with_what_it_has_and_what_it_wrote_arrives_once_and_in_order() {
    let Some(mut fleet) = Fleet::insecure(5) else { return };
    fleet.start_all(3);
    let duties = fleet.settled(0, 3, 1);
    fleet.all_have_all();
    // The one that leads, and the one that stands by: both have all of the store, and neither may serve it.
    let lesser = [duties.voters[0], duties.followers[0]];
    let hosts = [0, 1, 2, 3, 4];
    let most: Vec<usize> = hosts.into_iter().filter(|host| !lesser.contains(host)).collect();
    fleet.net.cut(&lesser);
    lesser.iter().for_each(|host| fleet.assert_repairs(*host));
    for host in lesser {
        // Until each knows that neither can serve, one may try the other.
        let line = fleet.says(host, "the store is away");
        for other in lesser {
            assert!(line.contains(&format!("{}: it has no leader", Fleet::address(other))), "{line}");
        }
        fleet.told(host, &["status"], "since when", |told| told["mesh"]["away_s"].as_u64() >= Some(3));
    }
    for host in lesser {
        let page = fleet.say(host, &["status"]);
        assert!(page.contains("the store has been away for"), "{page}");
        let name = format!("from-h{host}");
        let late = format!("late-h{host}");
        // Each is seen by the agent before the next; only the newest of a name is to arrive.
        for (exports, waiting) in [
            (&[(&*name, "second")][..], 1),
            (&[(&*name, "second"), (&*late, "of the cut")], 2),
            (&[(&*name, "third"), (&*late, "of the cut")], 2),
        ] {
            let graph = fleet.save(host, exports);
            let seen = fleet.told(host, &["status"], "that writes wait", |told| {
                told["graph"] == *graph && told["settled"] == true && told["mesh"]["waiting"] == waiting
            });
            assert_eq!(seen["failures"], 0, "{seen:#}");
        }
        fleet.assert_repairs(host);
    }
    // The others do not stop.
    let other = format!("from-h{}", most[0]);
    fleet.save(most[0], &[(&other, "second")]);
    fleet.all_have(&most, &other, "second");
    fleet.net.heal();
    fleet.all_have(&hosts, &other, "second");
    for host in lesser {
        let (name, late) = (format!("from-h{host}"), format!("late-h{host}"));
        fleet.all_have(&hosts, &name, "third");
        fleet.all_have(&hosts, &late, "of the cut");
        fleet.says(host, "the store is back");
        fleet.told(host, &["status"], "that nothing waits", |told| {
            told["mesh"]["waiting"] == 0 && told["mesh"]["away_s"].is_null()
        });
        let content = |value: &str| {
            let export: Value = serde_json::from_str(value).unwrap();
            export["params"]["content"]["str"].as_str().unwrap().to_owned()
        };
        let made = writes(&fleet, duties.voters[1], &format!("/_mgmt/export/*/file/h{host}/"));
        let made: Vec<(&str, String)> = made.iter().map(|(key, value)| (&**key, content(value))).collect();
        let wanted = [(&*name, "first"), (&*late, "of the cut"), (&*name, "third")];
        assert_eq!(made, wanted.map(|(key, value)| (key, value.to_owned())));
    }
}

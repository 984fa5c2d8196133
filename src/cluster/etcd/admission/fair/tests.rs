//! A fair queue, with few identities and with many, drawn at random.

use super::*;
use crate::cluster::etcd::admission::Source;

fn host(number: u32) -> Identity {
    Identity::At(Source::V4(number.into()))
}

/// Bytes of these orders of magnitude.
fn draw(random: &mut fastrand::Rng) -> u64 {
    let most = 1 << random.u32(5..20);
    random.u64(1..=most)
}

#[test]
fn who_is_alone_gets_what_it_gave_in_its_order() {
    let mut queue = FairQueue::default();
    for number in 0..100 {
        queue.push(&host(1), Class::Normal, number * 1_000, number).unwrap();
    }
    let taken: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|(_, number)| number).collect();
    assert_eq!(taken, (0..100).collect::<Vec<_>>());
    assert!(queue.is_empty());
}

#[test]
fn one_that_floods_does_not_keep_another_waiting() {
    let mut queue = FairQueue::default();
    for _ in 0..10_000 {
        queue.push(&host(1), Class::Normal, 100, "flood").unwrap();
    }
    queue.push(&host(2), Class::Normal, 100, "other").unwrap();
    let before = std::iter::from_fn(|| queue.pop()).take_while(|(_, who)| *who == "flood").count();
    assert!(before as u64 <= QUANTUM / FLOOR, "{before}");
}

#[test]
fn what_is_critical_does_not_wait_behind_bulk() {
    let mut queue = FairQueue::default();
    for _ in 0..20 {
        queue.push(&host(1), Class::Bulk, 1 << 20, Class::Bulk).unwrap();
    }
    for _ in 0..100 {
        queue.push(&host(1), Class::Normal, 100, Class::Normal).unwrap();
    }
    queue.pop().unwrap();
    queue.push(&host(2), Class::Critical, 100, Class::Critical).unwrap();
    assert_eq!(queue.pop().unwrap().1, Class::Critical);
}

#[test]
fn while_all_classes_wait_they_get_their_weights_and_none_stops() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut queue = FairQueue::new(Bounds { requests: 1 << 20, bytes: 1 << 40 });
    let mut taken = [0_u64; CLASSES];
    let longest = 1 << 19;
    for _ in 0..200_000 {
        for class in Class::ALL {
            while queue.depths()[class as usize] < 4 {
                queue.push(&host(random.u32(0..3)), class, draw(&mut random).min(longest), class).unwrap();
            }
        }
        let (cost, class) = queue.pop().unwrap();
        taken[class as usize] += cost;
    }
    let unit = taken.iter().sum::<u64>() / Class::ALL.map(Class::weight).iter().sum::<u64>();
    for class in Class::ALL {
        let due = unit * class.weight();
        let slack = 2 * (longest + class.weight() * QUANTUM);
        assert!(taken[class as usize].abs_diff(due) <= slack, "{class:?}: {taken:?}, {due}");
    }
}

/// The bound in the module's documentation, for whoever always has something waiting.
#[test]
fn nobody_who_waits_waits_for_more_than_the_bound() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let hosts = random.u32(2..30);
        let mut queue = FairQueue::new(Bounds { requests: 1 << 20, bytes: 1 << 40 });
        // Of each host: what waits in front, and what others took since it came to the front.
        let mut fronts: Vec<VecDeque<u64>> = vec![VecDeque::new(); hosts as usize];
        let mut others = vec![0_u64; hosts as usize];
        let mut longest = FLOOR;
        for _ in 0..20_000 {
            let number = random.u32(0..hosts);
            // The first of them floods.
            let count = if number == 0 { 5 } else { 1 };
            for _ in 0..count {
                if fronts[number as usize].len() < 100 {
                    let bytes = draw(&mut random);
                    longest = longest.max(bytes);
                    queue.push(&host(number), Class::Normal, bytes, number).unwrap();
                    if fronts[number as usize].is_empty() {
                        others[number as usize] = 0;
                    }
                    fronts[number as usize].push_back(bytes.max(FLOOR));
                }
            }
            let Some((cost, taken)) = queue.pop() else { continue };
            assert_eq!(fronts[taken as usize].pop_front(), Some(cost), "their order is kept");
            let bound = u64::from(hosts - 1) * (cost.div_ceil(QUANTUM) * QUANTUM + longest);
            assert!(others[taken as usize] <= bound, "seed {seed}: {} > {bound}", others[taken as usize]);
            others[taken as usize] = 0;
            for (number, waited) in others.iter_mut().enumerate() {
                if number != taken as usize && !fronts[number].is_empty() {
                    *waited += cost;
                }
            }
        }
    }
}

#[test]
fn one_alone_gets_about_half_and_there_is_always_room_for_one_more() {
    let bounds = Bounds { requests: 1_000, bytes: 1 << 40 };
    let mut queue = FairQueue::new(bounds);
    let mut fill =
        |number: u32| (0..).take_while(|_| queue.push(&host(number), Class::Critical, 1, ()).is_ok()).count();
    assert_eq!(fill(1), 500);
    assert_eq!(fill(2), 250);
    assert_eq!(fill(3), 125);
    assert_eq!(fill(4), 63);
    assert_eq!(fill(5), 31);
    assert_eq!(queue.depths(), [969, 0, 0]);
}

#[test]
fn what_is_less_urgent_leaves_room_for_what_is_more() {
    let mut queue = FairQueue::new(Bounds { requests: 1 << 20, bytes: 64 << 20 });
    let mut fill =
        |class: Class| (0..).take_while(|_| queue.push(&host(1), class, 1 << 20, ()).is_ok()).count();
    assert_eq!(fill(Class::Bulk), 21);
    assert_eq!(fill(Class::Normal), 6);
    assert_eq!(fill(Class::Critical), 5);
}

#[test]
fn bounds_hold_and_nothing_stays_of_those_who_have_gone() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bounds = Bounds { requests: 300, bytes: 4 << 20 };
        let mut queue = FairQueue::new(bounds);
        let (mut given, mut taken) = (0_u64, 0_u64);
        for _ in 0..10_000 {
            if random.u32(..3) > 0 {
                let class = Class::ALL[random.usize(..CLASSES)];
                given += u64::from(queue.push(&host(random.u32(..40)), class, draw(&mut random), ()).is_ok());
            } else {
                taken += u64::from(queue.pop().is_some());
            }
            assert!(queue.requests <= bounds.requests && queue.bytes <= bounds.bytes);
            assert_eq!(queue.depths().iter().sum::<usize>() as u64, given - taken);
            assert!(queue.slots.len() <= 40 && queue.by_identity.len() <= queue.requests);
        }
        while queue.pop().is_some() {}
        assert!(queue.by_identity.is_empty() && queue.slots.iter().all(Option::is_none));
        assert_eq!((queue.requests, queue.bytes), (0, 0));
    }
}

#[test]
fn after_a_crowd_its_room_is_given_back() {
    let mut queue = FairQueue::default();
    for number in 0..5_000 {
        queue.push(&host(number), Class::Normal, 1, ()).unwrap();
    }
    while queue.pop().is_some() {}
    assert_eq!(queue.slots.capacity() + queue.by_identity.capacity() + queue.lanes[1].turns.capacity(), 0);
}

//! Messages arrive, or their sender is told that they did not.

use super::*;

/// So many at a time: less than a queue holds.
const ROUND: u64 = 1000;

#[tokio::test]
async fn ten_thousand_messages_arrive_in_order_on_both_ways() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    two.knows(&[&one]);
    for round in 0..10 {
        for index in round * ROUND..(round + 1) * ROUND {
            one.peers.send(append(&one, &two, index, 100));
            two.peers.send(message(MessageType::AppResp, &two, &one, index));
        }
        for index in round * ROUND..(round + 1) * ROUND {
            let arrived = two.message().await;
            assert_eq!(arrived.index, index);
            assert_eq!(arrived.entries[0].data.len(), 100);
            assert_eq!(one.message().await.index, index);
        }
    }
    assert!(one.peers.active_since(two.id).is_some());
    assert!(one.peers.active_since(one.id).is_none());
}

#[tokio::test]
async fn three_members_all_hear_one_another() {
    let mut ends = [End::new(1).await, End::new(2).await, End::new(3).await];
    for end in &ends {
        end.knows(&ends.iter().collect::<Vec<_>>());
    }
    for index in 0..ROUND {
        for from in &ends {
            for to in ends.iter().filter(|to| to.id != from.id) {
                from.peers.send(message(MessageType::Heartbeat, from, to, index));
            }
        }
    }
    for end in &mut ends {
        let mut next = [0; 4];
        for _ in 0..2 * ROUND {
            let arrived = end.message().await;
            let from = usize::try_from(arrived.from).unwrap();
            assert_eq!(arrived.index, next[from]);
            next[from] += 1;
        }
    }
}

/// Sends messages from this number on, again and again, until one arrives; returns the number after it.
async fn send_until_one_arrives(from: &mut End, to: &mut End, mut index: u64) -> u64 {
    from.peers.send(message(MessageType::Heartbeat, from, to, index));
    loop {
        tokio::select! {
            told = to.told.recv() => {
                let Some(Told::Message(arrived)) = told else { continue };
                assert!(arrived.index <= index);
                if arrived.index == index {
                    return index + 1;
                }
            }
            told = from.told.recv() => if told == Some(Told::Unreachable(to.id)) {
                index += 1;
                from.peers.send(message(MessageType::Heartbeat, from, to, index));
            },
        }
    }
}

#[tokio::test]
async fn a_receiver_that_was_killed_is_found_again() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    let mut next = 0;
    for _ in 0..5 {
        for index in next..next + 2 * ROUND {
            one.peers.send(message(MessageType::Heartbeat, &one, &two, index));
        }
        next += 2 * ROUND;
        // Half of them are on their way.
        for _ in 0..ROUND {
            two.message().await;
        }
        two.stop().await;
        // Each lane tells it, the other one perhaps first.
        while one.peers.active_since(two.id).is_some() {
            one.hears().await;
        }
        two.start_again().await;
        let sent = send_until_one_arrives(&mut one, &mut two, next);
        next = tokio::time::timeout(PATIENCE, sent).await.expect("it is found again");
        assert!(one.peers.active_since(two.id).is_some());
    }
}

#[tokio::test]
async fn heartbeats_do_not_wait_for_large_appends() {
    let (one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    one.peers.send(append(&one, &two, 0, 1));
    one.peers.send(message(MessageType::Heartbeat, &one, &two, 0));
    two.message().await;
    two.message().await;
    let appends = 50;
    (1..=appends).for_each(|index| one.peers.send(append(&one, &two, index, 1 << 20)));
    one.peers.send(message(MessageType::Heartbeat, &one, &two, 1));
    let mut before = 0;
    while two.message().await.r#type() != MessageType::Heartbeat {
        before += 1;
    }
    assert!(before < appends, "it came after all appends");
}

#[tokio::test]
async fn a_member_that_accepts_and_never_reads_does_not_fill_the_memory() {
    let hole = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut one = End::new(1).await;
    let url = PeerUrl { host: "127.0.0.1".to_owned(), port: hole.local_addr().unwrap().port(), tls: false };
    one.peers.set_members(&[(MemberId(2), vec![url])]);
    let heartbeat = Message { r#type: MessageType::Heartbeat.into(), to: 2, from: 1, ..Default::default() };
    let accepted = tokio::task::spawn_blocking(move || hole.accept().map(|it| (hole, it)));
    let _open = accepted.await.unwrap().unwrap();
    for _ in 0..10_000 {
        one.peers.send(heartbeat.clone());
    }
    assert_eq!(one.peers.waiting(MemberId(2)), 4096);
    assert_eq!(one.hears().await, Told::Unreachable(MemberId(2)), "that they are dropped");
    assert_eq!(one.hears().await, Told::Unreachable(MemberId(2)), "that the attempt failed");
    assert_eq!(one.peers.waiting(MemberId(2)), 0, "what is old is not sent any more");
    assert!(one.peers.active_since(MemberId(2)).is_none());
}

#[tokio::test]
async fn the_next_url_is_tried_when_one_does_not_answer() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.peers.set_members(&[(two.id, vec![nobody(), two.url()])]);
    let sent = send_until_one_arrives(&mut one, &mut two, 0);
    tokio::time::timeout(PATIENCE, sent).await.expect("the second URL is tried");
    assert_eq!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await.unwrap(), [Some(60)]);
}

#[tokio::test]
async fn members_that_leave_and_come_back_elsewhere_are_followed() {
    let (mut one, two, mut three) = (End::new(1).await, End::new(2).await, End::of(CLUSTER, 2, None).await);
    one.knows(&[&two]);
    one.peers.set_members(&[]);
    assert!(matches!(one.peers.renew_leases(two.id, &[LeaseId(7)]).await, Err(CallError::UnknownMember(_))));
    one.peers.send(message(MessageType::Heartbeat, &one, &two, 0));
    one.knows(&[&three]);
    let sent = send_until_one_arrives(&mut one, &mut three, 1);
    tokio::time::timeout(PATIENCE, sent).await.expect("it is reached at its new place");
    one.peers.close();
    one.knows(&[&three]);
    assert!(one.peers.active_since(three.id).is_none());
}

#[tokio::test]
async fn who_connects_is_reached_before_anybody_names_it() {
    let (mut one, mut two) = (End::new(1).await, End::new(2).await);
    one.knows(&[&two]);
    send_until_one_arrives(&mut one, &mut two, 0).await;
    assert!(two.node.met.lock().unwrap().contains(&(one.id, vec![one.url()])));
    two.peers.meet(one.id, &[one.url()]);
    // Who the members are is heard of one by one when a log is replayed.
    two.peers.set_members(&[(MemberId(3), vec![nobody()])]);
    send_until_one_arrives(&mut two, &mut one, 1).await;
    two.knows(&[&one]);
    two.peers.set_members(&[]);
    assert!(two.peers.active_since(one.id).is_none(), "it was a member, and is none any more");
}

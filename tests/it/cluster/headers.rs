//! What an answer says of the store.

use etcd_client::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse};
use sha2::{Digest as _, Sha256};

use super::served::Served;

#[tokio::test]
async fn a_store_begins_at_revision_1_and_a_write_answers_its_own() {
    let store = Served::start().await;
    let mut client = store.client().await;
    let empty = client.get("a", None).await.unwrap();
    let header = empty.header().unwrap();
    let own = store.node.identity();
    assert_eq!((header.revision(), header.raft_term()), (1, 2));
    assert_eq!((header.cluster_id(), header.member_id()), (own.cluster.0, own.member.0));
    assert_eq!(client.put("a", "1", None).await.unwrap().header().unwrap().revision(), 2);
    assert_eq!(client.delete("b", None).await.unwrap().header().unwrap().revision(), 2);
    assert_eq!(client.member_list().await.unwrap().header().unwrap().revision(), 0);
    assert!(client.defragment().await.unwrap().header().is_none());
}

#[tokio::test]
async fn answers_within_a_transaction_have_only_a_revision_and_nested_transactions_nothing() {
    let store = Served::start().await;
    let mut client = store.client().await;
    let inner = Txn::new().and_then(vec![TxnOp::put("b", "2", None)]);
    let txn = Txn::new().when(vec![Compare::version("a", CompareOp::Equal, 0)]).and_then(vec![
        TxnOp::put("a", "1", None),
        TxnOp::get("a", None),
        TxnOp::txn(inner),
    ]);
    let answer = client.txn(txn).await.unwrap();
    assert!(answer.succeeded());
    assert_eq!(answer.header().unwrap().revision(), 2);
    let replies = answer.op_responses();
    let TxnOpResponse::Get(get) = &replies[1] else { panic!("{replies:?}") };
    assert_eq!((get.header().unwrap().revision(), get.header().unwrap().raft_term()), (2, 0));
    let TxnOpResponse::Txn(nested) = &replies[2] else { panic!("{replies:?}") };
    assert_eq!(nested.header().map(|header| (header.revision(), header.cluster_id())), Some((0, 0)));
}

#[tokio::test]
async fn a_snapshot_ends_with_the_digest_of_what_came_before() {
    let store = Served::start().await;
    let mut stream = store.client().await.snapshot().await.unwrap();
    let (mut whole, mut last) = (Vec::new(), Vec::new());
    while let Some(part) = stream.message().await.unwrap() {
        whole.append(&mut last);
        last = part.blob().to_vec();
    }
    assert_eq!(whole.len(), 100_000);
    assert_eq!(last, Sha256::digest(&whole).to_vec());
}

#[tokio::test]
async fn keeping_alive_what_is_not_there_answers_zero_and_ends_when_the_client_has_said_all() {
    let store = Served::start().await;
    let mut client = store.client().await;
    client.lease_grant(60, Some(etcd_client::LeaseGrantOptions::new().with_id(5))).await.unwrap();
    let (mut keeper, mut answers) = client.lease_keep_alive(5).await.unwrap();
    keeper.keep_alive().await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 60);
    client.lease_revoke(5).await.unwrap();
    keeper.keep_alive().await.unwrap();
    let mut gone = answers.message().await.unwrap().unwrap();
    // The client sends one by itself when it begins.
    if gone.ttl() == 60 {
        gone = answers.message().await.unwrap().unwrap();
    }
    assert_eq!((gone.id(), gone.ttl()), (5, 0));
    drop(keeper);
    while answers.message().await.unwrap().is_some() {}
}

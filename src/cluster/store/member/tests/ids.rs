//! Numbers that etcd gave, bit for bit.

use super::*;

#[test]
fn the_first_members_and_their_cluster_have_the_numbers_of_etcd() {
    let one: InitialCluster = "a=http://127.0.0.1:12380".parse().unwrap();
    let ids: Vec<_> = one.members("etcd-cluster").iter().map(|member| member.id.to_string()).collect();
    assert_eq!(ids, ["ddd67b312462fd7b"]);
    assert_eq!(one.id("etcd-cluster").to_string(), "a7ef944b95711739");
}

#[test]
fn the_token_and_several_urls_count() {
    let text = "c=http://127.0.0.1:24383,a=http://127.0.0.1:24381,b=https://127.0.0.1:24390,b=http://127.0.0.1:24380";
    let three: InitialCluster = text.parse().unwrap();
    let ids: Vec<_> =
        three.members("tok").iter().map(|member| (member.name.clone(), member.id.to_string())).collect();
    let expected = [("c", "183ad4cffe190f94"), ("a", "ab6a52b5594cda18"), ("b", "b935cd5e5e86e722")];
    let mut sorted = expected.map(|(name, id)| (name.to_owned(), id.to_owned()));
    sorted.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(ids, sorted);
    assert_eq!(three.id("tok").to_string(), "d9a1173697d22c96");
}

#[test]
fn a_member_that_joins_gets_its_number_from_urls_and_time() {
    let two = urls(&["http://127.0.0.1:22381", "http://127.0.0.1:22380"]);
    assert_eq!(Member::joining(&two, true, 1_795_259_367).id.to_string(), "5aa0a3b8ab1b043b");
    let doubled = urls(&["http://b:2", "http://a:1", "http://a:1"]);
    assert_eq!(Member::joining(&doubled, true, 1_795_260_858).id.to_string(), "b5ee3da5f85aa4fa");
}

#[test]
fn the_initial_cluster_says_what_is_wrong_with_it() {
    let error = |text: &str| text.parse::<InitialCluster>().unwrap_err().to_string();
    assert!(error("").starts_with("no member is given"));
    assert!(error(",,").starts_with("no member is given"));
    assert_eq!(error("a=http://h:1,b"), "\"b\" is not of the form name=http://host:port");
    assert_eq!(error("=http://h:1"), "\"=http://h:1\" has no name before the =");
    assert_eq!(
        error("a=foo"),
        "member \"a\": \"foo\" must begin with http://, https://, unix:// or unixs://"
    );
    assert_eq!(
        error("a=http://h:1/x"),
        "member \"a\": \"http://h:1/x\" must not have a path: only http://host:port"
    );
    assert_eq!(error("a=http://h:1,b=http://h:1"), "http://h:1 is given twice");
    assert_eq!("a=http://h:1,,".parse::<InitialCluster>().unwrap().iter().count(), 1);
}

#[test]
fn what_a_member_says_of_itself_must_be_what_is_listed() {
    let cluster: InitialCluster = "a=http://h:2,a=http://h:1,b=http://i:1".parse().unwrap();
    assert_eq!(cluster.agrees_with("a", &urls(&["http://h:1", "http://h:2"])), Ok(()));
    assert_eq!(
        cluster.agrees_with("z", &urls(&["http://h:1"])).unwrap_err().to_string(),
        "member \"z\" (--name) is not in --initial-cluster, which has a, b"
    );
    assert_eq!(
        cluster.agrees_with("b", &urls(&["http://h:9"])).unwrap_err().to_string(),
        "--initial-cluster has http://i:1 for \"b\", --initial-advertise-peer-urls has http://h:9"
    );
}

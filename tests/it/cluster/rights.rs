//! Authentication, as clients see it.

use etcd_client::{Client, ConnectOptions, Permission, PermissionType, WatchOptions};
use tonic::Code;

use super::served::Served;

/// A store where `root` may do everything, and `eve` may read and write what begins with `e`.
async fn guarded() -> Served {
    let store = Served::start().await;
    let mut client = store.client().await;
    client.user_add("root", "secret", None).await.unwrap();
    client.user_add("eve", "password", None).await.unwrap();
    client.role_add("e").await.unwrap();
    let permission = Permission::new(PermissionType::Readwrite, "e").with_prefix();
    client.role_grant_permission("e", permission).await.unwrap();
    client.user_grant_role("eve", "e").await.unwrap();
    let refused = client.auth_enable().await.unwrap_err();
    assert_eq!(told(refused).1, "etcdserver: root user does not have root role");
    client.role_add("root").await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.auth_enable().await.unwrap();
    store
}

async fn client_as(store: &Served, user: &str, password: &str) -> Result<Client, etcd_client::Error> {
    let options = ConnectOptions::new().with_user(user, password);
    Client::connect([store.at.to_string()], Some(options)).await
}

fn told(error: etcd_client::Error) -> (Code, String) {
    match error {
        etcd_client::Error::GRpcStatus(status) => (status.code(), status.message().to_owned()),
        other => panic!("{other}"),
    }
}

fn says(code: Code, text: &str) -> (Code, String) {
    (code, format!("etcdserver: {text}"))
}

#[tokio::test]
async fn who_does_not_say_who_he_is_may_nothing() {
    let store = guarded().await;
    let mut nobody = store.client().await;
    let empty = says(Code::InvalidArgument, "user name is empty");
    assert_eq!(told(nobody.get("e", None).await.unwrap_err()), empty);
    assert_eq!(told(nobody.put("e", "1", None).await.unwrap_err()), empty);
    assert_eq!(told(nobody.member_list().await.unwrap_err()), empty);
    assert_eq!(told(nobody.status().await.unwrap_err()), empty);
    assert_eq!(told(nobody.leases().await.unwrap_err()), empty);
    assert_eq!(told(nobody.lease_grant(60, None).await.unwrap_err()), empty);
    assert_eq!(told(nobody.compact(1, None).await.unwrap_err()), empty);
    let wrong = told(client_as(&store, "eve", "guess").await.err().unwrap());
    let text = "authentication failed, invalid user ID or password";
    assert_eq!(wrong, says(Code::InvalidArgument, text));
}

#[tokio::test]
async fn a_user_may_what_its_roles_say() {
    let store = guarded().await;
    let mut eve = client_as(&store, "eve", "password").await.unwrap();
    eve.put("e1", "1", None).await.unwrap();
    assert_eq!(eve.get("e1", None).await.unwrap().count(), 1);
    let denied = says(Code::PermissionDenied, "permission denied");
    assert_eq!(told(eve.put("f", "1", None).await.unwrap_err()), denied);
    assert_eq!(told(eve.get("f", None).await.unwrap_err()), denied);
    assert_eq!(told(eve.user_list().await.unwrap_err()), denied);
    // etcd forgets to translate what its library says.
    assert_eq!(told(eve.hash().await.unwrap_err()), (Code::Unknown, "auth: permission denied".to_owned()));
    assert_eq!(eve.user_get("eve").await.unwrap().roles(), ["e"]);
    assert_eq!(eve.role_get("e").await.unwrap().permissions().len(), 1);
    let mut root = client_as(&store, "root", "secret").await.unwrap();
    root.put("f", "1", None).await.unwrap();
    assert_eq!(root.status().await.unwrap().version(), "3.5.30");
    let protected = told(root.user_delete("root").await.unwrap_err());
    assert_eq!(protected, says(Code::InvalidArgument, "invalid auth management"));
    assert_eq!(
        told(root.user_get("bob").await.unwrap_err()),
        says(Code::FailedPrecondition, "user name not found")
    );
}

#[tokio::test]
async fn a_watch_that_is_not_allowed_says_so_in_its_answer() {
    let store = guarded().await;
    let mut eve = client_as(&store, "eve", "password").await.unwrap();
    let mut stream = eve.watch("f", None).await.unwrap();
    let answer = stream.message().await.unwrap().unwrap();
    assert!(answer.created() && answer.canceled());
    assert_eq!(answer.watch_id(), -1);
    let reason = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    assert_eq!(answer.cancel_reason(), reason);
    // Its own key is in it, but what comes after is not.
    let mut from_own = eve.watch("e", Some(WatchOptions::new().with_from_key())).await.unwrap();
    assert_eq!(from_own.message().await.unwrap().unwrap().cancel_reason(), reason);
    let options = WatchOptions::new().with_prefix();
    let mut allowed = eve.watch("e", Some(options)).await.unwrap();
    let first = allowed.message().await.unwrap().unwrap();
    assert!(first.created() && !first.canceled());
    eve.put("e1", "1", None).await.unwrap();
    assert_eq!(allowed.message().await.unwrap().unwrap().events().len(), 1);
}

#[tokio::test]
async fn a_token_that_nobody_gave_is_refused() {
    let store = guarded().await;
    let request =
        mgmt::cluster::etcd::pb::etcdserverpb::RangeRequest { key: "e".into(), ..Default::default() };
    let mut request = tonic::Request::new(request);
    request.metadata_mut().insert("token", "frob.1".parse().unwrap());
    let answer = super::raw::call::<_, mgmt::cluster::etcd::pb::etcdserverpb::RangeResponse>(
        store.at,
        "/etcdserverpb.KV/Range",
        request,
    );
    let refused = super::raw::refusal(answer.await);
    assert_eq!(refused, says(Code::Unauthenticated, "invalid auth token"));
}

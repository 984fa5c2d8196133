use super::scene::{Scene, soon, until};
use crate::cluster::world::view;

#[tokio::test]
async fn what_is_followed_is_told_over_the_connection_that_a_host_has_gone_over_to() {
    // Their stores have one id, like members of one mesh.
    let (near, far) = (Scene::new().await, Scene::new().await);
    let client = far.stranger("a").client;
    let mut mark = view::follow_one(client.watcher(), "mark".to_owned(), |entry| Some(entry.value.clone()));
    until(&mut mark, Option::is_none).await;
    let line = client.link().line("go over", soon()).await.unwrap();
    client.link().go_over(line.id, vec![near.endpoint()]);
    near.write("mark", "told").await;
    until(&mut mark, |now| now.as_deref() == Some(b"told")).await;
}

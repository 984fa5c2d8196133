use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use zbus::message::Message;

use super::peer::{Handler, Peer};
use super::{BusError, Hearing, Link, Listener, Method, Place, READ_LIMIT};

const ECHO: Method<'static> =
    Method { service: "org.example", path: "/org/example", interface: "org.example.It", member: "Echo" };

#[derive(Default)]
struct Heard {
    ups: AtomicUsize,
    downs: AtomicUsize,
    signals: AtomicUsize,
    news: tokio::sync::Notify,
}

impl Listener for Heard {
    fn up(&self, _: bool) {
        self.ups.fetch_add(1, Ordering::SeqCst);
        self.news.notify_one();
    }
    fn down(&self) {
        self.downs.fetch_add(1, Ordering::SeqCst);
    }
    fn signal(&self, _: &Message) {
        self.signals.fetch_add(1, Ordering::SeqCst);
        self.news.notify_one();
    }
    fn is_wanted(&self) -> bool {
        true
    }
}

fn echo() -> Handler {
    Arc::new(|connection, message| {
        async move {
            let header = message.header();
            match header.member().unwrap().as_str() {
                "Echo" => {
                    let text: String = message.body().deserialize().unwrap();
                    connection.reply(&header, &text).await.unwrap();
                }
                "Refuse" => {
                    connection.reply_error(&header, "org.example.Error.Sorry", &"not today").await.unwrap();
                }
                "Leave" => connection.clone().close().await.unwrap(),
                _ => {}
            }
        }
        .boxed()
    })
}

fn link(dir: &tempfile::TempDir) -> (Link, Arc<Heard>) {
    let heard = Arc::<Heard>::default();
    let place = Place::Socket(dir.path().join("socket"));
    (Link::new(vec![place], Hearing::default(), heard.clone()), heard)
}

#[tokio::test]
async fn nothing_is_opened_before_the_first_call() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::start(&dir.path().join("socket"), echo());
    let (link, heard) = link(&dir);
    assert!(peer.connections().is_empty());
    let answer: String = link.ask(ECHO, &"hello", READ_LIMIT).await.unwrap();
    assert_eq!(answer, "hello");
    assert_eq!((link.calls(), heard.ups.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn what_the_daemon_says_is_told_and_silence_ends() {
    let dir = tempfile::tempdir().unwrap();
    let _peer = Peer::start(&dir.path().join("socket"), echo());
    let (link, _) = link(&dir);
    let refused = link.call(Method { member: "Refuse", ..ECHO }, &(), READ_LIMIT).await.unwrap_err();
    assert_eq!(refused.refusal(), Some("Sorry"));
    assert_eq!(refused.to_string(), "Refuse: not today (org.example.Error.Sorry)");
    let silent = link.call(Method { member: "Silent", ..ECHO }, &(), Duration::from_millis(20)).await;
    assert!(matches!(silent, Err(BusError::TimedOut { .. })), "{silent:?}");
    let lost = link.call(Method { member: "Leave", ..ECHO }, &(), READ_LIMIT).await.unwrap_err();
    assert!(lost.is_lost(), "{lost:?}");
}

#[tokio::test]
async fn a_lost_connection_is_opened_anew_and_signals_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let peer = Peer::start(&socket, echo());
    let (link, heard) = link(&dir);
    link.call(ECHO, &"a", READ_LIMIT).await.unwrap();
    heard.news.notified().await;
    peer.hang_up().await;
    heard.news.notified().await;
    assert_eq!((heard.ups.load(Ordering::SeqCst), heard.downs.load(Ordering::SeqCst)), (2, 1));
    // The other side is through with the handshake once it answers.
    link.call(ECHO, &"a", READ_LIMIT).await.unwrap();
    let connected = peer.connections();
    connected[0].emit_signal(None::<&str>, "/org/example", "org.example.It", "Hey", &()).await.unwrap();
    heard.news.notified().await;
    assert_eq!(heard.signals.load(Ordering::SeqCst), 1);
    // A call made while the daemon is away waits for it.
    drop(peer);
    for connection in connected {
        connection.close().await.unwrap();
    }
    let calling = tokio::spawn(async move { link.ask::<_, String>(ECHO, &"b", READ_LIMIT).await });
    let _peer = Peer::start(&socket, echo());
    // Where the call was on its way already, it is not made twice: that is for the caller to decide.
    match calling.await.unwrap() {
        Ok(answer) => assert_eq!(answer, "b"),
        Err(error) => assert!(error.is_lost(), "{error:?}"),
    }
}

#[tokio::test]
async fn where_nothing_listens_a_call_fails_at_once_and_a_later_one_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (link, heard) = link(&dir);
    let error = link.call(ECHO, &"a", READ_LIMIT).await.unwrap_err();
    assert!(matches!(error, BusError::NoConnection { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("systemd"));
    let _peer = Peer::start(&dir.path().join("socket"), echo());
    heard.news.notified().await;
    let answer: String = link.ask(ECHO, &"a", READ_LIMIT).await.unwrap();
    assert_eq!(answer, "a");
}

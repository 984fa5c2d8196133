//! Clients that write, each its own keys, at one member after the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_local};

use super::history::Ack;
use super::member;

/// After this long nobody knows what comes of a write; the client goes on elsewhere.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Between tries that fail.
const BREATH: Duration = Duration::from_millis(10);

/// Clients that write until they are stopped.
pub struct Writers {
    acks: Rc<RefCell<Vec<Ack>>>,
    stopped: Rc<Cell<bool>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts some.
    pub fn start(count: usize, urls: &[String], prefix: &str) -> Self {
        let (acks, stopped) = (Rc::<RefCell<Vec<Ack>>>::default(), Rc::<Cell<bool>>::default());
        let tasks = (0..count)
            .map(|writer| {
                let prefix = format!("{prefix}{writer}/");
                spawn_local(write(prefix, urls.to_vec(), writer, acks.clone(), stopped.clone()))
            })
            .collect();
        Self { acks, stopped, tasks }
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acks.borrow().len()
    }

    /// Waits until that many more writes were acknowledged.
    pub async fn advance(&self, more: usize) {
        let goal = self.acknowledged() + more;
        let advanced = async {
            while self.acknowledged() < goal {
                tokio::time::sleep(BREATH).await;
            }
        };
        tokio::time::timeout(member::PATIENCE, advanced).await.expect("writes are not acknowledged any more");
    }

    /// Stops them; what was acknowledged.
    pub async fn stop(self) -> Vec<Ack> {
        self.stopped.set(true);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.acks.take()
    }
}

async fn write(
    prefix: String,
    urls: Vec<String>,
    first: usize,
    acks: Rc<RefCell<Vec<Ack>>>,
    stopped: Rc<Cell<bool>>,
) {
    let mut at = first % urls.len();
    let mut number = 0;
    while !stopped.get() {
        let options = etcd_client::ConnectOptions::new().with_connect_timeout(Duration::from_secs(1));
        let Ok(mut client) = etcd_client::Client::connect([&urls[at]], Some(options)).await else {
            at = (at + 1) % urls.len();
            tokio::time::sleep(BREATH).await;
            continue;
        };
        while !stopped.get() {
            // A key is never tried twice: whether a write that was not acknowledged came true, nobody knows.
            let key = format!("{prefix}{number:06}");
            number += 1;
            let asked = Instant::now();
            match tokio::time::timeout(TIMEOUT, client.put(key.clone(), "", None)).await {
                Ok(Ok(reply)) => {
                    let revision = reply.header().unwrap().revision();
                    acks.borrow_mut().push(Ack { key, revision, asked, told: Instant::now() });
                }
                Ok(Err(_)) | Err(_) => break,
            }
        }
        at = (at + 1) % urls.len();
        tokio::time::sleep(BREATH).await;
    }
}

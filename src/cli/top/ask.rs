//! Asks the agent, once a second, or at once when another search begins.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::agent::control::ControlError;
use crate::agent::control::client::Client;
use crate::agent::control::protocol::{Asked, Status};
use crate::engine::runtime::snapshot::Rows;

/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(1);
/// Rows, the most urgent first: more than anyone scrolls through.
const ROWS: u32 = 500;
/// The slowest.
const SLOWEST: u32 = 8;

/// How it is, or why there is no answer.
pub(super) type Answer = Result<Box<Status>, ControlError>;

/// Begins to ask; what is searched for may change.
pub(super) fn start(socket: PathBuf, mut search: watch::Receiver<String>) -> mpsc::Receiver<Answer> {
    let (send, answers) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut client = None;
        loop {
            let began = Instant::now();
            let find = search.borrow_and_update().clone();
            let asked = Asked {
                rows: Rows::All,
                limit: Some(ROWS),
                slowest: SLOWEST,
                find: (!find.is_empty()).then_some(find),
            };
            let answer = ask(&mut client, &socket, asked).await;
            if send.send(answer).await.is_err() {
                return;
            }
            tokio::select! {
                () = sleep_until(began + INTERVAL) => {}
                changed = search.changed() => if changed.is_err() { return },
            }
        }
    });
    answers
}

/// Connects when there is no connection, and forgets one that has failed.
async fn ask(client: &mut Option<Client>, socket: &std::path::Path, asked: Asked) -> Answer {
    let mut connected = match client.take() {
        Some(connected) => connected,
        None => Client::connect(socket)?,
    };
    let status = connected.status(asked).await?;
    *client = Some(connected);
    Ok(Box::new(status))
}

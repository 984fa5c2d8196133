//! Says in the log that the store is away, and why, and when it is back.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::link::{Endpoint, Problem, Standing};

/// An election or a change of servers is over by then: nobody needs to hear of it.
const GRACE: Duration = Duration::from_secs(3);

/// Tells of each outage once. Ends with the link.
pub(super) async fn tell(mut standing: watch::Receiver<Standing>) {
    let is_up = |standing: &Standing| matches!(standing, Standing::Up(_));
    loop {
        if standing.wait_for(|standing| !is_up(standing)).await.is_err() {
            return;
        }
        match tokio::time::timeout(GRACE, standing.wait_for(is_up)).await {
            Ok(Ok(_)) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        // Why is known once all endpoints were tried.
        let away = standing.wait_for(|standing| match standing {
            Standing::Away(away) => !away.why.values().all(|problem| *problem == Problem::Ended),
            Standing::Up(_) => true,
        });
        let since = match away.await.as_deref() {
            Ok(Standing::Away(away)) => {
                let why = in_short(&away.why);
                let verdict = away.why.values().find(|problem| problem.verdict().is_some());
                let hint =
                    verdict.or(away.why.values().find(|it| it.hint().is_some())).and_then(Problem::hint);
                if let Some(verdict) = verdict.and_then(Problem::verdict) {
                    tracing::error!(hint, "{verdict}");
                }
                tracing::warn!(why, hint, "the store is away: what was seen last is used, and writes wait");
                away.since
            }
            Ok(Standing::Up(_)) => continue,
            Err(_) => return,
        };
        match standing.wait_for(is_up).await.as_deref() {
            Ok(Standing::Up(line)) => {
                tracing::info!(endpoint = %line.endpoint, away_s = since.elapsed().as_secs(), "the store is back");
            }
            _ => return,
        }
    }
}

fn in_short(why: &BTreeMap<Endpoint, Problem>) -> String {
    let each: Vec<String> = why.iter().map(|(endpoint, problem)| format!("{endpoint}: {problem}")).collect();
    each.join("; ")
}

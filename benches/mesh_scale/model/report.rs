//! The outcome, as rows of a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::scenario::Outcome;

/// A table in Markdown: a row a cost, a column a mesh.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut table = String::new();
    row(&mut table, "hosts", outcomes, |outcome| number(f64::from(outcome.hosts)));
    let rule: String = outcomes.iter().map(|_| "---|").collect();
    let _ = writeln!(table, "|---|{rule}");
    for (name, show) in ROWS {
        row(&mut table, name, outcomes, show);
    }
    table
}

fn row(table: &mut String, name: &str, outcomes: &[Outcome], show: impl Fn(&Outcome) -> String) {
    let cells: String = outcomes.iter().map(|outcome| format!(" {} |", show(outcome))).collect();
    let _ = writeln!(table, "| {name} |{cells}");
}

type Row = (&'static str, fn(&Outcome) -> String);

const ROWS: &[Row] = &[
    ("voters, learners (spare and relays)", |o| format!("{}, {}", o.steady.voters, o.steady.learners)),
    ("connections a server: mean, most", |o| {
        format!("{}, {}", number(o.steady.mean_connections), number(f64::from(o.steady.most_connections)))
    }),
    ("messages/s: leader", |o| number(o.steady.leader.messages)),
    ("messages/s: busiest other server", |o| number(o.steady.busiest.messages)),
    ("messages/s: all servers", |o| number(o.steady.total.messages)),
    ("bytes/s: leader", |o| bytes(o.steady.leader.bytes)),
    ("bytes/s: busiest other server", |o| bytes(o.steady.busiest.bytes)),
    ("bytes/s: all servers", |o| bytes(o.steady.total.bytes)),
    ("cores busy: leader, busiest other", |o| {
        format!("{:.2}, {:.2}", o.steady.leader.cpu_s, o.steady.busiest.cpu_s)
    }),
    ("writes/s at the leader: steady, most asked for in a second of the join", |o| {
        format!("{:.1}, {}", o.steady.writes_per_s, number(o.joining.seen.peak_writes))
    }),
    ("memory: leader, busiest other", |o| {
        format!("{}, {}", bytes(o.steady.leader_memory), bytes(o.steady.busiest_memory))
    }),
    ("all join at once: until all are registered", |o| time(o.joining.took)),
    ("all join at once: refusals with retry-after", |o| number(o.joining.seen.refusals as f64)),
    ("a server dies: until its clients are connected again", |o| time(o.dying.took)),
    ("a server dies: longest without a server", |o| time(Some(o.dying.seen.longest_away))),
    ("a server dies: until another serves in its place", |o| time(o.replaced_after)),
    ("a server dies: leases lost", |o| number(o.dying.seen.lost as f64)),
    ("all restart in ten minutes: until all are back", |o| time(o.restarting.took)),
    ("all restart in ten minutes: longest without a server", |o| time(Some(o.restarting.seen.longest_away))),
    ("all restart in ten minutes: leases lost", |o| number(o.restarting.seen.lost as f64)),
    ("all restart in ten minutes: voters exchanged", |o| number(o.restarting.seen.exchanges as f64)),
    ("connections a server, at the most ever", |o| {
        let most = [&o.joining, &o.dying, &o.restarting].map(|part| part.most_connections);
        number(f64::from(most.into_iter().max().unwrap_or(0)))
    }),
    ("events simulated", |o| number(o.events as f64)),
];

fn number(number: f64) -> String {
    let digits = format!("{:.0}", number);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(bytes: f64) -> String {
    match bytes {
        _ if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        _ if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} kB", bytes / 1e3),
    }
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
}

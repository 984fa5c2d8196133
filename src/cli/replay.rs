//! `mgmt replay`: what a recorded run was like at any moment, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::agent::error::AgentError;
use crate::agent::log;
use crate::engine::id::{Label, VertexId};
use crate::engine::replay::{Life, Replay};
use crate::engine::runtime::record::{self, Line, RecordError};
use crate::engine::sched::{Command, Event, Limits, Notice, Outcome, State, Time};
use crate::lang::diag::render::{self, Style};

use super::moment::Moment;
use super::{exit, output};

/// Show what a recorded run was like at any moment, and why
///
/// A recording (`mgmt run --record FILE`) is no log: the scheduler goes through the same states again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt replay run.rec                every vertex at the end
  mgmt replay run.rec --at 1m3.5s    that long after the start; or 63.5
  mgmt replay run.rec --at +120      after 120 events
  mgmt replay run.rec --events       what happened, and what each event led to")]
pub struct Args {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The moment: seconds after the start (12.5, 1m3s, 250ms), or +N: after N events [default: the end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<Moment>,
    /// List the events up to that moment, and what each led to
    #[arg(long)]
    events: bool,
    /// As JSON; times are in seconds
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    let (limits, lines) = match record::read(&args.file) {
        Ok(recording) => recording,
        Err(error) => return refuse(error),
    };
    let wanted = match args.at {
        Some(moment) => moment.of(&lines),
        None => lines.len(),
    };
    if args.events {
        list(limits, &lines[..wanted], args.json);
        return ExitCode::SUCCESS;
    }
    let mut replay = Replay::new(limits);
    for line in &lines[..wanted] {
        replay.take(line);
    }
    if args.json {
        say_json(&replay, args.at)
    } else {
        say_text(&replay, args.at)
    }
    ExitCode::SUCCESS
}

fn refuse(error: RecordError) -> ExitCode {
    let style = Style { color: log::color_on_stderr() };
    output::warn(&render::render(&AgentError::Record(error).diagnostic(), style));
    ExitCode::from(exit::TEXT)
}

/// The moment that is shown: what was asked for, or that of the last event.
fn shown_at(replay: &Replay, asked: Option<Moment>) -> Time {
    match asked {
        Some(Moment::At(time)) => time,
        _ => replay.now(),
    }
}

fn say_text(replay: &Replay, asked: Option<Moment>) {
    let at = shown_at(replay, asked);
    let converged = if replay.converged() { ", converged" } else { "" };
    output::say(&format!("at {at}, after {} events{converged}", replay.events()));
    for (id, life, state) in replay.vertices() {
        let leaving = if replay.is_leaving(id) { " (leaving)" } else { "" };
        output::say(&format!("{:9} {}{leaving}: {}", state.name(), life.label, why(replay, id, life, state)));
        for (when, what) in life.past.iter().rev().take(3).rev() {
            output::say(&format!("            {when} {what}"));
        }
    }
}

fn say_json(replay: &Replay, asked: Option<Moment>) {
    let rows: Vec<_> = replay
        .vertices()
        .into_iter()
        .map(|(id, life, state)| {
            let events =
                life.past.iter().map(|(at, what)| serde_json::json!({"at": secs(*at), "what": what}));
            serde_json::json!({
                "kind": life.label.kind,
                "name": life.label.name,
                "state": state.name(),
                "why": why(replay, id, life, state),
                "leaving": replay.is_leaving(id),
                "checked": life.checked.map(secs),
                "changed": life.changed.map(secs),
                "failed": life.failed.map(secs),
                "failures": life.failures,
                "events": events.collect::<Vec<_>>(),
            })
        })
        .collect();
    let all = serde_json::json!({
        "at": secs(shown_at(replay, asked)),
        "events": replay.events(),
        "converged": replay.converged(),
        "vertices": rows,
    });
    output::say(&all.to_string());
}

fn secs(time: Time) -> f64 {
    time.0 as f64 / 1e9
}

/// Why a vertex is in its state.
fn why(replay: &Replay, id: VertexId, life: &Life, state: State) -> String {
    let since = |time: Option<Time>| time.map_or_else(|| "never".to_owned(), |time| time.to_string());
    match state {
        State::Waiting => {
            let awaited = replay.awaited(id);
            if awaited.is_empty() {
                return "for the vertex that it replaces to leave".to_owned();
            }
            let names = awaited.iter().map(|(label, state)| format!("{label} ({})", state.name()));
            format!("for {}", names.collect::<Vec<_>>().join(", "))
        }
        State::Dirty => {
            let semaphores = &life.policy.semaphores;
            let held: Vec<String> = semaphores.iter().map(ToString::to_string).collect();
            let limit = life.policy.limit.map(|limit| format!("limit {}/s", limit.per_second));
            let all: Vec<String> = held.into_iter().chain(limit).collect();
            let of = if all.is_empty() { String::new() } else { format!(", under {}", all.join(", ")) };
            format!("may run, and waits for its turn{of}")
        }
        State::Checking | State::Applying => format!("since {}", since(life.started)),
        State::Ok if life.policy.hidden => "hidden: it never runs".to_owned(),
        State::Ok => format!("checked at {}, changed at {}", since(life.checked), since(life.changed)),
        State::Retrying { at } => {
            let left =
                life.retries_left.map_or_else(|| "without end".to_owned(), |left| format!("{left} left"));
            format!("at {at}, after {} failures in a row; retries: {left}", life.failures)
        }
        State::Failed => format!("at {}, after {} failures in a row", since(life.failed), life.failures),
        State::Blocked { by } => match replay.life(by) {
            Some(cause) => format!("by {}, which failed at {}", cause.label, since(cause.failed)),
            None => "by a vertex that has gone".to_owned(),
        },
    }
}

/// Lists events and what they led to.
fn list(limits: Limits, lines: &[Line], json: bool) {
    let mut replay = Replay::new(limits);
    for (number, line) in lines.iter().enumerate() {
        let event = describe_event(&replay, &line.event);
        let commands = replay.take(line);
        let led_to: Vec<String> = commands.iter().filter_map(|c| describe_command(&replay, c)).collect();
        if json {
            let row = serde_json::json!({"number": number + 1, "at": secs(line.at), "event": event, "led_to": led_to});
            output::say(&row.to_string());
        } else {
            output::say(&format!("+{} {} {event}", number + 1, line.at));
            led_to.iter().for_each(|what| output::say(&format!("        -> {what}")));
        }
    }
}

fn name(replay: &Replay, id: VertexId) -> String {
    replay.label(id).map_or_else(|| "a vertex that has gone".to_owned(), Label::to_string)
}

fn describe_event(replay: &Replay, event: &Event) -> String {
    let name = |id: &VertexId| name(replay, *id);
    match event {
        Event::Swap(delta) => {
            let (comes, leaves) = (delta.add.len(), delta.remove.len());
            let edges = delta.connect.len() + delta.disconnect.len() + delta.renotify.len();
            format!("the graph changes: {comes} come, {leaves} leave, {edges} edges differ")
        }
        Event::Wake { vertex, .. } => format!("{}: its watch fired", name(vertex)),
        Event::WatchFailed { vertex, .. } => format!("{}: its watch failed", name(vertex)),
        Event::Applying { vertex, .. } => format!("{}: it is being put right", name(vertex)),
        Event::Finished { vertex, outcome, .. } => {
            let how = match outcome {
                Outcome::Done { changed: true, .. } => "it differed",
                Outcome::Done { .. } => "nothing to do",
                Outcome::Failed { .. } => "it failed",
                Outcome::Cancelled { .. } => "cancelled",
            };
            format!("{}: {how}", name(vertex))
        }
        Event::Tick => "a deadline has come".to_owned(),
        Event::Stop(level) => format!("stop: {level:?}").to_lowercase(),
    }
}

/// What a command means for people; `None`: nothing.
fn describe_command(replay: &Replay, command: &Command) -> Option<String> {
    let name = |id: &VertexId| name(replay, *id);
    Some(match command {
        Command::Run { vertex, arm, refresh, with, .. } => {
            let arm = if *arm { ", arming its watch" } else { "" };
            let refresh = if *refresh { ", with a refresh" } else { "" };
            let with: Vec<String> = with.iter().map(name).collect();
            let with = if with.is_empty() { String::new() } else { format!(", with {}", with.join(", ")) };
            format!("run {}{with}{arm}{refresh}", name(vertex))
        }
        Command::Cancel { vertex } => format!("cancel {}", name(vertex)),
        Command::Kill { vertex } => format!("kill {}", name(vertex)),
        Command::Retire { vertex } => format!("{} has left", name(vertex)),
        Command::WakeAt(_) => return None,
        Command::Notice(Notice::Retrying { vertex, at, .. }) => {
            format!("{} is tried again at {at}", name(vertex))
        }
        Command::Notice(Notice::Failed { vertex }) => format!("{} has failed", name(vertex)),
        Command::Notice(Notice::Blocked { vertex, by }) => {
            format!("{} is blocked by {}", name(vertex), name(by))
        }
        Command::Notice(Notice::Contended { vertex }) => format!("{} is contended", name(vertex)),
        Command::Converged(true) => "converged".to_owned(),
        Command::Converged(false) => "no longer converged".to_owned(),
        Command::Stopped => "stopped".to_owned(),
    })
}

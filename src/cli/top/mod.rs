//! `mgmt top`: the running agent, live, full screen.
//!
//! One loop: keys, answers and signals in; state; a frame out. The agent is asked once a second for the most urgent
//! rows only. Without an agent it says so, and goes on looking for one.

mod app;
mod ask;
mod view;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use self::app::{App, Flow};
use super::reach::{self, Reach};
use super::{exit, output};

/// Show the agent on this host, live and full screen
///
/// Keys: q quits, arrows or j and k scroll, s sorts otherwise, / searches, ? shows help.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mgmt top
  mgmt top --prefix /srv/other    the agent that was started with that folder")]
pub struct Args {
    #[command(flatten)]
    reach: Reach,
}

/// Keys that have not been looked at yet; whoever types faster waits.
const KEYS: usize = 64;

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        output::warn("error: `mgmt top` needs a terminal\n  = hint: `mgmt status --watch` does not\n");
        return ExitCode::from(exit::USAGE);
    }
    reach::wait(async {
        // Also puts the terminal right again when something panics.
        let mut terminal = match ratatui::try_init() {
            Ok(terminal) => terminal,
            Err(error) => {
                output::warn(&format!("error: cannot use the terminal: {error}\n"));
                return ExitCode::from(exit::BUSY);
            }
        };
        let ended = run(&mut terminal, args).await;
        ratatui::restore();
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::warn(&format!("error: cannot use the terminal: {error}\n"));
                ExitCode::from(exit::BUSY)
            }
        }
    })
}

async fn run(terminal: &mut DefaultTerminal, args: &Args) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (send, mut keys) = mpsc::channel(KEYS);
    // It ends with the process: a terminal cannot be asked to stop waiting for a key.
    std::thread::Builder::new().name("mgmt-keys".into()).spawn(move || read_keys(&send))?;
    let socket = args.reach.socket();
    let mut app = App::new(socket.display().to_string());
    let mut answers = ask::start(socket, app.search.subscribe());
    loop {
        terminal.draw(|frame| view::draw(frame, &mut app))?;
        tokio::select! {
            event = keys.recv() => match event {
                Some(event) => if app.handle(&event?) == Flow::Quit { return Ok(()) },
                None => return Ok(()),
            },
            Some(answer) = answers.recv() => app.take(answer),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

fn read_keys(send: &mpsc::Sender<io::Result<Event>>) {
    loop {
        let event = event::read();
        let failed = event.is_err();
        if send.blocking_send(event).is_err() || failed {
            return;
        }
    }
}

//! Which agent a command talks to, and what is said when it cannot be reached.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{exit, output};
use crate::agent::control::ControlError;
use crate::agent::mesh_choice::MeshChoice;
use crate::agent::places;
use crate::engine::world::HostName;
use crate::lang::Diagnostic;
use crate::lang::diag::render::{self, Style};

/// Which agent.
#[derive(Debug, clap::Args)]
pub(super) struct Reach {
    /// The folder of the agent, as given to `mgmt run` [default: that of the agent of this user]
    #[arg(long, env = "MGMT_PREFIX", value_name = "DIR")]
    prefix: Option<PathBuf>,
    /// The name of the agent's host, as given to `mgmt run`
    #[arg(long, env = "MGMT_HOSTNAME", value_name = "NAME")]
    hostname: Option<HostName>,
}

impl Reach {
    /// Its control socket.
    pub fn socket(&self) -> PathBuf {
        places::socket_of(self.prefix.as_ref(), self.choice().own_name())
    }

    /// Its folder.
    pub fn prefix(&self) -> PathBuf {
        places::prefix_of(self.prefix.as_ref(), self.choice().own_name())
    }

    /// Its host.
    pub fn host(&self) -> HostName {
        self.choice().host()
    }

    fn choice(&self) -> MeshChoice {
        MeshChoice { hostname: self.hostname.clone(), ..MeshChoice::default() }
    }
}

/// Says why there is no answer; the exit code.
pub(super) fn complain(error: &ControlError) -> ExitCode {
    let hints = error.hint().map(str::to_owned);
    let diagnostic = Diagnostic::failure(error.to_string(), None, [], hints);
    let style = Style { color: crate::agent::log::color_on_stderr() };
    output::warn(&render::render(&diagnostic, style));
    ExitCode::from(exit::BUSY)
}

/// Runs a command that waits, on this thread.
pub(super) fn wait(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            output::warn(&format!("error: cannot start: {error}\n"));
            ExitCode::from(exit::BUSY)
        }
    }
}

/// Whether to colour what goes to stdout.
pub(super) fn color_on_stdout() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

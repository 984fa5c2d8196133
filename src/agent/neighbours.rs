//! The agents of this user that run on the same machine: one that needs a mesh joins theirs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::control::protocol::{self, Reply, Request};
use super::places;
use crate::cluster::identity::JoinToken;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::Found;
use crate::engine::world::HostName;

/// So long an agent that is there is waited for: on a busy machine its answer may be late, and whoever founds a mesh of its own
/// meanwhile stays alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the mesh of the other agents is, and what `host` needs to join it. Two agents that start at the same moment ask one
/// after the other, so that only the first founds a mesh.
pub(super) fn find(own: &Path, host: &HostName) -> Found {
    let folder = places::runtime_folder();
    let turn = turn(&folder);
    let others: Vec<PathBuf> = sockets(&folder).into_iter().filter(|socket| *socket != own).collect();
    let endpoints = others.iter().find_map(|socket| ask(socket)).unwrap_or_default();
    let takes_token = endpoints.iter().any(|endpoint| endpoint.url.tls && !endpoint.etcd);
    // Only where the administrator's key lies one can be made.
    let token = takes_token.then(|| others.iter().find_map(|socket| invited(socket, host))).flatten();
    Found { endpoints, token: token.map(Arc::new), turn: turn.map(|file| Box::new(file) as _) }
}

/// Waits for this agent's turn, which lasts until the file is closed.
fn turn(folder: &Path) -> Option<std::fs::File> {
    crate::engine::state_dir::make(folder).ok()?;
    let file = std::fs::File::options().create(true).append(true).open(folder.join("mesh.lock")).ok()?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).ok()?;
    Some(file)
}

/// The control sockets of agents with the usual prefix, and of those with a name of their own.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.join("mgmt.sock")];
    let mut below: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("mgmt.sock")))
        .collect();
    below.sort();
    found.extend(below);
    found.retain(|socket| socket.exists());
    found
}

/// Where the store of an agent's mesh is; `None`: it has none, or does not answer.
fn ask(socket: &Path) -> Option<Vec<Endpoint>> {
    let Reply::Mesh { mesh: Some(mesh) } = answer(socket, &Request::Mesh { soon: false })? else {
        return None;
    };
    let endpoints: Vec<Endpoint> = mesh.endpoints.iter().filter_map(|url| url.parse().ok()).collect();
    (!endpoints.is_empty()).then_some(endpoints)
}

/// A token for a host of that name; `None`: that agent cannot make one.
fn invited(socket: &Path, host: &HostName) -> Option<JoinToken> {
    let Reply::Invited { token } = answer(socket, &Request::Invite { host: host.clone() })? else {
        return None;
    };
    Zeroizing::new(token).parse().ok()
}

fn answer(socket: &Path, request: &Request) -> Option<Reply> {
    let stream = UnixStream::connect(socket).ok()?;
    match exchange(stream, request) {
        Ok(line) => match protocol::reply(line.as_bytes()) {
            Ok(reply) => Some(reply),
            Err(error) => {
                tracing::debug!(%error, ?socket, "another agent on this machine does not answer as wanted");
                None
            }
        },
        Err(error) => {
            tracing::warn!(%error, ?socket, "another agent on this machine does not answer: its mesh is not known");
            None
        }
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<Zeroizing<String>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&protocol::to_line(request))?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::agent::control::protocol::MeshFacts;

    /// How late a slow agent is: more than half a second has been seen on a busy machine.
    const LATE: Duration = Duration::from_millis(700);

    #[test]
    fn an_agent_that_is_slow_to_answer_is_waited_for_and_one_that_is_gone_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("mgmt.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let slow = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            thread::park_timeout(LATE);
            let endpoints = vec!["https://127.0.0.1:2379".to_owned()];
            let mesh = Some(MeshFacts {
                host: "a".to_owned(),
                carries: true,
                addresses: Vec::new(),
                endpoints,
                through: None,
                cluster: None,
                away_s: None,
                waiting: 0,
                certificate_until: None,
                dropped_exports: 0,
                failed: Default::default(),
            });
            (&stream).write_all(&protocol::to_line(Reply::Mesh { mesh })).unwrap();
        });
        assert_eq!(ask(&socket).unwrap()[0].url.to_string(), "https://127.0.0.1:2379");
        slow.join().unwrap();
        assert_eq!(ask(&socket), None);
    }
}

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

/// An agent that does not answer at once is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// One that has to write into the store first is.
const STORE: Duration = Duration::from_secs(10);

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
    let Reply::Mesh { mesh: Some(mesh) } = answer(socket, &Request::Mesh { soon: false }, PATIENCE)? else {
        return None;
    };
    let endpoints: Vec<Endpoint> = mesh.endpoints.iter().filter_map(|url| url.parse().ok()).collect();
    (!endpoints.is_empty()).then_some(endpoints)
}

/// A token for a host of that name; `None`: that agent cannot make one.
fn invited(socket: &Path, host: &HostName) -> Option<JoinToken> {
    let Reply::Invited { token } = answer(socket, &Request::Invite { host: host.clone() }, STORE)? else {
        return None;
    };
    Zeroizing::new(token).parse().ok()
}

fn answer(socket: &Path, request: &Request, patience: Duration) -> Option<Reply> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.set_write_timeout(Some(patience)).ok()?;
    stream.write_all(&protocol::to_line(request)).ok()?;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(stream).read_line(&mut line).ok()?;
    match protocol::reply(line.as_bytes()) {
        Ok(reply) => Some(reply),
        Err(error) => {
            tracing::debug!(%error, ?socket, "another agent on this machine does not answer as wanted");
            None
        }
    }
}

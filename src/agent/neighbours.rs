//! The agents of this user that run on the same machine: one that needs a mesh joins theirs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::control::protocol::{self, Reply, Request};
use super::places;
use crate::cluster::link::Endpoint;
use crate::cluster::mesh::Found;

/// An agent that does not answer at once is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where the mesh of the other agents is. Two agents that start at the same moment ask one after the other, so that
/// only the first founds a mesh.
pub(super) fn find(own: &Path) -> Found {
    let folder = places::runtime_folder();
    let turn = turn(&folder);
    let endpoints = sockets(&folder).iter().filter(|socket| *socket != own).find_map(|socket| ask(socket));
    Found { endpoints: endpoints.unwrap_or_default(), turn: turn.map(|file| Box::new(file) as _) }
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
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(&protocol::to_line(&Request::Mesh { soon: false })).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    let Ok(Reply::Mesh { mesh: Some(mesh) }) = protocol::reply(line.as_bytes()) else { return None };
    let endpoints: Vec<Endpoint> = mesh.endpoints.iter().filter_map(|url| url.parse().ok()).collect();
    (!endpoints.is_empty()).then_some(endpoints)
}

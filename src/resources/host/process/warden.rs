//! The warden: a process beside the agent that kills the commands which an agent that was killed leaves behind.
//!
//! Which groups run stands in a piece of memory that both share. The warden sleeps on a pipe that nobody writes to: it
//! ends with the agent, whatever that died of. So a command costs two writes of four bytes, and the warden wakes once
//! in its life. A signal for the parent's death (prctl(2)) would come with the end of the thread that forked, reach
//! the leader of a group alone, and have to be asked for between fork and exec.

use std::fs::File;
use std::io::{self, PipeWriter, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};

/// The first argument by which the warden is known.
pub(super) const FLAG: &str = "__mgmt-warden";
/// Bytes of the number of a group: pid_t.
const WIDTH: usize = size_of::<i32>();

/// The agent's side.
#[derive(Debug)]
pub(super) struct Warden {
    /// This program.
    helper: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// From the first command on.
    table: Option<Table>,
    guard: Option<Guard>,
    /// That there is no warden was said.
    warned: bool,
}

/// The process, and the pipe that ends with us.
#[derive(Debug)]
struct Guard {
    process: Child,
    _life: PipeWriter,
}

/// The numbers of the groups that run; zero where there is none.
#[derive(Debug)]
struct Table {
    memory: File,
    free: Vec<u32>,
    /// How many places there are.
    len: u32,
}

/// A group that does not outlive the agent, while this lives.
#[derive(Debug)]
pub(super) struct Watched {
    warden: Arc<Warden>,
    place: u32,
}

impl Warden {
    /// No process is started before the first command.
    pub fn new(helper: PathBuf) -> Arc<Self> {
        Arc::new(Self { helper, state: Mutex::default() })
    }

    /// Lets a group die with the agent. Without a warden it outlives it, which is no reason not to run it.
    pub fn watch(self: &Arc<Self>, group: Pid) -> Option<Watched> {
        let mut state = self.lock();
        match state.enter(&self.helper, group) {
            Ok(place) => Some(Watched { warden: self.clone(), place }),
            Err(error) => {
                if !std::mem::replace(&mut state.warned, true) {
                    tracing::warn!(%error, "commands will outlive the agent if it is killed");
                }
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(table) = &mut self.warden.lock().table {
            table.leave(self.place);
        }
    }
}

impl State {
    fn enter(&mut self, helper: &Path, group: Pid) -> io::Result<u32> {
        let table = match &mut self.table {
            Some(table) => table,
            None => self.table.insert(Table::new()?),
        };
        let ended = |guard: &mut Guard| !matches!(guard.process.try_wait(), Ok(None));
        if self.guard.as_mut().is_none_or(ended) {
            self.guard = Some(Guard::start(helper, table)?);
        }
        table.enter(group)
    }
}

impl Guard {
    fn start(helper: &Path, table: &Table) -> io::Result<Self> {
        let (pipe, life) = io::pipe()?;
        let mut command = Command::new(helper);
        command.arg0("mgmt").arg(FLAG).env_clear().current_dir("/");
        // A group of its own: ^C is for the agent.
        command.process_group(0).stdin(pipe).stdout(table.memory.try_clone()?).stderr(Stdio::null());
        Ok(Self { process: command.spawn()?, _life: life })
    }
}

impl Table {
    fn new() -> io::Result<Self> {
        let memory: OwnedFd = memfd_create("mgmt-groups", MemfdFlags::CLOEXEC)?;
        Ok(Self { memory: memory.into(), free: Vec::new(), len: 0 })
    }

    fn enter(&mut self, group: Pid) -> io::Result<u32> {
        let place = self.free.pop().unwrap_or(self.len);
        if let Err(error) = self.put(place, group.as_raw_pid()) {
            if place < self.len {
                self.free.push(place);
            }
            return Err(error);
        }
        self.len = self.len.max(place + 1);
        Ok(place)
    }

    fn leave(&mut self, place: u32) {
        // A place that cannot be cleared is not used again, so at worst a later group of that number is killed with us.
        if self.put(place, 0).is_ok() {
            self.free.push(place);
        }
    }

    fn put(&self, place: u32, group: i32) -> io::Result<()> {
        self.memory.write_all_at(&group.to_ne_bytes(), u64::from(place) * WIDTH as u64)
    }
}

/// The groups in a table.
fn groups(memory: &File) -> io::Result<Vec<Pid>> {
    let mut bytes = vec![0; usize::try_from(memory.metadata()?.len()).unwrap_or_default()];
    memory.read_exact_at(&mut bytes, 0)?;
    let (numbers, _) = bytes.as_chunks::<WIDTH>();
    Ok(numbers.iter().filter_map(|number| Pid::from_raw(i32::from_ne_bytes(*number))).collect())
}

/// The warden's side: waits for the end of the agent, then kills what it has left.
pub(super) fn main() -> ExitCode {
    use std::os::fd::AsFd as _;

    while !matches!(io::stdin().read(&mut [0]), Ok(0)) {}
    let memory = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let Ok(left) = memory.and_then(|memory| groups(&memory)) else { return ExitCode::FAILURE };
    for group in left {
        // One that has ended meanwhile is gone as it should be.
        let _ = kill_process_group(group, Signal::KILL);
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stands_in_the_table_until_it_has_ended_and_its_place_is_used_again() {
        let mut table = Table::new().unwrap();
        let known = |table: &Table| groups(&table.memory).unwrap();
        let [a, b, c] = [11, 22, 33].map(|number| Pid::from_raw(number).unwrap());
        assert_eq!(known(&table), []);
        let first = table.enter(a).unwrap();
        table.enter(b).unwrap();
        assert_eq!(known(&table), [a, b]);
        table.leave(first);
        assert_eq!(known(&table), [b]);
        assert_eq!(table.enter(c).unwrap(), first);
        assert_eq!(known(&table), [c, b]);
    }
}

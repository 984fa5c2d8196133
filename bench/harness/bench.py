"""The run: where things are, how often they are measured, and the scratch folders that go away with it."""

import os
import shutil
import socket
import tempfile

from . import graphs, native
from .processes import Failed, expect_success, run_timed


class Bench:
    """What every scenario gets."""

    def __init__(self, root, binary, disk, quick=False, pin=True):
        self.root, self.binary, self.quick = root, binary, quick
        self.rounds = 2 if quick else 5
        # Everything but the rows "on disk" is on tmpfs, the agents' prefixes and graphs included.
        self.scratch = tempfile.mkdtemp(prefix="mgmt-bench-", dir="/dev/shm")
        os.makedirs(disk, exist_ok=True)
        self.disk = tempfile.mkdtemp(prefix="disk-", dir=disk)
        self.programs = native.compile_all(os.path.join(root, "bench", "c"), os.path.join(self.disk, "c"))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("MGMT_", "RUST_", "CARGO"))}
        self.env["NO_COLOR"] = "1"
        cpus = sorted(os.sched_getaffinity(0))
        # The measuring client polls busily: on a CPU of its own it takes nothing from those it measures.
        self.client_cpus = {cpus[-1]} if pin and len(cpus) > 1 else None
        self.agent_cpus = set(cpus[:-1]) if self.client_cpus else None
        self._made = 0

    def close(self):
        """Removes the scratch folders."""
        for folder in (self.scratch, self.disk):
            shutil.rmtree(folder, ignore_errors=True)

    def folder(self, name, on=None):
        """A new empty folder."""
        self._made += 1
        path = os.path.join(on or self.scratch, f"{name}-{self._made}")
        os.mkdir(path)
        return path

    def drop(self, *folders):
        """Removes folders between runs, so that tmpfs does not fill up."""
        for folder in folders:
            shutil.rmtree(folder)

    def run(self, command, limit_s=120.0, env=None, scratch=None):
        """Runs a command to its success and returns its cost. What it writes lies in a folder of its own if others run beside it."""
        scratch = scratch or self.scratch
        cost = run_timed(self.programs["timed"], command, scratch, limit_s, env or self.env)
        return expect_success(cost, os.path.basename(command[0]), scratch)

    def apply(self, graph, *flags, prefix=None, limit_s=120.0):
        """One-shot `mgmt run`: ends as soon as the graph has settled."""
        own = prefix or self.folder("prefix")
        cost = self.run([self.binary, "run", "--prefix", own, "--converged-timeout", "0", *flags, graph], limit_s)
        if prefix is None:
            self.drop(own)
        return cost

    def write_loop(self, directory, count):
        """The C loop of safe writes."""
        return self.run([self.programs["write_files"], directory, str(count)])

    def files_graph(self, directory, count):
        """A graph file for `count` files in `directory`."""
        path = os.path.join(self.folder("graph"), "bench.yaml")
        graphs.write_files_graph(path, directory, count)
        return path

    def expect_files(self, directory, count, who):
        """Raises unless `who` made every file, and nothing else."""
        wrong = graphs.first_wrong(directory, count)
        if wrong is not None:
            raise Failed(f"{who}: {wrong} is missing or wrong")
        left = graphs.strangers(directory, count)
        if left:
            raise Failed(f"{who} left {len(left)} other entries, {left[0]} for one")


def free_address():
    """A loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"

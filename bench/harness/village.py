"""Several agents on one machine, as one user: each a host of a mesh, with a folder into which it collects."""

import os
import select
import signal
import subprocess
import time

from . import procfs
from .generator import pinned
from .processes import Failed, tail, until
from .stopwatch import Stopwatch

# A host that carries the store, or only uses it.
CLIENT = ("--no-server",)


class Host:
    """An agent's graph, folder and log; its process, once it runs."""

    def __init__(self, folder, name):
        self.name, self.pid = name, None
        self.files = os.path.join(folder, f"files-{name}")
        self.graph = os.path.join(folder, f"{name}.yaml")
        self.log = os.path.join(folder, f"{name}.log")
        self.exported = os.path.join(folder, "elsewhere", name)
        os.mkdir(self.files)

    def write_graph(self, content, path=None):
        """Exports one file to all, and collects all files that are exported."""
        with open(path or self.graph, "w", encoding="ascii") as out:
            out.write(f"graph: bench\nresources:\n  file:\n  - name: \"@@{self.exported}\"\n    content: \"{content}\\n\"\n"
                      f"collect:\n- kind: file\n  pattern: {self.files}/\n")

    def collected(self, name):
        """What has come from a host of this name; None without."""
        try:
            with open(os.path.join(self.files, name), encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def exit(self, number=signal.SIGINT, limit_s=30.0):
        """Sends a signal; the seconds until the process has ended."""
        handle = os.pidfd_open(self.pid)
        try:
            start = time.perf_counter()
            os.kill(self.pid, number)
            if not select.select([handle], [], [], limit_s)[0]:
                raise Failed(f"{self.name} did not end in {limit_s:g} s of {signal.Signals(number).name}\n{tail(self.log)}")
            return time.perf_counter() - start
        finally:
            os.close(handle)

    def rss_mb(self):
        """Resident memory."""
        return procfs.rss_kb(self.pid) / 1024

    def peak_mb(self):
        """Most resident memory ever."""
        return procfs.peak_kb(self.pid) / 1024


class Village:
    """A user with several agents; a context, that ends them and removes their files. `secure`: as agents are by default."""

    def __init__(self, bench, on=None, secure=False):
        self.bench, self.secure = bench, secure
        self.folder = bench.folder("village", on)
        self.env = {**bench.env, "RUNTIME_DIRECTORY": os.path.join(self.folder, "run"), "STATE_DIRECTORY": os.path.join(self.folder, "state")}
        if not secure:
            self.env["MGMT_INSECURE"] = "true"
        self.stopwatch = Stopwatch(bench.programs["stopwatch"], self.env)
        self.hosts = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopwatch.__exit__()
        self.bench.drop(self.folder)

    def host(self, name, content=None):
        """A new host, not yet running."""
        host = self.hosts[name] = Host(self.folder, name)
        host.write_graph(content or f"from {name}")
        return host

    def watch_arrival(self, at, of):
        """What one host exports is to lie in the folder of another."""
        self.stopwatch.watch(at.files, 1, of.name)

    def run(self, *hosts, flags=(), limit_s=30.0):
        """Starts agents at once, and waits for what is watched; the seconds that it took."""
        for host in hosts:
            command = [self.bench.binary, "run", "--file", host.graph, "--hostname", host.name, *flags]
            self.stopwatch.start(host.log, command)
        waited = self.stopwatch.wait(limit_s)
        for host, pid in zip(hosts, waited.pids):
            host.pid = pid
        return waited.seconds

    def found(self, host, *flags, port=2379, limit_s=30.0):
        """Starts the host that founds the mesh, and waits until its own export is there; where it is."""
        self.watch_arrival(host, host)
        self.run(host, flags=("--listen", f"127.0.0.1:{port}", *flags), limit_s=limit_s)
        return f"127.0.0.1:{port}"

    def invite(self, by):
        """A token with which one host may join, in a file."""
        path = os.path.join(self.folder, "token")
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
            out.write(self.ask("mesh", "invite", "--hostname", by.name))
        return path

    def serve(self, cpus=None, port=2379):
        """A host whose graph is empty and that carries the store, on these CPUs; where it is."""
        host = self.host("store")
        command = [self.bench.binary, "run", "empty", "--hostname", host.name, "--listen", f"127.0.0.1:{port}"]
        self.stopwatch.start(host.log, pinned(command, cpus))
        host.pid = self.stopwatch.wait().pids[0]
        # Not before it has keys can it be asked at all.
        answers = lambda: self._asked("mesh", "status", "--hostname", host.name, "--seeds", f"127.0.0.1:{port}").returncode == 0
        until(answers, 30, "the store answers", pause_s=0.05)
        keys = ("--pki", os.path.join(self.folder, "state", host.name, "pki")) if self.secure else ()
        return host, ("--endpoint", f"127.0.0.1:{port}", "--pids", str(host.pid), *keys)

    def ask(self, *words):
        """What a command prints; it waits until the mesh answers."""
        asked = self._asked(*words)
        if asked.returncode != 0:
            raise Failed(f"mgmt {' '.join(words)}: {asked.stderr.decode().strip()}")
        return asked.stdout

    def _asked(self, *words):
        return subprocess.run([self.bench.binary, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=60, env=self.env, check=False)

    def change(self, host, content, limit_s=10.0):
        """Saves a host's graph anew, as editors do, and waits for what is watched; the seconds that it took."""
        fresh = host.graph + ".fresh"
        host.write_graph(content, fresh)
        self.stopwatch.rename(fresh, host.graph)
        return self.stopwatch.wait(limit_s).seconds

"""A running agent, and how to know that it is ready."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request

from . import procfs
from .processes import Failed, end, tail, until, wait

SETTLED_STATES = {"ok", "failed", "blocked"}


class Agent:
    """`mgmt run GRAPH` with a prefix of its own. A context manager: leaving it ends the process."""

    def __init__(self, bench, graph, *flags):
        self.bench = bench
        self.prefix = bench.folder("prefix")
        self.log_path = os.path.join(self.prefix, "..", os.path.basename(self.prefix) + ".log")
        self.command = [bench.binary, "run", "--prefix", self.prefix, *flags, graph]
        self.process = None

    def start(self):
        """Starts the process and returns at once."""
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, env=self.bench.env)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        end(self.process)

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def alive(self):
        """Raises when the agent ended by itself."""
        if self.process.poll() is not None:
            raise Failed(f"mgmt run ended with {self.process.returncode}\n{tail(self.log_path)}")
        return True

    def ready(self, condition, limit_s=60.0):
        """Waits for a condition on the disk, then until the graph is settled."""
        until(lambda: self.alive() and condition(), limit_s, "the managed files are right")
        end_at = time.monotonic() + limit_s
        while True:
            settled = self.settled()
            if settled is None:
                self.quiet(limit_s)
                return self
            if settled:
                return self
            if time.monotonic() > end_at:
                raise Failed(f"the graph did not settle in {limit_s:g} s\n{tail(self.log_path)}")
            time.sleep(0.05)

    def settled(self):
        """Whether `mgmt status` says so; None when it gives no answer that we understand."""
        self.alive()
        try:
            asked = subprocess.run([self.bench.binary, "status", "--json", "--prefix", self.prefix], capture_output=True,
                                   stdin=subprocess.DEVNULL, timeout=10, env=self.bench.env, check=False)
            return reads_settled(json.loads(asked.stdout)) if asked.returncode == 0 else None
        except (ValueError, subprocess.TimeoutExpired):
            return None

    def quiet(self, limit_s):
        """The other way to know: no clock tick of CPU in 300 ms."""
        end_at, ticks = time.monotonic() + limit_s, -1
        while (now := procfs.cpu_ticks(self.pid)) != ticks:
            if time.monotonic() > end_at:
                raise Failed(f"the agent was never quiet in {limit_s:g} s")
            ticks = now
            time.sleep(0.3)
            self.alive()

    def interrupt(self, limit_s=30.0):
        """^C; returns the seconds until the process had ended, and its exit code."""
        start = time.perf_counter()
        os.kill(self.pid, signal.SIGINT)
        if not wait(self.process, limit_s):
            raise Failed(f"^C did not end the agent in {limit_s:g} s\n{tail(self.log_path)}")
        return time.perf_counter() - start, self.process.returncode

    def confine(self, cpus):
        """Keeps every thread on the given CPUs, only now, so that the agent started as many as it would.

        Twice, for a thread that was being started meanwhile by one not yet confined.
        """
        for _ in range(2):
            for tid in procfs.threads(self.pid):
                try:
                    os.sched_setaffinity(tid, cpus)
                except ProcessLookupError:
                    continue


def reads_settled(status):
    """Settled or not, from the JSON of `mgmt status`: its word for it, else its states."""
    if not isinstance(status, dict):
        return None
    if isinstance(status.get("settled"), bool):
        return status["settled"]
    for key in ("states", "counts", "vertices"):
        held = status.get(key)
        if isinstance(held, dict) and held and all(isinstance(n, int) for n in held.values()):
            busy = sum(n for state, n in held.items() if state.lower() not in SETTLED_STATES | {"total", "changed"})
            return busy == 0
        if isinstance(held, list) and held and all(isinstance(row, dict) and "state" in row for row in held):
            return all(str(row["state"]).lower() in SETTLED_STATES for row in held)
    return None


def checks_counted(address):
    """Checks of all kinds so far, from `/metrics`; None without an answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return None
    counts = re.findall(r"^mgmt_checkapply_total(?:\{[^}]*\})? ([0-9.eE+]+)", text, re.MULTILINE)
    return int(sum(float(count) for count in counts)) if counts else None

"""`c/stopwatch.c`: what it starts, what it awaits, and how long that took."""

import json
import subprocess
from dataclasses import dataclass

from .processes import Failed, end, tail


@dataclass
class Waited:
    """What was awaited has come."""

    seconds: float
    pids: list


class Stopwatch:
    """Starts programs and takes the time until files arrive; a context, that ends what it has started."""

    def __init__(self, program, env):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=env)
        self.orders, self.logs = [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            end(self.process)
        self.process.stdout.close()

    def watch(self, directory, count=1, name=None):
        """So many files are to arrive, or the one of this name."""
        self.orders.append(["watch", directory, str(count)] + ([name] if name else []))

    def watch_text(self, file, text):
        """A file is to contain a text."""
        self.orders.append(["watch-text", file, text])

    def start(self, log, command):
        """Starts a program, its output in a log; with the first start or rename the time begins."""
        self.orders.append(["start", log, *command])

    def rename(self, old, new):
        """Renames a file."""
        self.orders.append(["rename", old, new])

    def wait(self, limit_s=30.0):
        """Gives all orders, and waits for what they await."""
        logs = [order[1] for order in self.orders if order[0] == "start"]
        orders = [*self.orders, ["await", str(int(limit_s * 1e3))]]
        self.orders = []
        self.process.stdin.write("".join("\t".join(order) + "\n" for order in orders).encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Failed(f"the stopwatch has ended with {self.process.wait()}")
        told = json.loads(answer)
        self.logs.update(zip(told["pids"], logs))
        if told["left"]:
            log = self.logs.get(told["ended"]) or (logs[-1] if logs else None)
            what = f"process {told['ended']} has ended (status {told['status']:#x})" if told["ended"] else f"after {limit_s:g} s"
            raise Failed(f"{what}, and {told['left']} of what was awaited is not there\n{tail(log) if log else ''}")
        return Waited(told["ns"] / 1e9, told["pids"])

"""A test host: real systemd in namespaces, over an overlay of this machine (tests/host/boot.sh)."""

import os
import signal
import subprocess

from .processes import Failed, tail, until

ENTER = ("-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w")
SPACES = ("--pid", "--fork", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--kill-child")
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "NO_COLOR": "1"}


class Machine:
    """A booted host; ends with the `with` block."""

    def __init__(self, bench):
        self.bench, self.agents = bench, []
        self.folder = bench.folder("machine")
        self.log = os.path.join(bench.folder("machine-log"), "boot")

    def __enter__(self):
        boot = os.path.join(self.bench.root, "tests", "host", "boot.sh")
        with open(self.log, "wb") as log:
            self.starter = subprocess.Popen(["unshare", *SPACES, boot, self.folder, "bench", "systemd", self.bench.binary],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        children = f"/proc/{self.starter.pid}/task/{self.starter.pid}/children"
        until(lambda: _text(children).split(), 10, "the host starts")
        self.pid = int(_text(children).split()[0])
        until(self._booted, 60, "the host boots", pause_s=0.05)
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        self.starter.wait()
        for agent in self.agents:
            agent.wait()

    def _booted(self):
        if self.starter.poll() is not None:
            raise Failed(f"the host did not boot\n{tail(self.log)}")
        return _text(f"/proc/{self.pid}/comm") == "systemd\n" and self._ran("systemctl is-system-running --wait").stdout == "running\n"

    def command(self, *words):
        """A command line that runs these words on the host."""
        return ["nsenter", "-t", str(self.pid), *ENTER, "--", *words]

    def _ran(self, script):
        return subprocess.run(self.command("sh", "-ec", script), env=ENV, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)

    def sh(self, script):
        """What a shell script prints on the host; it must succeed."""
        ran = self._ran(script)
        if ran.returncode != 0:
            raise Failed(f"{script}: {ran.stderr.strip() or ran.returncode}")
        return ran.stdout

    def path(self, path):
        """A file of the host, as this machine sees it."""
        return f"/proc/{self.pid}/root{path}"

    def write(self, path, text):
        """Writes a file of the host."""
        with open(self.path(path), "w", encoding="utf-8") as out:
            out.write(text)

    def agent(self, graph):
        """Starts an agent; returns once its graph has settled."""
        self.write("/root/site.yaml", graph)
        flags = ("--converger-timeout", "0", "--converged-status-file", "/run/converged")
        log = os.path.join(self.bench.folder("agent-log"), "log")
        with open(log, "wb") as out:
            agent = subprocess.Popen(self.command("mgmt", "run", *flags, "/root/site.yaml"), env=ENV, stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=out)
        self.agents.append(agent)

        def settled():
            if agent.poll() is not None:
                raise Failed(f"the agent ended\n{tail(log)}")
            return "true" in _text(self.path("/run/converged"))

        try:
            until(settled, 120, "the graph settles")
        except Failed as failed:
            raise Failed(f"{failed}\n{tail(log)}") from failed
        return agent


def _text(path):
    """What a file holds; nothing while it is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""

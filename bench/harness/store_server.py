"""An etcd server, ours or the real one, with its members, started for one measurement."""

import os
import signal
import subprocess

from . import procfs
from .bench import free_address
from .generator import pinned
from .processes import Failed, end, tail, until, wait

# Room for the largest scenario; etcd's default of 2 GiB is too little for it.
QUOTA_BYTES = 8 << 30


class Servers:
    """The members of one cluster; a context, that ends them."""

    def __init__(self, bench, name, members=1):
        self.bench, self.name = bench, name
        self.clients = [free_address() for _ in range(members)]
        self.peers = [free_address() for _ in range(members)]
        self.folders = [bench.folder(f"{name.replace(' ', '-')}-{number}", on=bench.disk) for number in range(members)]
        self.processes = []
        self.pki = bench.pki(name)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            end(process, grace_s=20.0)
        self.bench.drop(*self.folders)

    @property
    def pids(self):
        """Process ids of the members."""
        return [process.pid for process in self.processes]

    def start(self):
        """Starts all members and waits until linearizable gets are answered by each."""
        self.spawn()
        for address in self.clients:
            self.bench.load("first-get", servers=self, endpoints=[address], limit_s=320)

    def spawn(self):
        """Starts all members and waits for nothing."""
        cluster = ",".join(f"m{number}=http://{peer}" for number, peer in enumerate(self.peers))
        scheme = "https" if self.pki else "http"
        self.processes = []
        for number, (client, peer) in enumerate(zip(self.clients, self.peers)):
            command = [*self.bench.servers[self.name], "--name", f"m{number}", "--data-dir", os.path.join(self.folders[number], "data"),
                       "--listen-client-urls", f"{scheme}://{client}", "--advertise-client-urls", f"{scheme}://{client}",
                       "--listen-peer-urls", f"http://{peer}", "--initial-advertise-peer-urls", f"http://{peer}",
                       "--initial-cluster", cluster, "--quota-backend-bytes", str(QUOTA_BYTES), "--log-level", "error", *self._tls()]
            with open(self.log(number), "ab") as log:
                self.processes.append(subprocess.Popen(pinned(command, self.bench.agent_cpus), stdin=subprocess.DEVNULL, stdout=log,
                                                       stderr=log, start_new_session=True, env=self.bench.env, cwd=self.folders[number]))

    def _tls(self):
        """For those who ask, as an administrator who is careful starts it; members speak plainly to one another."""
        if not self.pki:
            return []
        files = (("--cert-file", "server.pem"), ("--key-file", "server.key"), ("--trusted-ca-file", "ca.pem"))
        return ["--client-cert-auth", *(word for flag, name in files for word in (flag, os.path.join(self.pki, name)))]

    def stop(self):
        """Ends all members politely; raises when one does not."""
        for process in self.processes:
            os.kill(process.pid, signal.SIGTERM)
        for number, process in enumerate(self.processes):
            if not wait(process, 60):
                raise Failed(f"{self.name} did not end within a minute of SIGTERM\n{tail(self.log(number))}")

    def log(self, number):
        """Where a member's output is."""
        return os.path.join(self.folders[number], "output.log")

    def rss_mb(self):
        """Resident memory of all members, once it stays the same (2 %) for three seconds, or after a minute."""
        readings = []

        def settled():
            readings.append(sum(procfs.rss_kb(pid) for pid in self.pids) / 1024)
            last = readings[-3:]
            return len(last) == 3 and max(last) - min(last) <= 0.02 * last[-1]

        try:
            until(settled, 60, "memory that stays", pause_s=1.5)
        except Failed:
            pass
        return readings[-1]

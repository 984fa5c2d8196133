"""The run of the store's benchmark: which servers, which generator, on which CPUs."""

import os
import subprocess
from statistics import median

from .bench import Bench
from .generator import Generator
from .processes import Failed
from .store_server import Servers

# Who is measured, in the order of each round; with certificates on both sides of each connection, too.
OURS, ETCD = "ours", "etcd"
OURS_TLS, ETCD_TLS = "ours with TLS", "etcd with TLS"


class StoreBench(Bench):
    """What every scenario of the store gets."""

    def __init__(self, root, servers, generator, tools, disk, quick, pin):
        super().__init__(root, servers[OURS][0], disk, quick, pin)
        self.servers, self.tools = {**servers, OURS_TLS: servers[OURS], ETCD_TLS: servers[ETCD]}, tools
        self.generator = Generator(generator, self.client_cpus, self.env)
        self.rounds = 1 if quick else 3
        # A tenth of the keys and watchers when it has to be quick.
        self.scale = 10 if quick else 1
        self.seconds = 3 if quick else 10
        self._pki = None

    def pki(self, name):
        """Where certificates are with which a server of this name is started and asked; None: it does without."""
        if name not in (OURS_TLS, ETCD_TLS):
            return None
        if self._pki is None:
            folder = self.folder("pki")
            self.generator.run([], "certificates", "--to", folder)
            self._pki = folder
        return self._pki

    def start_load(self, work, *flags, servers, endpoints=None):
        """The generator, running; its standard input stays open."""
        return self.generator.start(where(servers, endpoints), work, *flags)

    def load(self, work, *flags, servers, endpoints=None, limit_s=600.0):
        """Runs the generator to its end; what it measured."""
        return self.generator.run(where(servers, endpoints), work, *flags, limit_s=limit_s)

    def tool(self, name, *arguments, limit_s=600.0):
        """Runs etcdctl or etcdutl of etcd 3.5."""
        ran = subprocess.run([os.path.join(self.tools, name), *arguments], env={**self.env, "ETCDCTL_API": "3"}, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=limit_s, check=False)
        if ran.returncode != 0:
            raise Failed(f"{name} {arguments[0]}: {ran.stderr.strip()}")
        return ran.stdout

    def take_turns(self, measure, members=1, names=(OURS, ETCD)):
        """`measure(servers)` with fresh servers, ours and etcd's in turns: the results by name."""
        results = {name: [] for name in names}
        for _ in range(self.rounds):
            for name in results:
                with Servers(self, name, members) as servers:
                    results[name].append(measure(servers))
        return results


def where(servers, endpoints=None):
    """The generator's options that lead to servers, or to some of them."""
    found = ["--endpoints", ",".join(endpoints or servers.clients), "--pids", ",".join(map(str, servers.pids))]
    if servers.pki:
        names = (("--cacert", "ca.pem"), ("--cert", "client.pem"), ("--key", "client.key"))
        found += [word for flag, name in names for word in (flag, os.path.join(servers.pki, name))]
    return found


def middle(results, name, figure):
    """The median of one figure of one server."""
    return median(result[figure] for result in results[name])

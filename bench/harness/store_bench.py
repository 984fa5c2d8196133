"""The run of the store's benchmark: which servers, which generator, on which CPUs."""

import os
import subprocess
from statistics import median

from .bench import Bench
from .generator import Generator
from .processes import Failed
from .store_server import Servers

# Who is measured, in the order of each round.
OURS, ETCD = "ours", "etcd"


class StoreBench(Bench):
    """What every scenario of the store gets."""

    def __init__(self, root, servers, generator, tools, disk, quick, pin):
        super().__init__(root, servers[OURS][0], disk, quick, pin)
        self.servers, self.tools = servers, tools
        self.generator = Generator(generator, self.client_cpus, self.env)
        self.rounds = 1 if quick else 3
        # A tenth of the keys and watchers when it has to be quick.
        self.scale = 10 if quick else 1
        self.seconds = 3 if quick else 10

    def start_load(self, work, *flags, servers=None, endpoints=None):
        """The generator, running; its standard input stays open."""
        return self.generator.start(self._where(servers, endpoints), work, *flags)

    def load(self, work, *flags, servers=None, endpoints=None, limit_s=600.0):
        """Runs the generator to its end; what it measured."""
        return self.generator.run(self._where(servers, endpoints), work, *flags, limit_s=limit_s)

    @staticmethod
    def _where(servers, endpoints):
        where = ["--endpoints", ",".join(endpoints or servers.clients)]
        return [*where, "--pids", ",".join(map(str, servers.pids))] if servers else where

    def tool(self, name, *arguments, limit_s=600.0):
        """Runs etcdctl or etcdutl of etcd 3.5."""
        ran = subprocess.run([os.path.join(self.tools, name), *arguments], env={**self.env, "ETCDCTL_API": "3"}, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=limit_s, check=False)
        if ran.returncode != 0:
            raise Failed(f"{name} {arguments[0]}: {ran.stderr.strip()}")
        return ran.stdout

    def take_turns(self, measure, members=1):
        """`measure(servers)` with fresh servers, ours and etcd's in turns: the results by name."""
        results = {OURS: [], ETCD: []}
        for _ in range(self.rounds):
            for name in results:
                with Servers(self, name, members) as servers:
                    results[name].append(measure(servers))
        return results


def middle(results, name, figure):
    """The median of one figure of one server."""
    return median(result[figure] for result in results[name])

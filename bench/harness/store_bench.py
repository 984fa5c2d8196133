"""The run of the store's benchmark: which servers, which generator, on which CPUs."""

import json
import os
import subprocess
from statistics import median

from .bench import Bench
from .processes import Failed, wait
from .store_server import Servers

# Who is measured, in the order of each round.
OURS, ETCD = "ours", "etcd"


class StoreBench(Bench):
    """What every scenario of the store gets."""

    def __init__(self, root, servers, generator, tools, disk, quick, pin):
        super().__init__(root, servers[OURS][0], disk, quick, pin)
        self.servers, self.generator, self.tools = servers, generator, tools
        self.rounds = 1 if quick else 3
        # A tenth of the keys and watchers when it has to be quick.
        self.scale = 10 if quick else 1
        self.seconds = 3 if quick else 10

    @staticmethod
    def pinned(command, cpus):
        """The command, on these CPUs when there are any to be kept to."""
        return ["taskset", "-c", ",".join(map(str, sorted(cpus))), *command] if cpus else command

    def start_load(self, work, *flags, servers=None, endpoints=None):
        """The generator, running; its standard input stays open."""
        endpoints = endpoints or servers.clients
        command = [self.generator, "--endpoints", ",".join(endpoints)]
        if servers:
            command += ["--pids", ",".join(map(str, servers.pids))]
        return subprocess.Popen(self.pinned([*command, work, *map(str, flags)], self.client_cpus), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env, start_new_session=True)

    def load(self, work, *flags, servers=None, endpoints=None, limit_s=600.0):
        """Runs the generator to its end; what it measured."""
        process = self.start_load(work, *flags, servers=servers, endpoints=endpoints)
        try:
            out, problem = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise Failed(f"the generator's {work} did not end in {limit_s:g} s") from error
        if process.returncode != 0:
            raise Failed(f"the generator's {work}: {problem.strip()}")
        return json.loads(out)

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


class HeldWatches:
    """Watch streams that stay open; a context."""

    def __init__(self, bench, servers, watchers):
        self.process = bench.start_load("hold-watches", "--watchers", watchers, servers=servers)

    def __enter__(self):
        if self.process.stdout.readline().strip() != "ready":
            raise Failed(f"the generator's hold-watches: {self.process.communicate()[1].strip()}")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if not wait(self.process, 20):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def middle(results, name, figure):
    """The median of one figure of one server."""
    return median(result[figure] for result in results[name])

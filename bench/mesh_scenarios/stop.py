"""^C to a host that carries the store, and the time until its process has ended."""

import json
from statistics import median

from harness.mesh_bench import row_ms
from harness.processes import until
from harness.village import Village

ROUNDS = 7


def run(bench):
    """A voter that follows, the one that leads, and one that is alone."""
    rounds = 2 if bench.quick else ROUNDS
    three = [_three(bench) for _ in range(rounds)]
    alone = [_alone(bench) for _ in range(rounds)]
    follower, leader = ([round_[which] for round_ in three] for which in (0, 1))
    return [
        row_ms("^C to exit, a voter of three", median(follower), 1000, follower, digits=1),
        row_ms("^C to exit, the leader of three", median(leader), 1000, leader, digits=1),
        row_ms("^C to exit, alone", median(alone), 1000, alone, digits=1),
    ]


def _three(bench):
    with Village(bench) as village:
        hosts = [village.host(name) for name in "abc"]
        seed = village.found(hosts[0])
        for host in hosts[1:]:
            village.watch_arrival(host, hosts[0])
            village.run(host, flags=("--seeds", seed))
        until(lambda: _carry(village, seed) == ["leads", "votes", "votes"], 60, "a mesh of three voters", pause_s=0.1)
        # The founder leads, of the two that are left after the first stop.
        return hosts[2].exit(), hosts[0].exit()


def _alone(bench):
    with Village(bench) as village:
        host = village.host("a")
        village.found(host)
        return host.exit()


def _carry(village, seed):
    """What the hosts do for the store, as `mgmt mesh members` says, sorted."""
    return sorted(host["carries"] for host in json.loads(village.ask("mesh", "members", "--json", "--seeds", seed)))

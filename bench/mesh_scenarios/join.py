"""A second host starts beside a first: until both have the other's export, and until it carries the store too."""

from statistics import median

from harness.mesh_bench import row_ms
from harness.village import CLIENT, Village

ROUNDS, FOLLOWING_ROUNDS = 21, 7
CARRIES = "this host carries the store from now on"


def run(bench):
    """From the start of the second process, each time in a mesh that was just founded."""
    rounds, following = (5, 2) if bench.quick else (ROUNDS, FOLLOWING_ROUNDS)
    client = [_exchange(bench) for _ in range(rounds)]
    on_disk = [_exchange(bench, bench.disk) for _ in range(rounds // 2)]
    follows = [_follow(bench) for _ in range(following)]
    return [
        row_ms("join as a client, both have the other's export", median(client), 25, client),
        row_ms("the same, on disk", median(on_disk), 25, on_disk),
        row_ms("join, until it carries the store too", median(follows), 1000, follows, digits=0),
    ]


def _exchange(bench, on=None):
    with Village(bench, on) as village:
        first, second = village.host("a"), village.host("b")
        seed = village.found(first)
        village.watch_arrival(first, second)
        village.watch_arrival(second, first)
        return village.run(second, flags=("--seeds", seed, *CLIENT))


def _follow(bench):
    with Village(bench) as village:
        first, second = village.host("a"), village.host("b")
        seed = village.found(first)
        village.stopwatch.watch_text(second.log, CARRIES)
        return village.run(second, flags=("--seeds", seed))

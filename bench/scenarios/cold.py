"""10,000 files from nothing, one-shot, beside the C loop of the same safe writes and beside CFEngine.

On the disk nothing is removed before the last run: ext4 does not give out the numbers of inodes that were deleted in
the last minutes, and steps over each of them for every new file, so that a loop of 0.6 s takes 3 s after a removal
of as many files. For the same reason a second benchmark within five minutes shows worse figures on disk.
"""

import os
from statistics import median

from harness import peers
from harness.report import seconds, times_faster, times_slower

COUNT = 10_000


def on_tmpfs(bench):
    """Medians; at most 3x the loop, at least 5x faster than cf-agent."""
    return _rows(bench, "tmpfs", bench.scratch, median, 3, 5)


def on_disk(bench):
    """Minima, since the file system varies; at most 1.6x the loop, at least 3x faster than cf-agent."""
    try:
        return _rows(bench, "disk", bench.disk, min, 1.6, 3)
    finally:
        for entry in os.scandir(bench.disk):
            if entry.name.startswith("cold-"):
                bench.drop(entry.path)


def _rows(bench, where, base, figure, loop_bound, peer_bound):
    loop, ours, peer = [], [], []
    for round_number in range(bench.rounds):
        steps = [(_loop, loop), (_agent, ours), (_peer, peer)]
        # Each begins in turn: what the one before leaves in the caches falls on all of them.
        turn = round_number % len(steps)
        for step, samples in steps[turn:] + steps[:turn]:
            took = step(bench, base)
            if took is not None:
                samples.append(took)
    name = f"10,000 files cold, {where}"
    figures = {"agent_s": ours, "loop_s": loop, "cf_agent_s": peer}
    return [
        times_slower(f"{name}, by the C loop", figure(ours), figure(loop), loop_bound, "C loop", seconds, **figures),
        times_faster(f"{name}, by cf-agent", figure(ours), figure(peer) if peer else None, peer_bound, "cf-agent", seconds),
    ]


def _measure(bench, base, who, command_for):
    """Runs one of the three in a new folder and checks what it made."""
    target = bench.folder("cold", on=base)
    command = command_for(target)
    if command is None:
        bench.drop(target)
        return None
    if base == bench.disk:
        os.sync()  # or the writes of the one before are still under way
    cost = command()
    bench.expect_files(target, COUNT, who)
    if base != bench.disk:
        bench.drop(target)
    return cost.seconds


def _loop(bench, base):
    return _measure(bench, base, "the C loop", lambda target: lambda: bench.write_loop(target, COUNT))


def _agent(bench, base):
    def command_for(target):
        graph = bench.files_graph(target, COUNT)
        return lambda: bench.apply(graph)

    return _measure(bench, base, "mgmt", command_for)


def _peer(bench, base):
    def command_for(target):
        command = peers.cf_agent(bench, target, COUNT)
        return command and (lambda: bench.run(command))

    return _measure(bench, base, "cf-agent", command_for)

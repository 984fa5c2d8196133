"""Four execs of 10 s, three in a chain and one free: what the agent adds to the 30 s of the chain."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from harness.processes import Failed
from harness.report import at_most

CHAIN_S = 30
# The chain alone: a shell a link, as the agent has one.
SHELL = ["sh", "-c", 'sh -c "sleep 10s"; sh -c "sleep 10s"; sh -c "sleep 10s"']
# Runs begin so long after one another, and overlap otherwise: they do nothing but wait.
APART_S = 0.7


def run(bench):
    """Under 20 ms of its own, start and end of the process included."""
    graph = os.path.join(bench.root, "examples", "yaml", "exec-parallel.yaml")
    commands = []
    for _ in range(bench.rounds):
        commands += [[bench.binary, "run", "--prefix", bench.folder("prefix"), "--converged-timeout", "0", graph], SHELL]
    with ThreadPoolExecutor(len(commands)) as pool:
        took = list(pool.map(lambda at: _took(bench, at * APART_S, commands[at]), range(len(commands))))
    ours, shell = took[::2], took[1::2]
    if min(took) < CHAIN_S:
        raise Failed(f"the chain of {CHAIN_S} s ended after {min(took):.2f} s")
    note = f"a shell alone: {(median(shell) - CHAIN_S) * 1e3:.1f} ms"
    return [at_most("four execs of 10 s, own overhead", (median(ours) - CHAIN_S) * 1e3, 20, "ms", digits=1, strict=True, note=note,
                    took_s=ours, shell_s=shell)]


def _took(bench, begins_s, command):
    time.sleep(begins_s)
    return bench.run(command, scratch=bench.folder("execs")).seconds

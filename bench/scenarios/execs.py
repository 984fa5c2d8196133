"""Four execs of 10 s, three in a chain and one free: what the agent adds to the 30 s of the chain."""

import os
from statistics import median

from harness.processes import Failed
from harness.report import at_most

CHAIN_S = 30


def run(bench):
    """Under 20 ms of its own, start and end of the process included."""
    graph = os.path.join(bench.root, "examples", "yaml", "exec-parallel.yaml")
    took = [bench.apply(graph).seconds for _ in range(1 if bench.quick else 2)]
    if min(took) < CHAIN_S:
        raise Failed(f"the chain of {CHAIN_S} s ended after {min(took):.2f} s")
    return [at_most("four execs of 10 s, own overhead", (median(took) - CHAIN_S) * 1e3, 20, "ms", digits=1, strict=True, took_s=took)]

"""^C to the end of the process, with 10,000 files managed and nothing to do."""

import time
from statistics import median

from harness import graphs
from harness.agent import Agent
from harness.processes import Failed
from harness.report import at_most

COUNT = 10_000


def run(bench):
    """Under 100 ms, exit code 0."""
    target = bench.folder("stop")
    graph = bench.files_graph(target, COUNT)
    took = []
    for _ in range(bench.rounds):
        with Agent(bench, graph) as agent:
            agent.ready(lambda: graphs.first_wrong(target, COUNT) is None)
            time.sleep(0.3)
            seconds, code = agent.interrupt()
            if code != 0:
                raise Failed(f"^C ended the agent with {code}, not 0")
            took.append(seconds)
    bench.drop(target)
    return [at_most("^C to exit, 10,000 files managed", median(took) * 1e3, 100, "ms", digits=1, strict=True, took_s=took)]

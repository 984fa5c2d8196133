"""One of 10,000 resources is edited in the file of the running graph: from the save until the file is right."""

import os
import random
import subprocess
import time
from statistics import median

from harness import graphs
from harness.agent import Agent, checks_counted
from harness.bench import free_address
from harness.processes import Failed
from harness.report import INFO, Row, at_most, verdict

COUNT = 10_000


def run(bench):
    """Under 150 ms, and one check."""
    target = bench.folder("edit")
    graph = bench.files_graph(target, COUNT)
    address = free_address()
    flags = ("--metrics", address) if _has_metrics(bench) else ()
    picks = random.Random(1)
    took, checks = [], []
    with Agent(bench, graph, *flags) as agent:
        agent.ready(lambda: len(os.listdir(target)) >= COUNT and graphs.first_wrong(target, COUNT) is None)
        for round_number in range(bench.rounds * 2):
            before = checks_counted(address) if flags else None
            took.append(_edit(agent, graph, target, picks.randint(1, COUNT), f"edit {round_number}\n"))
            agent.ready(lambda: True)
            after = checks_counted(address) if flags else None
            if None not in (before, after):
                checks.append(after - before)
            # Back to the first graph: each round edits one resource, and nothing else differs.
            graphs.write_files_graph(graph, target, COUNT)
            agent.ready(lambda: graphs.first_wrong(target, COUNT) is None)
    bench.drop(target)
    rows = [at_most("one of 10,000 edited, save to repaired", median(took) * 1e3, 150, "ms", digits=1, strict=True, took_s=took)]
    if checks:
        rows.append(Row("one of 10,000 edited, checks", f"{median(checks):g}", "1", verdict(set(checks) == {1}), figures={"checks": checks}))
    else:
        rows.append(Row("one of 10,000 edited, checks", "not counted", "1", INFO, note="no answer from --metrics"))
    return rows


def _has_metrics(bench):
    shown = subprocess.run([bench.binary, "run", "--help"], capture_output=True, stdin=subprocess.DEVNULL, timeout=10,
                           env=bench.env, check=False)
    return b"--metrics" in shown.stdout


def _edit(agent, graph, target, i, content):
    """Saves as editors do: a new file beside the old one, renamed onto its name."""
    edited = graph + ".edited"
    graphs.write_files_graph(edited, target, COUNT, {i: content})
    time.sleep(0.05)
    start = time.perf_counter()
    os.rename(edited, graph)
    while not graphs.is_right(target, i, content):
        if time.perf_counter() - start > 10:
            raise Failed(f"{graphs.file_name(i)} did not follow the edited graph in 10 s")
        agent.alive()
        time.sleep(0.0005)
    return time.perf_counter() - start

"""Agents that have nothing to do: CPU, context switches and memory over whole minutes, three sizes side by side."""

import os
import time
from contextlib import ExitStack
from statistics import median

from harness import graphs, procfs
from harness.agent import Agent
from harness.report import at_most

SIZES = (10_000, 1_000, 1)
MEMORY_LIMIT_MB = {10_000: 60, 1_000: 20, 1: 12}
# Threads of a pool may linger for seconds after the work; their end is no part of idling.
REST_S = 15


def run(bench):
    """At 10,000 files at most one tick and 5 switches a minute; under 60, 20 and 12 MB resident."""
    minute_s, minutes = (10, 1) if bench.quick else (60, bench.rounds)
    seen = {count: {"ticks": [], "switches": [], "rss_kb": []} for count in SIZES}
    with ExitStack() as running:
        agents = {count: _agent(bench, count, running) for count in SIZES}
        time.sleep(3 if bench.quick else REST_S)
        for _ in range(minutes):
            before = {count: (procfs.cpu_ticks(a.pid), procfs.switches(a.pid)) for count, a in agents.items()}
            time.sleep(minute_s)
            for count, agent in agents.items():
                agent.alive()
                ticks, switches = before[count]
                seen[count]["ticks"].append(procfs.cpu_ticks(agent.pid) - ticks)
                seen[count]["switches"].append(procfs.switches_between(switches, procfs.switches(agent.pid)))
                seen[count]["rss_kb"].append(procfs.rss_kb(agent.pid))
    busiest = seen[SIZES[0]]
    rows = [
        at_most("10,000 files idle a minute, CPU", median(busiest["ticks"]), 1, "ticks", digits=0, ticks=busiest["ticks"]),
        at_most("10,000 files idle a minute, context switches", median(busiest["switches"]), 5, "switches", digits=0,
                switches=busiest["switches"]),
    ]
    for count in SIZES:
        rows.append(at_most(f"{count:,} file{'s' if count > 1 else ''} idle, resident", median(seen[count]["rss_kb"]) / 1024,
                            MEMORY_LIMIT_MB[count], "MB", digits=1, strict=True, **seen[count]))
    if bench.quick:
        for row in rows[:2]:
            row.note = f"{minute_s} s in place of a minute"
    return rows


def _agent(bench, count, running):
    target = bench.folder("idle")
    agent = running.enter_context(Agent(bench, bench.files_graph(target, count)))
    last = os.path.join(target, graphs.file_name(count))
    return agent.ready(lambda: os.path.exists(last) and graphs.first_wrong(target, count) is None)

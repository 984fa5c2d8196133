"""100,000 noop vertices and 200,000 edges: the engine alone, then with the reading of an 18 MB file."""

import json
import os
import subprocess
from statistics import median

from harness import graphs
from harness.processes import Failed
from harness.report import ABSENT, Row, at_most

VERTICES = 100_000


def in_memory(bench):
    """Built, ordered and run in under 0.5 s, by the Rust program `benches/graph.rs`."""
    name = "100,000 vertices built, ordered, run in memory"
    if not os.path.exists(os.path.join(bench.root, "benches", "graph.rs")):
        return [Row(name, "-", "< 500 ms", ABSENT, note="no benches/graph.rs")]
    took = []
    for _ in range(bench.rounds):
        done = subprocess.run(["cargo", "bench", "--quiet", "--locked", "--bench", "graph"], cwd=bench.root, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=900, check=False)
        lines = [line for line in done.stdout.decode().splitlines() if line.startswith("{")]
        if done.returncode != 0 or not lines:
            raise Failed(f"cargo bench --bench graph: {done.stderr.decode()[-800:]}")
        took.append(json.loads(lines[-1])["build_order_run_ms"])
    return [at_most(name, median(took), 500, "ms", digits=0, strict=True, took_ms=took)]


def from_yaml(bench):
    """Under 2 s and 300 MB, from process start to its end."""
    path = os.path.join(bench.folder("graph"), "noops.yaml")
    graphs.write_noop_graph(path, VERTICES)
    costs = [bench.apply(path, "--no-autogroup") for _ in range(bench.rounds)]
    size_mb = os.path.getsize(path) / 1e6
    return [
        at_most(f"100,000 vertices from a {size_mb:.0f} MB YAML file", median([c.seconds for c in costs]), 2, "s", strict=True,
                took_s=[c.seconds for c in costs], cpu_s=[c.cpu_seconds for c in costs]),
        at_most("the same, peak memory", median([c.peak_kb for c in costs]) / 1024, 300, "MB", digits=0, strict=True,
                peak_kb=[c.peak_kb for c in costs]),
    ]

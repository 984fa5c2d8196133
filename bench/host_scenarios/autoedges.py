"""10,000 files, 300 packages and 300 services: what their automatic edges add to the reading of the graph."""

import time
from statistics import median

from harness.machine import Machine
from harness.report import at_most

from . import many

FILES = 10_000


def run(bench):
    """The difference of two commands that do the same but for the edges."""
    with Machine(bench) as machine:
        many.prepare(machine)
        files = [(f"/etc/bench/d{number % 100}/f{number}", ["content: x"]) for number in range(FILES)]
        directories = [("/etc/bench/", ["state: exists"])] + [(f"/etc/bench/d{number}/", ["state: exists"]) for number in range(100)]
        machine.write("/root/site.yaml", many.graph({"file": directories + files, **many.right(machine)}))
        plain, with_edges = [], []
        for _ in range(2 * bench.rounds):
            plain.append(_took(machine, ""))
            with_edges.append(_took(machine, "--autoedges"))
        edges = machine.sh("mgmt graph --json --autoedges /root/site.yaml | grep -c '\"reason\"'").strip()
    return [at_most("automatic edges of 10,000 files, 300 packages, 300 services", (median(with_edges) - median(plain)) * 1e3, 200, "ms",
                    strict=True, note=f"{edges} edges; the graph alone takes {median(plain) * 1e3:.0f} ms", plain_s=plain, with_s=with_edges)]


def _took(machine, flag):
    start = time.monotonic()
    machine.sh(f"mgmt graph --json {flag} /root/site.yaml >/dev/null")
    return time.monotonic() - start

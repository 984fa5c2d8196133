"""Thousands of hosts export anew at the same moment, and one collects it all."""

from statistics import median

from harness.mesh_bench import settled_mb
from harness.report import INFO, Row, at_most
from harness.village import Village

HOSTS = 3000
# Exports of each host, and the seconds until all are stored and seen.
LOADS = ((10, 5), (100, 60))
ROUNDS = 3


def run(bench):
    """Every export exists already, and all of them change."""
    hosts = HOSTS // 10 if bench.quick else HOSTS
    return [row for each, limit_s in LOADS for row in _load(bench, hosts, each, limit_s, 1 if bench.quick else ROUNDS)]


def _load(bench, hosts, each, limit_s, rounds):
    seen = []
    for _ in range(rounds):
        with Village(bench, bench.disk) as village:
            server, where = village.serve(bench.agent_cpus)
            measured = bench.generator.run(where, "reexport", "--hosts", hosts, "--each", each)
            seen.append({**measured["again"], "first": measured["first"], "peak_mb": server.peak_mb(), "after_mb": settled_mb(server.rss_mb)})
    title = f"{hosts:,} hosts re-export {each} each"
    done = [max(one["stored_s"], one["visible_s"]) for one in seen]
    note = (f"stored after {median(one['stored_s'] for one in seen):.2f} s, the first time after "
            f"{median(one['first']['stored_s'] for one in seen):.2f} s; server CPU {median(one['server_cpu_s'] for one in seen):.1f} s, "
            f"generator CPU {median(one['client_cpu_s'] for one in seen):.1f} s")
    peak_mb, after_mb = (median(one[figure] for one in seen) for figure in ("peak_mb", "after_mb"))
    return [
        at_most(f"{title}: all stored and seen", median(done), limit_s, "s", strict=True, note=note, runs=seen),
        Row(f"{title}: server's memory at its peak", f"{peak_mb:.0f} MB", "", INFO, note=f"{after_mb:.0f} MB afterwards"),
    ]

"""From the start of the process to the first linearizable get, with 1,000,000 keys of 256 bytes."""

from harness.processes import Failed
from harness.report import at_most
from harness.store_bench import ETCD, OURS, middle

KEYS = 1_000_000


def run(bench):
    """After a polite end; the page cache is warm."""
    keys = KEYS // bench.scale

    def measure(servers):
        bench.load("fill", "--count", keys, servers=servers)
        servers.stop()
        servers.spawn()
        first = bench.load("first-get", "--number", keys - 1, servers=servers)
        if not first["found"]:
            raise Failed(f"{servers.name}: the last key is lost after a restart")
        return {"s": first["ms"] / 1e3}

    results = bench.take_turns(measure)
    ours, etcd = middle(results, OURS, "s"), middle(results, ETCD, "s")
    samples = {f"{name}_s": [result["s"] for result in results[name]] for name in results}
    return [at_most(f"restart, {keys:,} keys of 256 B", ours, 5, "s", ratio=f"{ours / etcd:.2f}x of {etcd:.2f} s", strict=True, **samples)]

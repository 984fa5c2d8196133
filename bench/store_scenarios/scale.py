"""1,000,000 keys of 1 KB and 4,000,000 small ones: ours alone, once."""

import os
import time

from harness.report import at_most
from harness.store_bench import OURS
from harness.store_server import Servers

LARGE, SMALL = 1_000_000, 4_000_000


def run(bench):
    """Memory, gets under no other load, and the way out to a file and back, by etcd's own tools."""
    large, small = LARGE // bench.scale, SMALL // bench.scale
    file, restored = os.path.join(bench.disk, "scale.db"), os.path.join(bench.disk, "scale-restored")
    with Servers(bench, OURS) as servers:
        bench.load("fill", "--count", large, "--value-size", 1024, "--prefix", "/large/", servers=servers, limit_s=1800)
        bench.load("fill", "--count", small, "--value-size", 16, "--prefix", "/small/", servers=servers, limit_s=1800)
        memory_gb = servers.rss_mb() * (1 << 20) / 1e9
        gets = bench.load("gets", "--clients", 10, "--keys", large, "--prefix", "/large/", "--seconds", bench.seconds, servers=servers)
        start = time.monotonic()
        bench.tool("etcdctl", "--endpoints", servers.clients[0], "snapshot", "save", file)
        save_s = time.monotonic() - start
        start = time.monotonic()
        bench.tool("etcdutl", "snapshot", "restore", file, "--data-dir", restored)
        restore_s = time.monotonic() - start
        size_mb = os.path.getsize(file) / 1e6
    os.unlink(file)
    bench.drop(restored)
    title = f"{large:,} keys of 1 KB, {small:,} small"
    return [
        at_most(f"{title}: memory", memory_gb, 4, "GB", strict=True),
        at_most(f"{title}: get p99, 10 clients", gets["p99_us"] / 1e3, 1, "ms", strict=True, **gets),
        at_most(f"{title}: snapshot and restore", save_s + restore_s, 60, "s", digits=1, strict=True,
                note=f"saved in {save_s:.1f} s, {size_mb:,.0f} MB", save_s=save_s, restore_s=restore_s),
    ]

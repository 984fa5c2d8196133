"""Many idle hosts at one server: what each costs it in memory."""

from harness.generator import Held
from harness.mesh_bench import settled_mb
from harness.report import at_most
from harness.village import Village

HOSTS = 2000


def run(bench):
    """Each has a connection, collects, and has a lease; resident memory with them less that without."""
    hosts = HOSTS // 10 if bench.quick else HOSTS
    with Village(bench, bench.disk) as village:
        server, where = village.serve(bench.agent_cpus)
        # One before: what the first of them costs is no part of what each costs.
        with Held(bench.generator.start(where, "collectors", "--hosts", 1), "collectors"):
            before_mb = settled_mb(server.rss_mb)
        with Held(bench.generator.start(where, "collectors", "--hosts", hosts), "collectors"):
            after_mb = settled_mb(server.rss_mb)
    each_kb = (after_mb - before_mb) * 1024 / hosts
    note = f"{before_mb:.1f} MB without, {after_mb:.1f} MB with them"
    return [at_most(f"{hosts:,} hosts that collect: server's memory each", each_kb, 40, "KB", digits=1, strict=True, note=note,
                    before_mb=before_mb, after_mb=after_mb)]

"""An exported file is changed in the graph of one host: until another host has written it."""

import random
import time
from statistics import median

from harness.mesh_bench import percentile, row_ms
from harness.processes import Failed
from harness.village import CLIENT, Village

CHANGES, CHANGES_ON_DISK = 400, 100
# Between two changes, drawn by lot, so that they do not fall in step with anything; in seconds.
PAUSE = (0.005, 0.02)


def run(bench):
    """From the rename of the graph's file to the rename of the collected file."""
    changes, on_disk = (50, 20) if bench.quick else (CHANGES, CHANGES_ON_DISK)
    rows = []
    for title, exports_at_server, folder, count in (
        ("change, server to client", True, None, changes),
        ("change, client to server", False, None, changes),
        ("change on disk, server to client", True, bench.disk, on_disk),
    ):
        took = _changes(bench, exports_at_server, folder, count)
        rows.append(row_ms(f"{title}: median", median(took), 3, took))
        rows.append(row_ms(f"{title}: p99", percentile(took, 99), 10, []))
    return rows


def _changes(bench, exports_at_server, folder, count):
    with Village(bench, folder) as village:
        server, client = village.host("a"), village.host("b")
        seed = village.found(server)
        village.watch_arrival(client, server)
        village.watch_arrival(server, client)
        village.run(client, flags=("--seeds", seed, *CLIENT))
        writer, reader = (server, client) if exports_at_server else (client, server)
        lot, took = random.Random(1), []
        for number in range(count):
            time.sleep(lot.uniform(*PAUSE))
            village.watch_arrival(reader, writer)
            took.append(village.change(writer, f"change {number}"))
            if reader.collected(writer.name) != f"change {number}\n":
                raise Failed(f"change {number} arrived as {reader.collected(writer.name)!r}")
        return took

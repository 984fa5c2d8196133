"""Sixty agents on one machine, each of which exports one file to all and collects all."""

import time
from statistics import median

from harness import loopback
from harness.mesh_bench import row_ms
from harness.processes import Failed
from harness.report import INFO, Row, at_most
from harness.village import Village

AGENTS, ROUNDS, CHANGES = 60, 3, 20
CONTENT_BYTES = 1024


def run(bench):
    """From the first process to the last file; then one export changes, and its bytes on the wire are counted."""
    agents, rounds, changes = (12, 1, 5) if bench.quick else (AGENTS, ROUNDS, CHANGES)
    seen = [_crowd(bench, agents, changes) for _ in range(rounds)]
    cold = [one["cold_s"] for one in seen]
    changed = [took for one in seen for took in one["changed_s"]]
    payload = (CONTENT_BYTES + 1) * agents
    per_change = median(one["change_bytes"] for one in seen)
    cold_mb = median(one["cold_bytes"] for one in seen) / 1e6
    title = f"{agents} agents"
    return [
        at_most(f"{title}: all to all, from cold", median(cold), 5, "s", strict=True, cold_s=cold),
        row_ms(f"{title}: one export changes, until all have it", median(changed), 200, changed, digits=1),
        at_most(f"{title}: bytes of a change on the wire", per_change / payload, 2, "x payload x recipients",
                note=f"{per_change:,.0f} bytes; what is sent while nothing happens is not counted", samples=[one["change_bytes"] for one in seen]),
        Row(f"{title}: bytes on the wire from cold", f"{cold_mb:.1f} MB", "", INFO, ratio=f"{cold_mb * 1e6 / (payload * agents):.2f}x payload",
            figures={"cold_bytes": [one["cold_bytes"] for one in seen]}),
        Row(f"{title}: resident, all together", f"{median(one['rss_mb'] for one in seen):.0f} MB", "", INFO),
    ]


def _crowd(bench, agents, changes):
    with Village(bench) as village:
        hosts = [village.host(f"h{number}", _content(0)) for number in range(agents)]
        for host in hosts:
            village.stopwatch.watch(host.files, agents)
        sent = loopback.bytes_sent()
        cold_s = village.run(*hosts, limit_s=120)
        cold_bytes = loopback.bytes_sent() - sent
        _expect_all(hosts, 0)
        time.sleep(5)  # registrations, members and learners come to rest
        idle = _sent_in(village, 2.0) / 2.0
        sent, begun, changed_s = loopback.bytes_sent(), time.monotonic(), []
        for number in range(1, changes + 1):
            for host in hosts:
                village.watch_arrival(host, hosts[-1])
            changed_s.append(village.change(hosts[-1], _content(number)))
        spent = loopback.bytes_sent() - sent - idle * (time.monotonic() - begun)
        for host in hosts:
            if host.collected(hosts[-1].name) != _content(changes) + "\n":
                raise Failed(f"{host.name} has not the last change")
        return {"cold_s": cold_s, "cold_bytes": cold_bytes, "changed_s": changed_s, "change_bytes": spent / changes,
                "rss_mb": sum(host.rss_mb() for host in hosts)}


def _content(number):
    """Of CONTENT_BYTES characters, none like another one's."""
    return (f"{number:06d} " * CONTENT_BYTES)[:CONTENT_BYTES]


def _sent_in(_village, seconds):
    before = loopback.bytes_sent()
    time.sleep(seconds)
    return loopback.bytes_sent() - before


def _expect_all(hosts, number):
    for host in hosts:
        for other in hosts:
            if host.collected(other.name) != _content(number) + "\n":
                raise Failed(f"{host.name} has not what {other.name} exports")

"""Hosts of a mesh in which nothing happens: CPU, context switches and memory over whole minutes."""

import time
from statistics import median

from harness import procfs
from harness.report import INFO, Row, at_most
from harness.village import CLIENT, Village

# Before the first minute: what was written is kept on disk, memory is given back.
REST_S = 15


def run(bench):
    """A client: at most one tick a minute, and under 25 MB; its server beside it."""
    minute_s, minutes = (10, 1) if bench.quick else (60, bench.rounds)
    with Village(bench) as village:
        server, client = village.host("a"), village.host("b")
        seed = village.found(server)
        village.watch_arrival(client, server)
        village.watch_arrival(server, client)
        village.run(client, flags=("--seeds", seed, *CLIENT))
        time.sleep(3 if bench.quick else REST_S)
        seen = {host.name: {"ticks": [], "cpu_ms": [], "switches": [], "rss_mb": []} for host in (server, client)}
        for _ in range(minutes):
            before = {host.name: _reading(host) for host in (server, client)}
            time.sleep(minute_s)
            for host in (server, client):
                ticks, cpu_ms, switches = before[host.name]
                now = _reading(host)
                seen[host.name]["ticks"].append(now[0] - ticks)
                seen[host.name]["cpu_ms"].append(round(now[1] - cpu_ms, 2))
                seen[host.name]["switches"].append(procfs.switches_between(switches, now[2]))
                seen[host.name]["rss_mb"].append(round(host.rss_mb(), 2))
    rows = []
    for title, own, limits in (("client", seen["b"], True), ("voter, alone", seen["a"], False)):
        ticks, memory = median(own["ticks"]), median(own["rss_mb"])
        note = f"{median(own['cpu_ms']):.1f} ms, {median(own['switches']):.0f} context switches in {minute_s} s"
        name = f"idle in a mesh, {title}"
        if limits:
            rows.append(at_most(f"{name}: CPU in {minute_s} s", ticks, 1, "ticks", digits=0, note=note, **own))
            rows.append(at_most(f"{name}: resident", memory, 25, "MB", digits=1, strict=True))
        else:
            rows.append(Row(f"{name}: CPU in {minute_s} s", f"{ticks:.0f} ticks", "", INFO, note=note, figures=own))
            rows.append(Row(f"{name}: resident", f"{memory:.1f} MB", "", INFO))
    return rows


def _reading(host):
    return procfs.cpu_ticks(host.pid), procfs.cpu_ms(host.pid), procfs.switches(host.pid)

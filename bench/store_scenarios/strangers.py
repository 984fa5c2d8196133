"""A host's puts beside 10,000 connections that never say what they want: its p99 stays."""

import os
import socket
import threading
from contextlib import contextmanager
from statistics import median

from harness.report import Row, verdict
from harness.store_bench import OURS, OURS_TLS
from harness.store_server import Servers

STRANGERS, CLIENTS = 10_000, 100
# Half of what HTTP/2 begins with; and the beginning of a greeting of TLS, of 512 bytes of which the rest never comes.
HTTP, TLS = b"PRI * HTTP/2", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
# Another address than the generator's.
FROM = "127.0.0.2"


@contextmanager
def strangers(address, count, said):
    """Opens so many connections, and for each that is closed another, until it is left; the first are there when it begins."""
    host, port = address.rsplit(":", 1)
    there, over = threading.Event(), threading.Event()
    opened = [0]

    def one():
        stranger = socket.socket()
        stranger.settimeout(5)
        try:
            stranger.bind((FROM, 0))
            stranger.connect((host, int(port)))
            stranger.send(said)
        except OSError:
            # The server, or this process, has no room at the moment.
            stranger.close()
            return None
        opened[0] += 1
        return stranger

    def run():
        kept = []
        while not over.is_set():
            # The oldest goes: the server has closed it long ago.
            if len(kept) >= count:
                there.set()
                kept.pop(0).close()
                over.wait(count and 1.0 / count)
            stranger = one()
            if stranger is not None:
                kept.append(stranger)
        for stranger in kept:
            stranger.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        there.wait(60)
        yield opened
    finally:
        over.set()
        thread.join()


def run(bench):
    """Connections that have begun to speak HTTP/2."""
    return _beside(bench, OURS, HTTP, "half-open connections")


def under_tls(bench):
    """Connections that have begun to agree on keys."""
    return _beside(bench, OURS_TLS, TLS, "half-open handshakes of TLS")


def _beside(bench, name, said, what):
    """Ours only, without strangers and with them, in turns."""
    count = min(STRANGERS // bench.scale, int(os.sysconf("SC_OPEN_MAX")) - 500)
    flags = ("--clients", CLIENTS, "--seconds", bench.seconds)
    alone, beside, memory_mb = [], [], []
    for _ in range(bench.rounds):
        with Servers(bench, name) as servers:
            alone.append(bench.load("puts", *flags, servers=servers))
            before = servers.rss_mb()
            with strangers(servers.clients[0], count, said) as opened:
                beside.append(bench.load("puts", *flags, servers=servers))
            memory_mb.append(servers.rss_mb() - before)
    p99_ms = [median(result["p99_us"] for result in results) / 1e3 for results in (alone, beside)]
    bound_ms = max(2 * p99_ms[0], 10)
    return [Row(f"puts beside {count:,} {what}: p99", f"{p99_ms[1]:.2f} ms", "<= 2x alone, or 10 ms",
                verdict(p99_ms[1] <= bound_ms), f"{p99_ms[1] / p99_ms[0]:.2f}x of {p99_ms[0]:.2f} ms",
                f"{opened[0]:,} were opened; the server's memory afterwards: {median(memory_mb):+.1f} MB",
                {"alone": alone, "beside": beside})]

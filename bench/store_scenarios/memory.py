"""Resident memory with 500,000 keys of 256 bytes, and with 10,000 watch streams besides."""

from harness.generator import Held

from .compared import beside

KEYS, WATCHERS = 500_000, 10_000


def run(bench):
    """Read after it has settled."""
    keys, watchers = KEYS // bench.scale, WATCHERS // bench.scale

    def measure(servers):
        bench.load("fill", "--count", keys, servers=servers)
        with_keys = servers.rss_mb()
        with Held(bench.start_load("hold-watches", "--watchers", watchers, servers=servers), "hold-watches"):
            return {"keys_mb": with_keys, "keys_and_watches_mb": servers.rss_mb()}

    results = bench.take_turns(measure)
    return [
        beside(f"memory, {keys:,} keys of 256 B", results, "keys_mb", lambda value: f"{value:,.0f} MB"),
        beside(f"memory, and {watchers:,} watch streams", results, "keys_and_watches_mb", lambda value: f"{value:,.0f} MB", at_most=0.4),
    ]

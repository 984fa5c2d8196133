"""One key, 10,000 watch streams on 100 connections."""

from .compared import beside

WATCHERS = 10_000


def run(bench):
    """From the put to the last watcher told; the generator reads on a CPU of its own while the server still sends."""
    watchers = WATCHERS // bench.scale

    def measure(servers):
        return bench.load("fan-out", "--watchers", watchers, servers=servers)

    results = bench.take_turns(measure)
    title = f"one key to {watchers:,} watchers"
    return [
        beside(f"{title}: the last told", results, "last_ms_median", lambda value: f"{value:.1f} ms", at_most=0.5),
        beside(f"{title}: server CPU", results, "server_cpu_ms_per_change", lambda value: f"{value:.1f} ms"),
        beside(f"{title}: generator CPU", results, "client_cpu_ms_per_change", lambda value: f"{value:.1f} ms"),
    ]

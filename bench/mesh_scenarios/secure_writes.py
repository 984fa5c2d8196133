"""Batches of a host, written to a store with identities and rules, beside one without TLS."""

from statistics import median

from harness.report import Row, verdict
from harness.village import Village

CONNECTIONS = 100
ROUNDS = 3


def run(bench):
    """Over 100 connections, each with a batch under way, in turns."""
    seconds, rounds = (2, 1) if bench.quick else (10, ROUNDS)
    seen = {False: [], True: []}
    for _ in range(rounds):
        for secure, results in seen.items():
            with Village(bench, bench.disk, secure) as village:
                _, where = village.serve(bench.agent_cpus)
                results.append(bench.generator.run(where, "writers", "--connections", CONNECTIONS, "--seconds", seconds))

    def middle(secure, figure):
        return median(one[figure] for one in seen[secure])

    ratio = middle(True, "per_second") / middle(False, "per_second")
    note = ", ".join(f"{who} CPU {middle(True, figure):.0f} us each, {middle(False, figure):.0f} us without" for who, figure in
                     (("server", "server_cpu_us_per_operation"), ("generator", "client_cpu_us_per_operation")))
    return [Row(f"batches of {CONNECTIONS} hosts under TLS, 300 B", f"{middle(True, 'per_second'):,.0f}/s", ">= 0.8x without", verdict(ratio >= 0.8),
                f"{ratio:.2f}x of {middle(False, 'per_second'):,.0f}/s", note, {"secure": seen[True], "plain": seen[False]})]

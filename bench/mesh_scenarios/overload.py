"""Ten times the connections at which a store does most: it still does as much, and loses nothing."""

from statistics import median

from harness.report import INFO, MISSED, OK, Row, verdict
from harness.village import Village

STEPS = (10, 30, 60, 100, 200, 400, 1000)
ROUNDS = 3


def run(bench):
    """Puts as a host's writer makes them, one at a time over each connection; goodput is what was acknowledged."""
    step_s, minute_s, rounds = (1, 5, 1) if bench.quick else (5, 60, ROUNDS)
    with Village(bench, bench.disk) as village:
        server, where = village.serve(bench.agent_cpus)
        runs = [0]

        def load(connections, seconds):
            runs[0] += 1
            return bench.generator.run(where, "writers", "--connections", connections, "--seconds", seconds, "--prefix", f"load{runs[0]}-")

        sweeps = [{count: load(count, step_s) for count in STEPS} for _ in range(rounds)]
        rates = {count: median(sweep[count]["per_second"] for sweep in sweeps) for count in STEPS}
        most = max(rates, key=rates.get)
        over = load(10 * most, minute_s)
        peak_mb = server.peak_mb()
    lost = over["hosts_with_losses"] + sum(one["hosts_with_losses"] for sweep in sweeps for one in sweep.values())
    ratio = over["per_second"] / rates[most]
    steps = ", ".join(f"{count}: {rate:,.0f}/s" for count, rate in rates.items())
    return [
        Row(f"goodput at its peak, {most} connections", f"{rates[most]:,.0f}/s", "", INFO, note=f"by connections: {steps}",
            figures={"rates": rates, "sweeps": sweeps}),
        Row(f"goodput with ten times as many, {minute_s} s", f"{over['per_second']:,.0f}/s", ">= 0.9x the peak", verdict(ratio >= 0.9), f"{ratio:.2f}x",
            f"p50 {over['p50_us'] / 1e3:.1f} ms, p99 {over['p99_us'] / 1e3:.1f} ms, {over['refused']:,} refused; server CPU "
            f"{over['server_cpu_us_per_operation']:.0f} us each, generator CPU {over['client_cpu_us_per_operation']:.0f} us; "
            f"server's memory at its peak {peak_mb:.0f} MB", over),
        Row("acknowledged and lost", f"{lost}", "0", OK if lost == 0 else MISSED),
    ]

"""A host that begins cold verifies what thousands of others have exported, on one core."""

from statistics import median

from harness.report import INFO, MISSED, OK, Row, at_most
from harness.village import Village

HOSTS, EACH = 3000, 10
ROUNDS, CHANGES = 3, 20


def run(bench):
    """From the first question to the last export: read, papers verified, signatures verified; beside a mesh that signs nothing."""
    hosts = HOSTS // 10 if bench.quick else HOSTS
    flags = ("--hosts", hosts, "--each", EACH, "--rounds", 1 if bench.quick else ROUNDS, "--changes", CHANGES)
    seen = {}
    for secure in (False, True):
        with Village(bench, bench.disk, secure) as village:
            _, where = village.serve(bench.agent_cpus)
            seen[secure] = bench.generator.run(where, "verify", *flags)["rounds"]

    def middle(secure, figure):
        return median(one[figure] for one in seen[secure])

    def change_ms(secure):
        return median(took for one in seen[secure] for took in one["change_ms"])

    exports = hosts * EACH
    cold, plain = middle(True, "cold_s"), middle(False, "cold_s")
    verified, again = middle(True, "verified"), middle(True, "verified_again")
    note = f"CPU {middle(True, 'cold_cpu_s'):.2f} s of one core; without signatures {middle(False, 'cold_cpu_s'):.2f} s"
    return [
        at_most(f"{exports:,} exports of {hosts:,} hosts, cold: all read and verified", cold, 2, "s", ratio=f"{cold / plain:.2f}x of {plain:.2f} s without",
                strict=True, note=note, runs=seen[True], plain=seen[False]),
        Row(f"then {CHANGES} of them change: verified", f"{again:,.0f}", f"{CHANGES}", OK if again == CHANGES and verified == exports else MISSED,
            note=f"{verified:,.0f} before that"),
        Row("the same: until one is seen", f"{change_ms(True):.1f} ms", "", INFO, f"{change_ms(True) / change_ms(False):.2f}x of {change_ms(False):.1f} ms without",
            f"CPU {middle(True, 'change_cpu_ms'):.1f} ms each; without signatures {middle(False, 'change_cpu_ms'):.1f} ms"),
    ]

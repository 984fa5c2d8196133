"""A thousand hosts lose their connections to one server at the same moment: until each is told of changes again."""

from statistics import median

from harness.report import INFO, MISSED, OK, Row, at_most
from harness.village import Village

HOSTS = 1000
ROUNDS = 3


def run(bench):
    """With what hosts remember of the server's TLS, as if they had never met, and without TLS."""
    hosts = HOSTS // 10 if bench.quick else HOSTS
    seen = {}
    for secure in (False, True):
        with Village(bench, bench.disk, secure) as village:
            _, where = village.serve(bench.agent_cpus)
            seen[secure] = bench.generator.run(where, "reconnect", "--hosts", hosts, "--rounds", 1 if bench.quick else ROUNDS)
    plain = median(one["told_s"] for one in seen[False]["remembered"] + seen[False]["strange"])
    title = f"{hosts:,} hosts reconnect at once to one server"
    rows = []
    for sort, what, bound in (("remembered", "with session resumption", 3), ("strange", "without, each", None)):
        runs = seen[True][sort]
        told = median(one["told_s"] for one in runs)
        ratio = f"{told / plain:.2f}x of {plain:.2f} s without TLS"
        note = (f"connected after {median(one['connected_s'] for one in runs):.2f} s; server CPU {median(one['server_cpu_s'] for one in runs):.2f} s, "
                f"generator CPU {median(one['client_cpu_s'] for one in runs):.2f} s")
        if bound:
            rows.append(at_most(f"{title}, {what}", told, bound, "s", ratio=ratio, strict=True, note=note, runs=runs))
        else:
            rows.append(Row(f"{title}, {what}", f"{told:.2f} s", "", INFO, ratio, note, {"runs": runs}))
    resumed = min(one["resumed"] for one in seen[True]["remembered"])
    strangers = max(one["resumed"] for one in seen[True]["strange"])
    rows.append(Row("of them, sessions that were resumed", f"{resumed:,}", f"{hosts:,}", OK if resumed == hosts and strangers == 0 else MISSED,
                    note=f"{strangers} where they had never met"))
    return rows

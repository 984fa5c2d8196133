"""A second host joins with a token: it proves that it was invited, gets a certificate, and both get the other's export."""

from statistics import median

from harness.mesh_bench import row_ms
from harness.village import CLIENT, Village

ROUNDS = 21


def run(bench):
    """From the start of the second process to the last file, in turns with a mesh without TLS; each was just founded."""
    rounds = 5 if bench.quick else ROUNDS
    rows = []
    for title, on, count in (("join with a token, certificate and first exchange", None, rounds), ("the same, on disk", bench.disk, rounds // 2)):
        plain, secure = [], []
        for _ in range(count):
            plain.append(_exchange(bench, on, False))
            secure.append(_exchange(bench, on, True))
        base = median(plain)
        rows.append(row_ms(title, median(secure), 60, secure, ratio=f"{median(secure) / base:.2f}x of {base * 1e3:.1f} ms without TLS"))
    return rows


def _exchange(bench, on, secure):
    with Village(bench, on, secure) as village:
        first, second = village.host("a"), village.host("b")
        seed = village.found(first)
        where = ("--join", village.invite(first)) if secure else ("--seeds", seed)
        village.watch_arrival(first, second)
        village.watch_arrival(second, first)
        return village.run(second, flags=(*where, *CLIENT))

"""1,000 to 10,000 to 100,000 files on tmpfs, cold: what one more file costs must stay the same."""

from statistics import median

from harness.report import Row, verdict

SIZES = (1_000, 10_000, 100_000)
BOUND = 1.3


def run(bench):
    """Marginal time and memory a file: flat within 1.3x."""
    costs = {count: [] for count in SIZES}
    loop = {count: [] for count in SIZES}
    for _ in range(bench.rounds):
        for count in SIZES:
            target = bench.folder("growth")
            loop[count].append(bench.write_loop(target, count).seconds)
            bench.drop(target)
            target = bench.folder("growth")
            costs[count].append(bench.apply(bench.files_graph(target, count)))
            bench.expect_files(target, count, "mgmt")
            bench.drop(target)
    seconds = {count: [c.seconds for c in costs[count]] for count in SIZES}
    peak = {count: [c.peak_kb for c in costs[count]] for count in SIZES}
    bare = _marginal({count: median(loop[count]) for count in SIZES})
    return [
        _row("growth to 100,000 files, time a file", seconds, 1e6, "us",
             f"the C loop itself: {bare[1] / bare[0]:.2f}x", s=seconds, loop_s=loop),
        _row("growth to 100,000 files, memory a file", peak, 1, "KB", "", peak_kb=peak),
    ]


def _marginal(by_count):
    """Cost of one more file below and above the middle size."""
    low, middle, high = SIZES
    return ((by_count[middle] - by_count[low]) / (middle - low), (by_count[high] - by_count[middle]) / (high - middle))


def _row(name, samples, scale, unit, note, **figures):
    below, above = (cost * scale for cost in _marginal({count: median(samples[count]) for count in SIZES}))
    ratio = above / below if below > 0 else float("inf")
    return Row(name, f"{below:.2f} then {above:.2f} {unit}", f"within {BOUND}x", verdict(ratio <= BOUND), f"{ratio:.2f}x", note, figures)

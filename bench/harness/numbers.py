"""Small statistics over the few runs that a scenario makes."""

import math
import statistics


def median(samples):
    """Middle value; of an even number, the mean of the two in the middle."""
    return statistics.median(samples)


def quantile(samples, q):
    """Nearest-rank quantile: with 100 samples, `q=0.99` is the second largest."""
    ordered = sorted(samples)
    rank = max(1, math.ceil(q * len(ordered)))
    return ordered[min(rank, len(ordered)) - 1]

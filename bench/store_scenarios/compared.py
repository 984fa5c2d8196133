"""Rows that set our figure beside etcd's."""

from harness.report import Row, verdict
from harness.store_bench import ETCD, OURS, middle


def beside(title, results, figure, show, at_least=None, at_most=None):
    """The median of a figure, ours over etcd's, and the bound of that ratio, if there is one."""
    ours, etcd = middle(results, OURS, figure), middle(results, ETCD, figure)
    ratio = ours / etcd if etcd else float("inf")
    if at_least is not None:
        target, reached = f">= {at_least:g}x etcd", ratio >= at_least
    elif at_most is not None:
        target, reached = f"<= {at_most:g}x etcd", ratio <= at_most
    else:
        target, reached = "", None
    samples = {f"{name}_{figure}": [result[figure] for result in results[name]] for name in results}
    return Row(title, show(ours), target, verdict(reached), f"{ratio:.2f}x of {show(etcd)}", "", samples)

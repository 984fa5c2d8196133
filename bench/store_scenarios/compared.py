"""Rows that set our figure beside etcd's."""

from harness.report import Row, verdict
from harness.store_bench import ETCD, OURS, middle


def beside(title, results, figure, show, at_least=None, at_most=None, of=(OURS, ETCD)):
    """The median of a figure of the first server over that of the second one, and the bound of that ratio, if there is one."""
    measured, base = (middle(results, name, figure) for name in of)
    ratio = measured / base if base else float("inf")
    if at_least is not None:
        target, reached = f">= {at_least:g}x {of[1]}", ratio >= at_least
    elif at_most is not None:
        target, reached = f"<= {at_most:g}x {of[1]}", ratio <= at_most
    else:
        target, reached = "", None
    samples = {f"{name}_{figure}": [result[figure] for result in results[name]] for name in results}
    return Row(title, show(measured), target, verdict(reached), f"{ratio:.2f}x of {show(base)}", "", samples)

"""Rows of the result, the table for people and the JSON for machines."""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from typing import Optional

OK, MISSED, ABSENT, ERROR, INFO = "ok", "MISSED", "not installed", "ERROR", "-"


@dataclass
class Row:
    """One measured figure beside what it should reach."""

    name: str
    measured: str
    target: str
    verdict: str
    ratio: str = ""
    note: str = ""
    # Raw figures, with the unit as the end of each name; lists are one value a run.
    figures: dict = field(default_factory=dict)


def verdict(reached: Optional[bool]) -> str:
    """`None` means that there was nothing to compare with."""
    return INFO if reached is None else OK if reached else MISSED


def at_most(name, value, bound, unit, *, ratio="", note="", digits=2, strict=False, **figures):
    """A row whose figure must not pass `bound` (nor reach it, when `strict`); value and bound in `unit`."""
    reached = value < bound if strict else value <= bound
    sign = "<" if strict else "<="
    return Row(name, f"{value:.{digits}f} {unit}", f"{sign} {bound:g} {unit}", verdict(reached), ratio, note, figures)


def times_slower(name, value, base, bound, base_name, show, **figures):
    """A row that may take at most `bound` times as long as its base."""
    ratio = value / base
    return Row(name, show(value), f"<= {bound:g}x {base_name}", verdict(ratio <= bound),
               f"{ratio:.2f}x of {show(base)}", "", figures)


def times_faster(name, value, base, bound, base_name, show, **figures):
    """A row that must be at least `bound` times as fast as its base; `base` is None without the peer."""
    if base is None:
        return Row(name, show(value), f">= {bound:g}x faster than {base_name}", ABSENT, "", f"no {base_name} here", figures)
    ratio = base / value
    return Row(name, show(value), f">= {bound:g}x faster than {base_name}", verdict(ratio >= bound),
               f"{ratio:.1f}x, {base_name} {show(base)}", "", figures)


def seconds(value):
    """A duration in seconds, readable from microseconds up."""
    if value >= 1:
        return f"{value:.2f} s"
    if value >= 0.001:
        return f"{value * 1e3:.3g} ms"
    return f"{value * 1e6:.3g} us"


def table(rows):
    """The rows as text, columns aligned."""
    head = ("what", "measured", "target", "ratio", "")
    cells = [head] + [(r.name, r.measured, r.target, r.ratio, r.verdict) for r in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    out = []
    for index, line in enumerate(cells):
        out.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
        if index == 0:
            out.append("  ".join("-" * width for width in widths))
    notes = [f"  {r.name}: {r.note}" for r in rows if r.note]
    return "\n".join(out + (["", "notes"] + notes if notes else []))


def write_json(directory, rows, facts):
    """Writes the run under `directory`, returns the path."""
    os.makedirs(directory, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = os.path.join(directory, f"{stamp}.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"at": stamp, **facts, "rows": [asdict(row) for row in rows]}, out, indent=1)
        out.write("\n")
    return path


def machine():
    """What the figures depend on."""
    memory_kb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    return {"cpus": os.cpu_count(), "kernel": platform.release(), "arch": platform.machine(), "memory_kb": memory_kb,
            "load": os.getloadavg()[0]}

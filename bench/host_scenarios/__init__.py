"""The host's scenarios by name, in the order in which they run. Each takes a `Bench` and returns its rows."""

from . import autoedges, check, drift, stopped

SCENARIOS = {
    "check": check.run,
    "drift": drift.run,
    "stopped": stopped.run,
    "autoedges": autoedges.run,
}

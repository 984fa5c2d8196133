"""The mesh's scenarios by name, in the order in which they run. Each takes a `MeshBench` and returns its rows."""

from . import change, crowd, idle, join, overload, reexport, stop, watchers

SCENARIOS = {
    "join": join.run,
    "change": change.run,
    "stop": stop.run,
    "idle": idle.run,
    "watchers": watchers.run,
    "crowd": crowd.run,
    "reexport": reexport.run,
    "overload": overload.run,
}

# Those for which the generator of load is built.
NEEDS_GENERATOR = {"watchers", "reexport", "overload"}

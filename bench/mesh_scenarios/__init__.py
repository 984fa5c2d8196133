"""The mesh's scenarios by name, in the order in which they run. Each takes a `MeshBench` and returns its rows."""

from . import change, crowd, idle, join, overload, reconnect, reexport, secure_join, secure_writes, stop, verify, watchers

SCENARIOS = {
    "join": join.run,
    "change": change.run,
    "stop": stop.run,
    "idle": idle.run,
    "watchers": watchers.run,
    "crowd": crowd.run,
    "reexport": reexport.run,
    "overload": overload.run,
    "secure-join": secure_join.run,
    "secure-writes": secure_writes.run,
    "reconnect": reconnect.run,
    "verify": verify.run,
}

# Those for which the generator of load is built.
NEEDS_GENERATOR = {"watchers", "reexport", "overload", "secure-writes", "reconnect", "verify"}

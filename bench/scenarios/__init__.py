"""The scenarios by name, in the order in which they run. Each takes a `Bench` and returns its rows."""

from . import again, cold, damage, edit, execs, graph, growth, hello, idle, shell, slow_peers, stop

SCENARIOS = {
    "cold-tmpfs": cold.on_tmpfs,
    "cold-disk": cold.on_disk,
    "slow-peers": slow_peers.run,
    "again": again.run,
    "damage": damage.run,
    "idle": idle.run,
    "edit": edit.run,
    "graph-memory": graph.in_memory,
    "graph-yaml": graph.from_yaml,
    "hello": hello.run,
    "stop": stop.run,
    "growth": growth.run,
    "execs": execs.run,
    "shell": shell.run,
}

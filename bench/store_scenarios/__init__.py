"""The store's scenarios by name, in the order in which they run. Each takes a `StoreBench` and returns its rows."""

from . import fan_out, memory, restart, scale, secure, strangers, unary

SCENARIOS = {
    "puts-100": unary.puts_100,
    "puts-1000": unary.puts_1000,
    "gets": unary.gets,
    "fan-out": fan_out.run,
    "memory": memory.run,
    "restart": restart.run,
    "three-members": unary.three_members,
    "scale": scale.run,
    "tls-puts-100": secure.puts_100,
    "tls-puts-1000": secure.puts_1000,
    "tls-gets": secure.gets,
    "strangers": strangers.run,
    "tls-strangers": strangers.under_tls,
}

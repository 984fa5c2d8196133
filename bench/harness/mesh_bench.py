"""The run of the mesh's benchmark: the agent, and the generator of load."""

import os
import resource

from .bench import Bench
from .generator import Generator
from .processes import until
from .report import at_most


class MeshBench(Bench):
    """What every scenario of the mesh gets."""

    def __init__(self, root, binary, generator, disk, quick, pin):
        super().__init__(root, os.path.abspath(binary), disk, quick, pin)
        self.generator = Generator(generator, self.client_cpus, self.env)
        # A connection a client, and thousands of them.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def in_ms(seconds):
    """Rounded to what is measured."""
    return [round(value * 1e3, 3) for value in seconds]


def row_ms(name, value_s, bound_ms, samples_s, **more):
    """A row in milliseconds, with a bound that must not be reached."""
    return at_most(name, value_s * 1e3, bound_ms, "ms", strict=True, samples_ms=in_ms(samples_s), **more)


def percentile(values, part):
    """The value that this part of all do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * part // 100) - 1))]


def settled_mb(read, limit_s=60.0):
    """Memory once three readings in three seconds are the same to 2 %, or when the limit has passed."""
    readings = []

    def settled():
        readings.append(read())
        last = readings[-3:]
        return len(last) == 3 and max(last) - min(last) <= 0.02 * last[-1]

    until(settled, limit_s, "memory that stays", pause_s=1.5)
    return readings[-1]

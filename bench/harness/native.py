"""The C programs: compiled once a run, with what the machine's own compiler makes of `-O2`."""

import os
import shutil
import subprocess

PROGRAMS = ("write_files", "repair_loop", "damage", "timed", "stopwatch")


def compile_all(source_dir, out_dir):
    """Compiles every program into `out_dir`; returns their paths by name."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("bench: no C compiler; on Debian: apt-get install gcc libc6-dev")
    os.makedirs(out_dir, exist_ok=True)
    paths = {}
    for name in PROGRAMS:
        paths[name] = os.path.join(out_dir, name)
        source = os.path.join(source_dir, f"{name}.c")
        subprocess.run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", paths[name], source], check=True)
    return paths

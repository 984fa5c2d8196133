"""A generator of load: a program of `benches/`, held to CPUs of its own, that prints what it measured as JSON."""

import json
import subprocess

from .processes import Failed, wait


def pinned(command, cpus):
    """The command, on these CPUs when there are any to be kept to."""
    return ["taskset", "-c", ",".join(map(str, sorted(cpus))), *command] if cpus else command


class Generator:
    """The program; `where` are its options before the name of the work."""

    def __init__(self, program, cpus, env):
        self.program, self.cpus, self.env = program, cpus, env

    def start(self, where, work, *flags):
        """Started; its standard input stays open."""
        command = pinned([self.program, *where, work, *map(str, flags)], self.cpus)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=self.env, start_new_session=True)

    def run(self, where, work, *flags, limit_s=600.0):
        """Runs it to its end; what it measured."""
        process = self.start(where, work, *flags)
        try:
            out, problem = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the generator's {work} did not end in {limit_s:g} s") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode != 0:
            raise Failed(f"the generator's {work}: {problem.strip()}")
        return json.loads(out)


class Held:
    """Load that stays until it is left; a context."""

    def __init__(self, process, what):
        self.process, self.what = process, what

    def __enter__(self):
        if self.process.stdout.readline().strip() != "ready":
            raise Failed(f"the generator's {self.what}: {self.process.communicate()[1].strip()}")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if not wait(self.process, 20):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

"""The harness itself, without an agent: `python3 -B -m unittest discover -s bench/tests -t bench`."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import graphs, loopback, mesh_bench, native, procfs, report
from harness.agent import reads_settled
from harness.processes import Failed, end, run_timed, wait
from harness.stopwatch import Stopwatch

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "c")


class NativePrograms(unittest.TestCase):
    """The C programs, compiled once."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.mkdtemp(prefix="mgmt-bench-test-")
        cls.programs = native.compile_all(SOURCES, os.path.join(cls.scratch, "bin"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch)

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=self.scratch)

    def test_the_loop_writes_what_the_graphs_ask_for(self):
        subprocess.run([self.programs["write_files"], self.folder, "20"], check=True)
        self.assertIsNone(graphs.first_wrong(self.folder, 20))
        self.assertEqual([], graphs.strangers(self.folder, 20))

    def test_every_damage_is_repaired_by_the_bare_loop(self):
        loop = subprocess.Popen([self.programs["repair_loop"], self.folder, "20"], stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(loop.stdout.close)
        self.addCleanup(end, loop)
        self.assertEqual(b"ready\n", loop.stdout.readline())
        for how in ("remove", "overwrite", "chmod"):
            out = subprocess.run([self.programs["damage"], self.folder, "20", how, "30"], check=True, capture_output=True).stdout
            seen = json.loads(out)
            self.assertEqual((30, 0), (seen["count"], seen["timeouts"]), how)
            self.assertLessEqual(seen["median_ns"], seen["p99_ns"])
        self.assertIsNone(graphs.first_wrong(self.folder, 20))

    def test_a_command_is_timed_and_its_code_kept(self):
        cost = run_timed(self.programs["timed"], ["sh", "-c", "exit 3"], self.scratch, 10)
        self.assertEqual(3, cost.code)
        self.assertGreater(cost.seconds, 0)
        # Less than this interpreter needs: the figure is the command's own.
        self.assertLess(cost.peak_kb, procfs.rss_kb(os.getpid()))


    def stopwatch(self):
        watch = Stopwatch(self.programs["stopwatch"], dict(os.environ))
        self.addCleanup(watch.__exit__)
        return watch

    def test_the_stopwatch_waits_for_files_that_arrive_and_for_no_others(self):
        watch, log = self.stopwatch(), os.path.join(self.scratch, "started.log")
        watch.watch(self.folder, 2)
        watch.watch(self.folder, 1, "last")
        watch.start(log, ["sh", "-c", f"cd {self.folder} && echo > .hidden && echo > last && exec sleep 100"])
        with self.assertRaisesRegex(Failed, "after 0.5 s, and 1 of what was awaited is not there"):
            watch.wait(0.5)
        watch.watch(self.folder)
        watch.rename(os.path.join(self.folder, "last"), os.path.join(self.folder, "other"))
        waited = watch.wait(10)
        self.assertGreater(waited.seconds, 0)
        self.assertEqual([], waited.pids)

    def test_the_stopwatch_waits_for_words_in_a_log_and_tells_of_a_program_that_ends(self):
        watch, log = self.stopwatch(), os.path.join(self.folder, "log")
        watch.watch_text(log, "it is ready")
        watch.start(log, ["sh", "-c", "echo not yet; echo it is ready; exec sleep 100"])
        self.assertEqual(1, len(watch.wait(10).pids))
        watch.watch_text(log, "something else")
        watch.start(log, ["sh", "-c", "echo in vain; exit 3"])
        with self.assertRaisesRegex(Failed, "(?s)has ended .*0x300.*in vain"):
            watch.wait(10)

    def test_the_stopwatch_ends_what_it_has_started(self):
        watch = Stopwatch(self.programs["stopwatch"], dict(os.environ))
        with watch:
            watch.watch(self.folder)
            watch.start("/dev/null", ["sh", "-c", f"echo > {self.folder}/ready; exec sleep 100"])
            pid = watch.wait(10).pids[0]
        self.assertFalse(os.path.exists(f"/proc/{pid}"))


class Graphs(unittest.TestCase):
    """The graphs that are measured."""

    def test_the_noop_graph_has_two_distinct_edges_a_vertex_and_all_point_forward(self):
        edges = list(graphs.edges_of(2000))
        self.assertEqual(4000, len(edges))
        self.assertEqual(4000, len(set(edges)))
        self.assertTrue(all(1 <= start < end <= 2000 for start, end in edges))

    def test_one_changed_content_changes_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            texts = []
            for changed in (None, {2: "other\n"}):
                path = os.path.join(folder, "bench.yaml")
                graphs.write_files_graph(path, "/x", 3, changed)
                with open(path, encoding="ascii") as file:
                    texts.append(file.read().splitlines())
            self.assertEqual(1, sum(a != b for a, b in zip(*texts)))


class Figures(unittest.TestCase):
    """Numbers, rows and the reading of `mgmt status`."""

    def test_a_row_is_ok_up_to_its_bound(self):
        show = report.seconds
        self.assertEqual(report.OK, report.times_slower("n", 3, 1, 3, "loop", show).verdict)
        self.assertEqual(report.MISSED, report.times_slower("n", 3.1, 1, 3, "loop", show).verdict)
        self.assertEqual(report.MISSED, report.times_faster("n", 1, 4.9, 5, "peer", show).verdict)
        self.assertEqual(report.ABSENT, report.times_faster("n", 1, None, 5, "peer", show).verdict)
        self.assertEqual(report.MISSED, report.at_most("n", 15, 15, "ms", strict=True).verdict)

    def test_settled_is_read_from_the_word_or_the_states(self):
        self.assertTrue(reads_settled({"settled": True}))
        self.assertFalse(reads_settled({"states": {"ok": 3, "dirty": 1}}))
        self.assertTrue(reads_settled({"states": {"Ok": 3, "Failed": 1, "Dirty": 0}}))
        self.assertFalse(reads_settled({"vertices": [{"state": "checking"}]}))
        self.assertIsNone(reads_settled({"something": "else"}))

    def test_a_percentile_is_the_value_that_so_many_do_not_pass(self):
        self.assertEqual(99, mesh_bench.percentile(range(1, 101), 99))
        self.assertEqual(7, mesh_bench.percentile([7], 99))

    def test_bytes_are_those_that_the_device_has_sent(self):
        table = "Inter-| Receive | Transmit\n face |bytes\n    lo: 1 2 3 4 5 6 7 8 99 10 11\n  eth0: 9 9 9 9 9 9 9 9 7 9\n"
        self.assertEqual(99, loopback.sent_of(table, "lo"))

    def test_waiting_has_a_bound(self):
        sleeper = subprocess.Popen(["sleep", "30"], start_new_session=True)
        self.assertFalse(wait(sleeper, 0.05))
        end(sleeper)
        self.assertIsNotNone(sleeper.returncode)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""What figures.py makes of results: trials are pooled, runs of different options are not mixed, and too few say so."""

import argparse
import json
import pathlib
import stat
import tempfile
import unittest

import figures

FAKE = """#!/usr/bin/env python3
import json, sys
out = sys.argv[sys.argv.index('--json') + 1]
json.dump({'figures': [{'name': 'overlay in all', 'value': 50, 'unit': 'B/s a node', 'mustBe': '<= 60'}],
           'violations': []}, open(out, 'w'))
"""


def share(name, good, total, **more):
    return {'name': name, 'value': 100 * good / total if total else None, 'unit': '%', 'good': good, 'total': total} | more


def report(*shown, **run):
    made = {'arguments': ['churn'], 'nodes': None, 'latency': 'synthetic', 'version': 'abc'} | run
    return {'figures': list(shown), 'violations': [], 'run': made}


class CellTest(unittest.TestCase):
    def test_shares_are_of_all_trials(self):
        runs = [report(share('found', 100, 100)), report(share('found', 80, 300))]
        self.assertEqual(figures.cell(runs, 'found'), '45 (26.667 .. 100)')

    def test_there_is_one_bound_of_all_trials(self):
        runs = [report(share('found, at least (95 %)', 1000, 1000, bound=True)) for _ in range(5)]
        self.assertEqual(figures.cell(runs, 'found, at least (95 %)'), f'{100 * figures.at_least(5000, 5000):.5g}')
        self.assertAlmostEqual(figures.at_least(8, 10), 0.541, 3)  # models_test.cc has the same

    def test_what_rests_on_nothing_is_none(self):
        self.assertEqual(figures.cell([report(share('found', 0, 0))], 'found'), '-')
        self.assertEqual(figures.cell([report(share('found', 0, 0)), report(share('found', 1, 2))], 'found'), '50')

    def test_the_worst_is_told_by_the_limit(self):
        runs = [report({'name': 'hops', 'value': value, 'unit': '', 'mustBe': '<= 4'}) for value in (1, 3)]
        self.assertEqual(figures.cell(runs, 'hops'), '2 (3)')


class TooFewTest(unittest.TestCase):
    def test_three_over_p(self):
        few = [report(share('target: lookups failed', 0, 90_000, mustBe='<= 0.0001'))]
        self.assertEqual(figures.too_few(few), ['`target: lookups failed` rests on 90,000 trials; 3,000,000 would show it.'])
        enough = [report(share('target: lookups completed', 60_000, 60_000, mustBe='>= 99.999'))] * 5
        self.assertEqual(figures.too_few(enough), [])
        self.assertEqual(figures.too_few([report(share('all', 1, 1, mustBe='>= 100'))]), [])


class ResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / 'figures.jsonl'
        fake = self.folder / 'sim'
        fake.write_text(FAKE)
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        self.matrix = self.folder / 'rtt_ms.tsv'
        self.matrix.write_text('0\t1\n1\t0\n')
        self.options = argparse.Namespace(out=self.out, sim=fake, latency=None, nodes=None, again=False)

    def run_idle(self):
        return figures.run_one(self.options, 'idle', 'p2pd', 1)

    def test_a_result_says_what_it_was_made_with(self):
        self.assertIsNone(self.run_idle())
        made = json.loads(self.out.read_text())['run']
        self.assertEqual((made['nodes'], made['latency']), (None, 'synthetic'))
        self.assertIn('synthetic latencies; version ', figures.table(self.options, 'idle'))
        self.assertIsNone(self.run_idle())
        self.assertEqual(len(self.out.read_text().splitlines()), 1, 'what was run is run again')

    def test_the_table_of_all_limits_says_who_missed(self):
        self.assertIsNone(self.run_idle())
        self.assertTrue(figures.summary(self.options, ['idle']).endswith('| idle | overlay in all, B/s a node | <= 60 | 50 |  |  |  |\n'))
        (self.folder / 'sim').write_text(FAKE.replace('50', '70'))
        figures.run_one(self.options, 'idle', 'p2pd', 2)
        self.assertIn('| 60 (70) |  |  | **missed by 1 of 2** |', figures.summary(self.options, ['idle']))

    def test_results_of_other_options_are_refused_or_made_anew(self):
        self.run_idle()
        for option, value in (('nodes', 50), ('latency', self.matrix)):
            setattr(self.options, option, value)
            refused = self.run_idle()
            self.assertTrue(refused.startswith('idle, p2pd, seed 1 was made with '), refused)
            self.assertIn(f'{option} ', refused)
        self.options.again = True
        self.assertIsNone(self.run_idle())
        self.assertIn('latencies of rtt_ms.tsv, --nodes 50; version ', figures.table(self.options, 'idle'))
        # Nothing of where it was made.
        self.assertNotIn(str(self.folder), self.out.read_text())

    def test_no_table_mixes_them(self):
        self.run_idle()
        self.options.nodes = 50
        self.assertIsNone(figures.run_one(self.options, 'idle', 'p2pd', 2))
        with self.assertRaisesRegex(ValueError, 'different or unknown options'):
            figures.table(self.options, 'idle')


if __name__ == '__main__':
    unittest.main()

#!/usr/bin/env python3
"""What p2pd-sim does with its command line: exit codes, what is refused before a run, and what is written.

    command_line_test.py P2PD_SIM
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SIM = ''


def sim(*arguments, **options):
    return subprocess.run([SIM, *arguments], capture_output=True, text=True, check=False, timeout=300, **options)


class CommandLineTest(unittest.TestCase):
    def refused(self, *arguments, says):
        ran = sim(*arguments)
        self.assertEqual(ran.returncode, 2, (arguments, ran.stdout, ran.stderr))
        self.assertIn(says, ran.stderr)
        self.assertEqual(ran.stdout, '')

    def test_without_a_scenario_it_says_how_it_is_used(self):
        self.refused(says='Usage:')
        self.refused('nonsense', says="no scenario 'nonsense'")
        self.refused('--list', 'churn', says='--list stands alone')
        self.assertIn('broken-pairs', sim('--list').stdout)

    def test_values_that_cannot_be(self):
        self.refused('churn', '--seed', '-1', says='--seed -1')
        self.refused('churn', '--seeds', '5..1', says='--seeds')
        self.refused('churn', '--seeds', '0..18446744073709551615', says='--seeds')
        self.refused('churn', '--seed', '1', '--seeds', '1..2', says='not both')
        self.refused('churn', '--duration', 'inf', says='--duration inf')
        self.refused('churn', '--median-session', 'inf', says='--median-session inf')
        self.refused('churn', '--jitter', '-1ms', says='--jitter')
        self.refused('churn', '--protocol', 'p2pd,p2pd', says='p2pd twice')
        self.refused('churn', '--protocol', 'chord', says='--protocol chord')
        for option in ('--drift', '--loss', '--lookups', '--bandwidth', '--nat'):
            self.refused('churn', option, 'nan', says=f'{option}: nan is not in [')
        self.refused('growth', '--nodes', '50', says='from 100 nodes to 316 at least')

    def test_options_that_would_change_nothing(self):
        for option in ('--duration=1min', '--median-session=1min', '--lookups=1', '--attackers=0.1'):
            self.refused('faults', option, says=f'{option.split("=")[0]}: faults would not heed it; these do: ')
        for option in ('--nat=0.1', '--median-session=1min', '--lookups=1', '--attackers=0.1', '--churn=x'):
            self.refused('watchers', option, says='watchers would not heed it')
        for option in ('--nat=0.1', '--attackers=0.1', '--churn=x'):
            self.refused('gets', option, says='gets would not heed it')
        self.refused('steady', '--churn', 'x', says='steady would not heed it; these do: churn, large, broken-pairs')
        self.refused('churn', '--churn', 'x', '--nodes', '10', says='--churn: the file says who is there')
        self.refused('ad-hoc', '--latency', 'x', says='ad-hoc would not heed it')
        self.refused('idle', '--plot', 'x.png', says='--plot: idle')
        self.refused('attackers', '--protocol', 'p2pd,bamboo-2004', says='only p2pd can play attackers')

    def test_what_cannot_be_written_or_drawn_is_said_at_the_start(self):
        for option in ('--csv', '--json', '--plot'):
            self.refused('churn', option, '/nowhere/x', says='cannot write /nowhere/x')
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder, 'kept.json')
            kept.write_text('old')
            ran = sim('churn', '--plot', f'{folder}/x.png', '--json', str(kept), env={'PATH': folder})
            self.assertEqual(ran.returncode, 2)
            self.assertIn('gnuplot cannot be started', ran.stderr)
            self.assertEqual([entry.name for entry in pathlib.Path(folder).iterdir()], ['kept.json'])
            self.assertEqual(kept.read_text(), 'old')

    def test_a_short_run_is_drawn(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ('über.png', "it's.png"):
                ran = sim('steady', '--nodes', '10', '--duration', '10s', '--lookups', '5', '--plot', name, cwd=folder)
                self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
                picture = pathlib.Path(folder, name).read_bytes()
                self.assertEqual(picture[:8], b'\x89PNG\r\n\x1a\n')
                self.assertEqual((int.from_bytes(picture[16:20], 'big'), int.from_bytes(picture[20:24], 'big')), (900, 600))

    def test_nothing_seen_is_no_figure_and_no_success(self):
        with tempfile.TemporaryDirectory() as folder:
            ran = sim('steady', '--nodes', '10', '--duration', '1s', '--lookups', '0.0001', '--json', f'{folder}/j',
                      '--csv', f'{folder}/c')
            self.assertEqual(ran.returncode, 1)
            self.assertIn('nothing was seen that it could rest on', ran.stdout)
            report = json.loads(pathlib.Path(folder, 'j').read_text(), parse_constant=self.fail)
            figures = {figure['name']: figure for figure in report['figures']}
            self.assertIsNone(figures['lookups completed']['value'])
            self.assertEqual(figures['lookups completed']['total'], 0)
            self.assertIn('"lookups completed",,%,\n', pathlib.Path(folder, 'c').read_text())

    def test_the_largest_seed_ends(self):
        ran = sim('steady', '--nodes', '4', '--duration', '10s', '--lookups', '5', '--seed', '18446744073709551615',
                  '--trace-hash')
        self.assertEqual(ran.returncode, 0)
        self.assertRegex(ran.stdout, r'^[0-9a-f]{16}\n$')

    def test_trace_hashes_stand_alone_also_of_many_seeds_and_of_failures(self):
        good = sim('steady', '--nodes', '4', '--duration', '10s', '--lookups', '5', '--seeds', '1..2', '--trace-hash')
        self.assertEqual(good.returncode, 0)
        self.assertRegex(good.stdout, r'^([0-9a-f]{16}\n){2}$')
        for seeds in (['--seed', '1'], ['--seeds', '1..2']):
            bad = sim('steady', '--nodes', '4', '--duration', '1s', '--lookups', '0.0001', *seeds, '--trace-hash')
            self.assertEqual(bad.returncode, 1)
            self.assertRegex(bad.stdout, r'^([0-9a-f]{16}\n)+$')
            self.assertIn('VIOLATED by p2pd, seed 1: every lookup is answered', bad.stderr)

    def test_what_the_baseline_misses_is_no_failure(self):
        ran = sim('steady', '--nodes', '10', '--duration', '1s', '--lookups', '0.0001', '--protocol', 'bamboo-2004')
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertIn('does not hold of bamboo-2004, seed 1: every lookup is answered', ran.stdout)

    def test_jitter_is_heard(self):
        run = ['steady', '--nodes', '6', '--duration', '10s', '--trace-hash']
        self.assertEqual(sim(*run).stdout, sim(*run, '--jitter', '2ms').stdout)
        self.assertNotEqual(sim(*run).stdout, sim(*run, '--jitter', '20ms').stdout)


if __name__ == '__main__':
    SIM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()

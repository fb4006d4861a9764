#!/usr/bin/env python3
"""That the link's fates are what a condition says: seeded, in order where they should be, lost as often and in such rows."""

import statistics
import unittest

from link import Impairment

PACKETS = 10_000
EVERY = 0.02


def fates(condition, seed=1, way=0, packets=PACKETS):
    """What each packet took in ms, None when it was lost."""
    link = Impairment(way)
    link.set({'seed': seed, **condition}, 0.0)
    taken = []
    for i in range(packets):
        at = link.arrival(i * EVERY, 100)
        taken.append(None if at is None else 1000 * (at - i * EVERY))
    return taken


def rows(taken):
    """Lengths of the rows of losses."""
    text = ''.join('x' if fate is None else ' ' for fate in taken)
    return [len(row) for row in text.split()]


class Link(unittest.TestCase):
    def test_one_seed_one_fate(self):
        condition = {'jitter': 15, 'loss': 0.1}
        self.assertEqual(fates(condition), fates(condition))
        self.assertNotEqual(fates(condition), fates(condition, seed=2))
        self.assertNotEqual(fates(condition), fates(condition, way=1))

    def test_delay_alone(self):
        for took in fates({'delay': 20}, packets=100):
            self.assertAlmostEqual(took, 20)

    def test_jitter_is_one_sided_normal(self):
        taken = fates({'delay': 20, 'jitter': 15, 'fifo': False})
        self.assertGreaterEqual(min(taken), 20 - 1e-6)
        # The mean of |N(0, 15)| is 15 · sqrt(2 / pi) = 11.97.
        self.assertAlmostEqual(statistics.mean(taken) - 20, 11.97, delta=0.4)

    def test_a_fifo_keeps_the_order(self):
        def arrivals(condition):
            return [round(i * EVERY * 1000 + took, 6) for i, took in enumerate(fates(condition))]
        kept = arrivals({'jitter': 40})
        self.assertEqual(kept, sorted(kept))
        overtaken = arrivals({'jitter': 40, 'fifo': False})
        self.assertNotEqual(overtaken, sorted(overtaken))
        ahead = arrivals({'jitter': 40, 'ahead': 0.2})
        self.assertNotEqual(ahead, sorted(ahead))

    def test_loss_at_random(self):
        taken = fates({'loss': 0.1})
        self.assertAlmostEqual(taken.count(None) / PACKETS, 0.1, delta=0.01)
        self.assertAlmostEqual(statistics.mean(rows(taken)), 1 / 0.9, delta=0.05)

    def test_loss_in_rows(self):
        # Gilbert-Elliott: 3 / (3 + 40) of the time in the bad state, 1 / 0.4 packets at a time.
        taken = fates({'to_bad': 0.03, 'to_good': 0.4})
        self.assertAlmostEqual(taken.count(None) / PACKETS, 0.03 / 0.43, delta=0.01)
        self.assertAlmostEqual(statistics.mean(rows(taken)), 2.5, delta=0.2)

    def test_spikes(self):
        taken = fates({'spike': {'every': 5, 'ms': 200, 'for': 60}}, packets=500)
        self.assertAlmostEqual(max(taken), 200)
        # Two in ten seconds; three packets are delayed and nine queue behind them.
        self.assertEqual(sum(took > 1 for took in taken), 2 * 12)

    def test_a_narrow_wire_queues_and_drops(self):
        # 100 bytes every 20 ms are 40 kbit/s.
        self.assertAlmostEqual(max(fates({'rate': 80}, packets=500)), 10)
        narrow = fates({'rate': 20, 'queue': 200}, packets=500)
        self.assertAlmostEqual(narrow.count(None) / 500, 0.5, delta=0.05)
        self.assertLessEqual(max(took for took in narrow if took is not None), 240 + 1e-6)


if __name__ == '__main__':
    unittest.main()

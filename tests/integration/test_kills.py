#!/usr/bin/env python3
"""S-trackers that are killed at random moments of fetching, dropping and handing over: whatever one of them says that it has
is there and right, and what all of them had together is never lost.

P2PD_KILLS says how many kills (200 at night), P2PD_SEED which ones.
"""

import concurrent.futures
import os
import random
import time

from lab import PATIENCE, main, wait
from torrents import SwarmTest, Torrent, announce
from wire import take_all

PIECE = 16 << 10
GROUP = 64 * PIECE
TORRENTS, GROUPS = 3, 5
# How long a member may be silent, seconds.
GRACE = 3
KILLS = int(os.environ.get('P2PD_KILLS', '3'))
SEED = os.environ.get('P2PD_SEED') or str(random.randrange(10**6))


class Kills(SwarmTest):
    def federation(self):
        key = self.lab.folder / 'rack.key'
        key.touch(0o600)
        key.write_text('a secret of the whole rack, and of nobody else')
        return self.lab.ring(['one', 'two', 'three'], flags=[
            '--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--federation', 'rack', '--federation-key', key, '--member-grace',
            f'{GRACE}s', '--copies', '2', '--holding-time', '1s', '--archive-quota', '1GiB'])

    def dropped(self, daemon):
        return int(daemon.status()['counters'].get('archive.pieces_dropped', 0))

    def held(self, daemons):
        """Groups that each holds."""
        return [int(daemon.json('archive', 'members')['members'][0].get('groupCount', 0)) for daemon in daemons]

    def taken(self, daemon, torrent):
        """All that the daemon says to have of it, which was asked for, came and was right."""
        at = daemon.json('archive', 'status')['peerAddresses'][0].rsplit(':', 1)
        taken = take_all((at[0], int(at[1])), torrent)
        if taken is None:
            return set()
        self.assertEqual(taken.refused, set(), f'{daemon.name} says to have these of {torrent.name} (seed {SEED})')
        return taken.right

    def whole(self, daemons):
        """Everything is somewhere. All are asked at once: who is asked opens its slots every 15 s only."""
        pairs = [(daemon, torrent) for torrent in self.torrents for daemon in daemons]
        wanted = {torrent.name: set(range(len(torrent.proofs))) for torrent in self.torrents}

        def found():
            out = {torrent.name: set() for torrent in self.torrents}
            with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
                for (_, torrent), taken in zip(pairs, pool.map(lambda pair: self.taken(*pair), pairs)):
                    out[torrent.name] |= taken
            return out == wanted
        wait(f'all of everything to be somewhere (seed {SEED})', found, 3 * PATIENCE)

    def restart(self, daemon, others, quota):
        daemon.flags[-1] = quota
        daemon.bootstrap = [other.endpoint for other in others]
        daemon.start()

    def test_kills_lose_nothing(self):
        chance = random.Random(SEED)
        daemons = self.federation()
        self.torrents = [Torrent(self.lab.folder, f'file-{i}', GROUPS * GROUP - 777 * i, announce(daemons[0]), piece=PIECE)
                         for i in range(TORRENTS)]
        seeds = [self.seed(f'seed-{torrent.name}', torrent) for torrent in self.torrents]
        for torrent in self.torrents:
            daemons[0].ctl('torrent', 'submit', torrent.file)
        wait('two copies of everything', lambda: sum(self.held(daemons)) >= 2 * TORRENTS * GROUPS, 3 * PATIENCE)
        for seed in seeds:
            seed.signal(9)
            seed.ended()
        dropped = 0
        ways = []
        for kill in range(KILLS):
            # Each way comes once before any comes again.
            if not ways:
                ways = ['restart', 'away', 'empty']
                chance.shuffle(ways)
            victim = chance.choice(daemons)
            others = [daemon for daemon in daemons if daemon is not victim]
            # In the middle of whatever it does.
            time.sleep(chance.uniform(0, 2))
            victim.kill9()
            what = ways.pop()
            if what == 'away':
                # The others take its share, and one of them is killed while it does.
                wait('it to be missed', lambda: all('LOST' in {m['state'] for m in d.json('archive', 'members')['members']}
                                                    for d in others))
                time.sleep(chance.uniform(0, 1))
                second = chance.choice(others)
                second.kill9()
                self.restart(second, [daemon for daemon in others if daemon is not second], '1GiB')
            elif what == 'empty':
                # It hands everything over, and is killed while it drops.
                self.restart(victim, others, '0')
                wait('it to drop', lambda: self.dropped(victim) > 0, 3 * PATIENCE)
                time.sleep(chance.uniform(0, 2))
                dropped += self.dropped(victim)
                victim.kill9()
            self.restart(victim, others, '1GiB')
            self.whole(daemons)
            self.say(f'kill {kill + 1}: {victim.name}, {what}; groups held {self.held(daemons)}; {dropped} pieces dropped')
        wait('two copies again', lambda: sum(self.held(daemons)) >= 2 * TORRENTS * GROUPS, 3 * PATIENCE)


if __name__ == '__main__':
    main()

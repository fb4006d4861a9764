#!/usr/bin/env python3
"""Twenty daemons lose any six of them at once, without a farewell, and no stored object; then all twenty at once.

Each round: eight copies of everything stand; six daemons, chosen by the seed, die by SIGKILL; every object is read, each
through a survivor of its own; the fourteen make eight copies again; the six come back on their data, in the last round
with empty disks. P2PD_SEED repeats a run.
"""

import hashlib
import os
import random
import shutil
import signal
import time

from lab import LabTest, main, wait

DAEMONS, DEATHS, ROUNDS, VALUES = 20, 6, 3, 12
COPIES = 8
# Of repair after a death, seconds: rings of this size are whole again within a minute on an idle machine.
REPAIR = 300


class TwentyDaemons(LabTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get('P2PD_SEED', time.time_ns() % 1_000_000))
        self.random = random.Random(self.seed)
        self.say(f'seed {self.seed}: P2PD_SEED={self.seed} repeats the choice')
        self.ring = self.lab.ring([f'd{i:02}' for i in range(DAEMONS)])
        self.say(f'{DAEMONS} daemons know each other')

    def alive(self):
        return [daemon for daemon in self.ring if daemon.process.running]

    def put_values(self):
        """Raw values of many sizes, from one packet to the largest; each is read back by key."""
        values = {}
        for i in range(VALUES):
            key, size = f'name:value {i}', self.random.choice([1, 100, 1100, 5000, 61440])
            file = self.lab.folder / f'value-{i}'
            file.write_bytes(self.random.randbytes(size))
            put = self.random.choice(self.alive()).json('overlay', 'put', key, file, '--ttl', '1d')
            self.assertGreaterEqual(put['acknowledgedCount'], 5, put)
            values[key] = file.read_bytes()
        return values

    def add_people(self):
        """Two people with certificates, states, friend lists and a revocation list, and the keys of what is theirs."""
        people = ['ann@example.org', 'bob@example.org']
        for daemon, email in zip(self.ring, people):
            self.lab.person(daemon, email)
        self.ring[0].ctl('contact', 'add', people[1])
        self.ring[1].ctl('contact', 'add', people[0])
        self.ring[0].ctl('ca', 'publish', self.lab.ca())
        return people

    def copies(self):
        """How many living daemons keep each (place, kind)."""
        count = {}
        for daemon in self.alive():
            for place in daemon.places():
                count[place] = count.get(place, 0) + 1
        return count

    def wait_copies(self, places):
        def thin():
            count = self.copies()
            self.thin = {place: count.get(place, 0) for place in places if count.get(place, 0) < COPIES}
            return not self.thin
        began = time.monotonic()
        try:
            wait(f'{COPIES} copies of everything', thin, REPAIR)
        except AssertionError:
            self.fail('too few copies: ' + ', '.join(f'{p.hex()} kind {k}: {n}' for (p, k), n in self.thin.items()))
        self.say(f'{len(places)} objects stand in {COPIES} copies or more, after {time.monotonic() - began:.1f} s')

    def read_everything(self, values, people, places=()):
        """Every object, each through a survivor of its own; `places` by their keys alone, whatever stands there."""
        began, asked = time.monotonic(), 0
        second = {hashlib.sha256(b'\1' + place).digest()[:20] for place, kind in places}
        for place, kind in places:
            if place in second:
                continue  # a copy of what stands at its first place, and asked for by that name only
            found = self.random.choice(self.alive()).json('overlay', 'get', place.hex())
            self.assertTrue(found.get('values'), f'nothing at {place.hex()}, kind {kind}')
            asked += 1
        for key, value in values.items():
            out = self.lab.folder / 'read'
            self.random.choice(self.alive()).ctl('overlay', 'get', key, '--out', out)
            self.assertEqual(out.read_bytes(), value, key)
            asked += 1
        for email in people:
            reader = self.random.choice(self.alive())
            found = reader.json('overlay', 'get', f'email:{email}')
            self.assertTrue(found.get('values'), f'no certificate of {email}')
            asked += 1
        self.say(f'{asked} objects read in {time.monotonic() - began:.1f} s')

    def test_any_six_may_die(self):
        values, people = self.put_values(), self.add_people()
        self.say(f'{len(values)} values and what {len(people)} people have are acknowledged')
        places = wait('everybody holds something', self.copies).keys()
        for number in range(1, ROUNDS + 1):
            self.wait_copies(places)
            # The two people's own daemons may die as any other.
            dead = self.random.sample(self.ring, DEATHS)
            for daemon in dead:
                daemon.kill9()
            self.say(f'round {number}: kill -9 of {" ".join(sorted(d.name for d in dead))}')
            self.read_everything(values, people, places)
            self.wait_copies(places)
            for daemon in dead:
                if number == ROUNDS:
                    shutil.rmtree(daemon.data)
                daemon.bootstrap = [self.random.choice(self.alive()).endpoint]
                daemon.start()
            self.lab.wait_ring(self.ring)
            self.say('the six are back')

    def test_all_may_die(self):
        values, people = self.put_values(), self.add_people()
        places = self.copies().keys()
        for daemon in self.ring:
            daemon.listen = daemon.endpoint
        for daemon in self.ring:
            daemon.process.signal(signal.SIGKILL)
        for daemon in self.ring:
            daemon.kill9()
        self.say('kill -9 of all, right after the last acknowledgement')
        # Each comes back where it was, as a service does, and finds the others by what it kept on disk.
        for daemon in self.ring:
            daemon.start(ready=False)
        for daemon in self.ring:
            daemon.wait_ready()
        self.lab.wait_ring(self.ring)
        self.say('all are back')
        self.read_everything(values, people, places)


if __name__ == '__main__':
    main()

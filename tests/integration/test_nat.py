#!/usr/bin/env python3
"""People behind translators of every kind call each other, by daemons that know nothing of it: every pair connects, and
directly wherever two translators let that happen.

A few pairs with every kind on either side; P2PD_NAT_MATRIX=1 takes all pairs. What stands in the open network is six
daemons that are nobody's: they see addresses, introduce and pass on.
"""

import os

from lab import DONE, LabTest, main, need_root, wait
from networks import Network

KINDS = ('open', 'full', 'restricted', 'port', 'symmetric', 'double')
FEW = (('open', 'port'), ('full', 'symmetric'), ('restricted', 'restricted'), ('port', 'double'),
       ('symmetric', 'symmetric'), ('double', 'open'))
# Longer than anything that is waited for: the test hangs up.
SPAN = '120s'


def direct_is_possible(a, b):
    """A port that nobody can know does not go with a translator that lets in nobody but that very port."""
    strict = ('port', 'symmetric', 'double')
    return not ((a == 'symmetric' and b in strict) or (b == 'symmetric' and a in strict))


class Nat(LabTest):
    def setUp(self):
        super().setUp()
        need_root(self, 'network namespaces')
        self.net = Network(self.lab)
        addresses = [f'10.7.0.{n}' for n in range(1, 7)]
        for address in addresses:
            self.net.ip('address', 'add', f'{address}/16', 'dev', 'bridge', inside=self.net.hub)
        self.way_in = f'{addresses[0]}:7464'
        self.lab.wait_ring([self.lab.daemon(f'way{n}', listen=f'{address}:7464', netns=self.net.hub,
                                            bootstrap=[self.way_in] if n else [])
                            for n, address in enumerate(addresses)])

    def settle(self, name, kind, number):
        """A daemon in a place of that kind, with a person who is logged in; the address of the person."""
        address = f'10.7.1.{number}/16'
        if kind == 'open':
            self.net.machines[name] = self.net.plug(name, 'eth0')
            self.net.give(name, address)
        elif kind == 'double':
            self.net.translate(name, 'port', address, layers=2)
        else:
            self.net.translate(name, kind, address)
        daemon = self.lab.daemon(name, listen='0.0.0.0:7464', netns=self.net.machines[name], bootstrap=[self.way_in])
        wait(f'{name} has joined', lambda: daemon.status().get('peerCount', 0) >= 6)
        return daemon, self.lab.person(daemon, f'{name}@example.org')

    @staticmethod
    def current(daemon):
        """The call that is under way, and {} for none."""
        calls = daemon.json('call', 'list').get('calls', [])
        return next((call for call in calls if call['state'] != 'ENDED'), {})

    def call(self, number, places):
        """The two people of a pair call each other from where they are, and move out."""
        (a, ann), (b, bob) = (self.settle(f'{who}{number}', kind, 2 * number + i)
                              for i, (who, kind) in enumerate(zip(('ann', 'bob'), places)))
        a.ctl('contact', 'add', bob)
        b.ctl('contact', 'add', ann)
        wait(f'{ann} sees {bob}', lambda: a.availability(bob) == 'AVAILABLE')
        answering = b.background('answer.log', 'call', 'answer', '--for', SPAN)
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        dialling = a.background('dial.log', 'call', 'dial', bob, '--for', SPAN)
        direct = direct_is_possible(*places)

        def talk():
            self.assertTrue(dialling.running, dialling.text())
            seen = [self.current(daemon) for daemon in (a, b)]
            hear = all(call.get('mediaStats', {}).get('peerHears') == 'VOICE' for call in seen)
            paths = [call.get('path', '') for call in seen]
            return paths if hear and (not direct or paths == ['DIRECT', 'DIRECT']) else None
        paths = wait(f'{ann} and {bob} hear each other{" directly" if direct else ""}', talk)
        a.ctl('call', 'hangup', self.current(a)['name'].removeprefix('calls/'))
        for ending in (dialling, answering):
            self.assertEqual(ending.ended(), DONE, ending.text())
        self.say(f'{" calls ".join(places)}: {paths[0].lower()}')
        a.stop()
        b.stop()

    def test_every_pair_connects_and_directly_where_it_can(self):
        pairs = [(a, b) for a in KINDS for b in KINDS] if os.environ.get('P2PD_NAT_MATRIX') else FEW
        for number, places in enumerate(pairs):
            self.call(number, places)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Two machines, each a network namespace with a kernel stack of its own, on one bridge with a third that is the way in.

They call each other both ways, three times in a row, with recorded speech that is judged by intelligibility; then one
moves to another address, first under its running daemon, then with a restart, and again they call both ways. Once more
on a network that has IPv6 only. The network's names differ in each run and are taken away whatever happens.
"""

import os

from lab import PATIENCE, LabTest, main, need_root, run, wait

ANN, BOB = 'ann@example.org', 'bob@example.org'
# Of speech in a short call; the first call says it all.
SHORT = '8s'


class Network:
    """A bridge in a namespace of its own and one namespace a machine, joined by veth pairs."""

    def __init__(self, lab, names):
        # An interface's name has at most 15 bytes.
        self.tag = f'p2p{os.getpid() % 1_000_000}'
        self.machines = {name: f'{self.tag}-{name}' for name in names}
        self.hub = f'{self.tag}-hub'
        lab.cleanups.callback(self.delete)
        self.ip('netns', 'add', self.hub)
        self.ip('link', 'add', 'bridge', 'type', 'bridge', inside=self.hub)
        self.ip('link', 'set', 'bridge', 'up', inside=self.hub)
        for name, space in self.machines.items():
            self.ip('netns', 'add', space)
            self.ip('link', 'add', 'eth0', 'netns', space, 'type', 'veth', 'peer', 'name', name, 'netns', self.hub)
            self.ip('link', 'set', name, 'master', 'bridge', 'up', inside=self.hub)
            self.ip('link', 'set', 'lo', 'up', inside=space)
            self.ip('link', 'set', 'eth0', 'up', inside=space)

    def ip(self, *words, inside=None, code=0):
        return run(['ip', *(['-n', inside] if inside else []), *words], code)

    def give(self, name, address):
        """An address with its length, such as 10.7.0.1/24; usable at once (no duplicate address detection)."""
        self.ip('address', 'add', address, 'dev', 'eth0', *(['nodad'] if ':' in address else []),
                inside=self.machines[name])

    def take(self, name, address):
        self.ip('address', 'delete', address, 'dev', 'eth0', inside=self.machines[name])

    def delete(self):
        # What still runs in there was killed by the lab; a namespace takes its end of each pair with it.
        for space in (*self.machines.values(), self.hub):
            self.ip('netns', 'delete', space, code=None)


class Namespaces(LabTest):
    def setUp(self):
        super().setUp()
        need_root(self, 'network namespaces')
        self.net = Network(self.lab, ['way', 'ann', 'bob'])

    def start(self, addresses, any_address):
        for name, address in addresses.items():
            self.net.give(name, address)
        plain = {name: address.split('/')[0] for name, address in addresses.items()}
        self.way = self.lab.daemon('way', listen=any_address, netns=self.net.machines['way'])
        host = f'[{plain["way"]}]' if ':' in plain['way'] else plain['way']
        way_in = f'{host}:{self.way.endpoint.rsplit(":", 1)[1]}'
        self.ann, self.bob = (self.lab.daemon(name, listen=any_address, netns=self.net.machines[name],
                                              bootstrap=[way_in]) for name in ('ann', 'bob'))
        self.lab.wait_ring([self.way, self.ann, self.bob])
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        self.ann.ctl('contact', 'add', BOB)
        self.bob.ctl('contact', 'add', ANN)

    def sees(self, who, email, availability='AVAILABLE', patience=PATIENCE):
        wait(f'{who.name} sees {email} {availability}', lambda: who.availability(email) == availability, patience)

    def call(self, caller, callee, email, what, span=SHORT):
        self.say(what)
        self.lab.call(caller, callee, email, span=span)

    def both_ways(self, what, span=SHORT):
        self.call(self.ann, self.bob, BOB, f'{what}, Ann calls Bob', span)
        self.call(self.bob, self.ann, ANN, f'{what}, Bob calls Ann', span)

    def at(self, daemon, address):
        """Whether the daemon names this address as its own."""
        return any(address in known for known in daemon.status().get('addresses', []))

    def test_calls_and_a_move(self):
        self.start({'way': '10.7.0.1/24', 'ann': '10.7.0.2/24', 'bob': '10.7.0.3/24'}, '0.0.0.0:0')
        for number in range(1, 4):
            self.both_ways(f'call {number}', '15s' if number == 1 else SHORT)

        self.net.take('bob', '10.7.0.3/24')
        self.net.give('bob', '10.7.0.33/24')
        self.say("Bob's machine has another address, his daemon runs on")
        wait('Bob notices', lambda: self.at(self.bob, '10.7.0.33'))
        self.say('he noticed')
        self.sees(self.ann, BOB)
        self.both_ways('moved under the running daemon')

        self.bob.kill9()
        self.net.take('bob', '10.7.0.33/24')
        self.net.give('bob', '10.7.0.34/24')
        self.bob.start()
        wait('Bob is logged in', lambda: self.bob.identity().get('state') == 'LOGGED_IN')
        self.say('Bob is back with a new address and a new port')
        self.sees(self.ann, BOB)
        self.both_ways('moved with a restart')

    def test_ipv6_only(self):
        self.start({'way': 'fd07::1/64', 'ann': 'fd07::2/64', 'bob': 'fd07::3/64'}, '[::]:0')
        self.both_ways('IPv6 only')
        self.assertTrue(self.at(self.bob, 'fd07::3'))


if __name__ == '__main__':
    main()

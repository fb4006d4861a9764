#!/usr/bin/env python3
"""Two machines, each a network namespace with a kernel stack of its own, on one bridge with a third that is the way in.

They call each other both ways, three times in a row, with recorded speech that is judged by intelligibility; then one
moves to another address, first under its running daemon, then with a restart, and again they call both ways. Once more
on a network that has IPv6 only, and once with moves in the middle of a call. The network's names differ in each run and
are taken away whatever happens.
"""

import array
import itertools
import math
import wave

from lab import DONE, PATIENCE, LabTest, main, need_root, wait
from networks import Network

ANN, BOB = 'ann@example.org', 'bob@example.org'
# Of speech in a short call; the first call says it all.
SHORT = '8s'
RATE = 48000
# How long a call may be dumb when a machine gets another address, seconds.
DUMB = 1.0


def write_tone(path, seconds):
    """440 Hz, loud enough that a frame of it is no frame of concealment or silence."""
    with wave.open(str(path), 'wb') as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        second = array.array('h', (int(12000 * math.sin(2 * math.pi * 440 * i / RATE)) for i in range(RATE)))
        out.writeframes(second.tobytes() * seconds)
    return path


def silences(path):
    """Of each silence between two sounds, its length in seconds; in steps of 20 ms, from 100 ms on."""
    with wave.open(str(path), 'rb') as heard:
        samples = array.array('h', heard.readframes(heard.getnframes()))
    step = RATE // 50
    loud = [max(samples[i:i + step], default=0) > 1000 for i in range(0, len(samples), step)]
    assert any(loud), f'{path}: nothing was heard'
    runs = [(sound, len(list(run))) for sound, run in itertools.groupby(loud)]
    return [length / 50 for sound, length in runs[1:-1] if not sound and length >= 5]


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

    def test_a_call_goes_on_when_a_machine_moves(self):
        self.start({'way': '10.7.0.1/24', 'ann': '10.7.0.2/24', 'bob': '10.7.0.3/24'}, '0.0.0.0:0')
        tone = write_tone(self.lab.folder / 'tone.wav', 120)
        heard = {who: self.lab.folder / f'heard-by-{who}.wav' for who in ('ann', 'bob')}
        self.sees(self.ann, BOB)
        answering = self.bob.background('answer.log', 'call', 'answer', '--play', tone, '--record', heard['bob'])
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        dialling = self.ann.background('dial.log', 'call', 'dial', BOB, '--play', tone, '--record', heard['ann'])

        def under_way(daemon):
            self.assertTrue(dialling.running, dialling.text())
            return next(call for call in daemon.json('call', 'list')['calls'] if call['state'] != 'ENDED')

        def received(daemon):
            return int(under_way(daemon).get('mediaStats', {}).get('receivedPacketCount', 0))

        def wait_voice(address):
            wait(f'Ann speaks to {address}', lambda: under_way(self.ann).get('peerAddress', '').startswith(f'{address}:'))
            for daemon in (self.ann, self.bob):
                # A second of voice.
                enough = received(daemon) + 50
                wait(f'{daemon.name} hears', lambda daemon=daemon, enough=enough: received(daemon) >= enough)

        wait('Bob answers', lambda: self.bob.status().get('activeCallCount'))
        wait_voice('10.7.0.3')
        for old, new in itertools.pairwise(f'10.7.0.{n}' for n in (3, 33, 34, 35)):
            self.net.move('bob', f'{old}/24', f'{new}/24')
            wait_voice(new)
        self.ann.ctl('call', 'hangup', under_way(self.ann)['name'].removeprefix('calls/'))
        for ending in (dialling, answering):
            self.assertEqual(ending.ended(), DONE, ending.text())
        for who, file in heard.items():
            lengths = silences(file)
            self.say(f'{who} heard three moves as silences of {lengths} s')
            # A machine that is slow for a moment is none of ours to judge: the best move counts.
            self.assertLessEqual(sum(length > DUMB for length in lengths), 2, lengths)

    def test_ipv6_only(self):
        self.start({'way': 'fd07::1/64', 'ann': 'fd07::2/64', 'bob': 'fd07::3/64'}, '[::]:0')
        self.both_ways('IPv6 only')
        self.assertTrue(self.at(self.bob, 'fd07::3'))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""A conference of five on one person's machine: four call him, and all hear each other."""

import time

import tones
from lab import DONE, USAGE, LabTest, main, wait

GUESTS = ['ann', 'bob', 'cid', 'dora']
# Hertz of whom.
TONES = {'host': 1300, 'ann': 500, 'bob': 700, 'cid': 900, 'dora': 1100}
# How long the second half lasts; at the end of each a second is listened to.
SECOND = 5


class Conference(LabTest):
    def expect(self, listener, before_end, wanted):
        tones.expect(self, listener, self.heard[listener], TONES, before_end, wanted)

    def ring_in(self, guest, daemon):
        """The guest calls and is answered; the host speaks into the first call alone."""
        before = {call['name'] for call in self.host.json('call', 'list').get('calls', [])}
        dialling = daemon.background(f'dial-{guest}.log', 'call', 'dial', 'host@example.org', '--play', self.said[guest],
                                     '--record', self.heard[guest])

        def rings():
            return next((call['name'].split('/')[1] for call in self.host.json('call', 'list').get('calls', [])
                         if call['name'] not in before and call['state'] == 'RINGING'), None)
        call = wait(f'{guest} to ring', rings)
        words = ['--play', self.said['host'], '--record', self.heard['host']] if not self.calls else []
        self.answering.append(self.host.background(f'answer-{guest}.log', 'call', 'answer', call, *words))
        wait(f'{guest} to talk', lambda: self.host.json('call', 'show', call)['state'] == 'ACTIVE')
        self.calls[guest] = call
        return dialling

    def test_all_hear_all_others_and_nobody_himself(self):
        self.host = self.lab.daemon('host')
        daemons = {guest: self.lab.daemon(guest, bootstrap=[self.host.endpoint]) for guest in GUESTS}
        self.lab.wait_ring([self.host, *daemons.values()])
        for name, daemon in [('host', self.host), *daemons.items()]:
            self.lab.person(daemon, f'{name}@example.org')
        self.said = {who: self.lab.folder / f'said-by-{who}.wav' for who in TONES}
        self.heard = {who: self.lab.folder / f'heard-by-{who}.wav' for who in TONES}
        for who, path in self.said.items():
            tones.tone(path, TONES[who], 90)
        self.calls, self.answering = {}, []
        dialling = [self.ring_in(guest, daemon) for guest, daemon in daemons.items()]

        # The host is silent at first: of five who speak the loudest four are heard.
        self.host.ctl('call', 'mute', self.calls['ann'])
        # Whoever was put on hold to ask the next one in is back.
        self.host.ctl('call', 'hold', self.calls['ann'])
        self.host.ctl('call', 'conference', self.calls['ann'], code=USAGE)
        joined = self.host.json('call', 'conference', *self.calls.values())
        self.assertEqual({call['name'].split('/')[1] for call in joined['calls']}, set(self.calls.values()))
        self.assertEqual(len({call['conference'] for call in joined['calls']}), 1)
        wait('nobody to be on hold', lambda: not self.host.json('call', 'show', self.calls['ann']).get('heldLocal'))
        self.assertIn('in conference', self.host.ctl('call', 'show', self.calls['bob']).out)
        time.sleep(4)
        # Dora falls silent, and the host speaks.
        daemons['dora'].ctl('call', 'mute', daemons['dora'].json('call', 'list')['calls'][0]['name'].split('/')[1])
        self.host.ctl('call', 'mute', self.calls['ann'], 'off')
        # Cid goes, with a call of his own again.
        self.host.ctl('call', 'conference', '--leave', self.calls['cid'])
        time.sleep(SECOND)
        for call in self.calls.values():
            self.host.ctl('call', 'hangup', call)
        for program in [*dialling, *self.answering]:
            self.assertEqual(program.ended(), DONE, program.text())

        first = SECOND + 1
        for guest in GUESTS:
            self.expect(guest, first, set(GUESTS) - {guest})
        self.expect('host', first, set(GUESTS))
        self.expect('ann', 0.5, {'bob', 'host'})
        self.expect('bob', 0.5, {'ann', 'host'})
        self.expect('dora', 0.5, {'ann', 'bob', 'host'})
        self.expect('cid', 0.5, set())
        self.expect('host', 0.5, {'ann', 'bob'})


if __name__ == '__main__':
    main()

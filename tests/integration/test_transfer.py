#!/usr/bin/env python3
"""Ann talks with Bob and sends him to Carol: the two go on in the same calls, and the same programs hear them."""

import time

import tones
from lab import DONE, FAILED, NOT_FOUND, LabTest, main, wait

# Hertz of whom.
TONES = {'ann': 500, 'bob': 700, 'carol': 1100}
# How long each talks with each.
SPAN = 4


class Transfer(LabTest):
    def setUp(self):
        super().setUp()
        ann = self.lab.daemon('ann')
        self.daemons = {'ann': ann, **{name: self.lab.daemon(name, bootstrap=[ann.endpoint])
                                       for name in ('bob', 'carol')}}
        self.lab.wait_ring(list(self.daemons.values()))
        for name, daemon in self.daemons.items():
            self.lab.person(daemon, f'{name}@example.org')
        self.said = {who: self.lab.folder / f'said-by-{who}.wav' for who in TONES}
        for who, path in self.said.items():
            tones.tone(path, TONES[who], 90)
        self.running = []

    def heard(self, who, whom):
        return self.lab.folder / f'{who}-with-{whom}.wav'

    def talk(self, who, whom, *words):
        """One side of a call, by a program that says a tone and writes down what it hears."""
        program = self.daemons[who].background(f'{who}-{whom}.log', 'call', *words, '--play', self.said[who],
                                               '--record', self.heard(who, whom))
        self.running.append(program)
        return program

    def dial(self, caller, callee):
        answering = self.talk(callee, caller, 'answer')
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        before = {call['name'] for call in self.calls(caller)}
        self.talk(caller, callee, 'dial', f'{callee}@example.org')

        def talks():
            return next((call['name'].split('/')[1] for call in self.calls(caller)
                         if call['name'] not in before and call['state'] == 'ACTIVE'), None)
        call = wait(f'{caller} to talk with {callee}', talks)
        time.sleep(SPAN)
        return call

    def calls(self, who):
        return self.daemons[who].json('call', 'list').get('calls', [])

    def listen(self, who, program, before_end, wanted):
        tones.expect(self, who, self.heard(*program), TONES, before_end, wanted)

    def goes_on(self):
        """Bob and Carol talk, each in one call, and hang up."""
        bob, carol = (wait(f'{who} to talk', lambda who=who: next(
            (call for call in self.calls(who) if call['state'] == 'ACTIVE'), None)) for who in ('bob', 'carol'))
        self.assertEqual((bob['peerEmail'], carol['peerEmail']), ('carol@example.org', 'bob@example.org'))
        self.assertEqual(bob['keyFingerprint'], carol['keyFingerprint'])
        self.assertEqual(len(self.calls('bob')), 1)
        self.assertTrue(bob['transfer']['byPeer'])
        for call in self.calls('ann'):
            self.assertEqual((call['state'], call['endReason']), ('ENDED', 'TRANSFERRED'), call)
        time.sleep(SPAN)
        self.daemons['carol'].ctl('call', 'hangup', carol['name'].split('/')[1])
        for program in self.running:
            self.assertEqual(program.ended(), DONE, program.text())

    def test_who_is_asked_before_does_not_ring(self):
        with_bob = self.dial('ann', 'bob')
        self.daemons['ann'].ctl('call', 'hold', with_bob)
        with_carol = self.dial('ann', 'carol')
        self.assertIn('to carol@example.org: done', self.daemons['ann'].ctl('call', 'transfer', with_bob, with_carol).out)
        self.goes_on()
        self.assertEqual(len(self.calls('carol')), 1)
        # Ann's programs heard nobody but whom she talked with; the others' went from one to the other.
        self.listen('ann', ('ann', 'carol'), 1, {'carol'})
        self.listen('bob', ('bob', 'ann'), 1, {'carol'})
        self.listen('carol', ('carol', 'ann'), 1, {'bob'})
        self.listen('carol', ('carol', 'ann'), SPAN + 2, {'ann'})

    def test_who_is_not_asked_rings_and_may_refuse(self):
        ann, carol = self.daemons['ann'], self.daemons['carol']
        with_bob = self.dial('ann', 'bob')
        refusing = ann.background('refused.log', 'call', 'transfer', with_bob, 'carol@example.org')
        ringing = wait('carol to be rung', lambda: next(
            (call for call in self.calls('carol') if call['state'] == 'RINGING'), None))
        self.assertEqual(ringing['peerEmail'], 'bob@example.org')
        carol.ctl('call', 'reject', ringing['name'].split('/')[1])
        self.assertEqual(refusing.ended(), FAILED)
        self.assertIn('no transfer to carol@example.org: rejected; the call goes on', refusing.text())
        ann.ctl('call', 'transfer', with_bob, 'nobody@example.org', code=NOT_FOUND)
        self.assertEqual(ann.json('call', 'show', with_bob)['state'], 'ACTIVE')

        answering = self.talk('carol', 'bob', 'answer')
        wait('carol to sit by the telephone', lambda: 'waiting for calls' in answering.text())
        time.sleep(SPAN)
        self.assertIn('to carol@example.org: done', ann.ctl('call', 'transfer', with_bob, 'carol@example.org').out)
        self.goes_on()
        self.listen('ann', ('ann', 'bob'), 1, {'bob'})
        self.listen('bob', ('bob', 'ann'), 1, {'carol'})
        self.listen('bob', ('bob', 'ann'), SPAN + 2, {'ann'})
        self.listen('carol', ('carol', 'bob'), 1, {'bob'})


if __name__ == '__main__':
    main()

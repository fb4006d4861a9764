#!/usr/bin/env python3
"""What the friend list shows is what is so: a change within seconds, a logout within seconds, a death within 60 s."""

import time

from lab import LabTest, main, wait

ANN, BOB = 'ann@example.org', 'bob@example.org'
# The limits, seconds. 'Within seconds' is what a person would still call at once.
SECONDS, DEATH = 10, 60


class Presence(LabTest):
    def setUp(self):
        super().setUp()
        self.peers = self.lab.ring(['peer1', 'peer2', 'peer3', 'ann', 'bob'])
        self.ann, self.bob = self.peers[3:]
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        self.ann.ctl('contact', 'add', BOB)
        self.bob.ctl('contact', 'add', ANN)
        self.becomes('AVAILABLE')
        wait('Bob sees Ann', lambda: self.bob.availability(ANN) == 'AVAILABLE')

    def becomes(self, shown, limit=None):
        """Waits until Ann's list shows Bob as `shown`; with a limit in seconds that is asserted. Returns the seconds."""
        began = time.monotonic()
        wait(f'Ann sees Bob as {shown}', lambda: self.ann.availability(BOB) == shown)
        took = time.monotonic() - began
        self.say(f'Bob is {shown} for Ann after {took:.2f} s')
        if limit is not None:
            self.assertLessEqual(took, limit)
        return took

    def test_changes_show_within_seconds(self):
        for word in ('away', 'busy', 'available'):
            self.bob.ctl('presence', 'set', word)
            self.becomes(word.upper(), SECONDS)
        self.bob.ctl('logout')
        self.becomes('OFFLINE', SECONDS)
        self.bob.ctl('login', '--presence', 'away')
        self.becomes('AWAY', SECONDS)
        self.bob.stop()
        self.becomes('OFFLINE', SECONDS)

    def test_a_killed_contact_is_offline_within_a_minute_and_comes_back(self):
        self.bob.ctl('presence', 'set', 'busy')
        self.becomes('BUSY', SECONDS)
        self.bob.kill9()
        self.becomes('OFFLINE', DEATH)
        # Until then nobody asked Bob to log in again: what he was is what he is.
        self.bob.start()
        wait('Bob is logged in', lambda: self.bob.identity().get('state') == 'LOGGED_IN')
        self.becomes('BUSY', DEATH)
        self.assertEqual(self.ann.json('presence', 'get', BOB)['availability'], 'AVAILABILITY_BUSY')

    def test_nobody_is_offline_by_mistake(self):
        """For two lease times the contact stays what it is, looked at all the time."""
        end = time.monotonic() + DEATH + 10
        looks = 0
        while time.monotonic() < end:
            self.assertEqual(self.ann.availability(BOB), 'AVAILABLE')
            self.assertEqual(self.bob.availability(ANN), 'AVAILABLE')
            looks += 1
        self.say(f'{looks} looks, always available')


if __name__ == '__main__':
    main()

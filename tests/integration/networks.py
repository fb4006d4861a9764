"""Machines of a test, each a network namespace with a kernel stack of its own, on one bridge, which is the open network;
some behind translators (RFC 4787) that nftables makes of a namespace between the machine and the bridge."""

import os

from lab import run

# What a translator lets in: everybody who writes to a port in use, whoever has that address, or (None) who has that
# address and port. The last column: whether each destination is shown a port of its own.
TRANSLATORS = {
    'full': ('udp dport @in_use', False),
    'restricted': ('ip saddr . udp dport @written_to', False),
    'port': (None, False),
    'symmetric': (None, True),
}
# As the machines behind most translators at home: all of them have the same address.
INSIDE = '192.168.1.2'

RULES = '''
table ip translator {{
  set in_use {{ type inet_service; flags dynamic; timeout 5m; }}
  set written_to {{ type ipv4_addr . inet_service; flags dynamic; timeout 5m; }}
  chain inwards {{
    type nat hook prerouting priority dstnat;
    {inwards}
  }}
  chain outwards {{
    type nat hook postrouting priority srcnat;
    oifname "wan" masquerade {mapping}
  }}
  chain through {{
    type filter hook forward priority filter;
    oifname "wan" update @in_use {{ udp sport }} update @written_to {{ ip daddr . udp sport }}
    iifname "wan" ct status dnat accept
    iifname "wan" ct state new drop
  }}
  # What is for nobody leaves no trace, or the port would be taken when somebody inside wants it.
  chain for_itself {{
    type filter hook input priority filter;
    iifname "wan" drop
  }}
}}
'''


class Network:
    """A bridge in a namespace of its own and one namespace a machine, joined by veth pairs."""

    def __init__(self, lab, names=()):
        # An interface's name has at most 15 bytes.
        self.tag = f'p2p{os.getpid() % 1_000_000}'
        self.machines = {}
        self.spaces = []
        lab.cleanups.callback(self.delete)
        self.hub = self.space('hub')
        self.ip('link', 'add', 'bridge', 'type', 'bridge', inside=self.hub)
        self.ip('link', 'set', 'bridge', 'up', inside=self.hub)
        for name in names:
            self.machines[name] = self.plug(name, 'eth0')

    def space(self, name):
        space = f'{self.tag}-{name}'
        self.spaces.append(space)
        self.ip('netns', 'add', space)
        self.ip('link', 'set', 'lo', 'up', inside=space)
        return space

    def plug(self, name, interface):
        """A new namespace whose interface is on the bridge."""
        space = self.space(name)
        self.ip('link', 'add', interface, 'netns', space, 'type', 'veth', 'peer', 'name', name, 'netns', self.hub)
        self.ip('link', 'set', name, 'master', 'bridge', 'up', inside=self.hub)
        self.ip('link', 'set', interface, 'up', inside=space)
        return space

    def translate(self, name, kind, address, layers=1):
        """A machine behind `layers` translators of a kind, the outermost with `address` on the bridge."""
        router = self.plug(name, 'wan')
        self.ip('address', 'add', address, 'dev', 'wan', inside=router)
        for layer in reversed(range(layers)):
            inner = self.space(f'{name}-in{layer}')
            # Innermost as at home, further out as a provider's (RFC 6598).
            low, far = ('100.64.0.1', '100.64.0.2') if layer else ('192.168.1.1', INSIDE)
            interface = 'wan' if layer else 'eth0'
            self.ip('link', 'add', interface, 'netns', inner, 'type', 'veth', 'peer', 'name', 'lan', 'netns', router)
            for space, side, own in ((router, 'lan', low), (inner, interface, far)):
                self.ip('address', 'add', f'{own}/24', 'dev', side, inside=space)
                self.ip('link', 'set', side, 'up', inside=space)
            self.ip('route', 'add', 'default', 'via', low, inside=inner)
            self.rules(router, kind, far)
            router = inner
        self.machines[name] = router

    @staticmethod
    def rules(router, kind, far):
        lets_in, symmetric = TRANSLATORS[kind]
        inwards = f'iifname "wan" {lets_in} dnat to {far}' if lets_in else ''
        mapping = 'fully-random' if symmetric else 'persistent'
        inside = ['ip', 'netns', 'exec', router]
        run([*inside, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
        run([*inside, 'nft', '-f', '-'], given=RULES.format(inwards=inwards, mapping=mapping))

    def ip(self, *words, inside=None, code=0):
        return run(['ip', *(['-n', inside] if inside else []), *words], code)

    def give(self, name, address):
        """An address with its length, such as 10.7.0.1/24; usable at once (no duplicate address detection)."""
        self.ip('address', 'add', address, 'dev', 'eth0', *(['nodad'] if ':' in address else []),
                inside=self.machines[name])

    def take(self, name, address):
        self.ip('address', 'delete', address, 'dev', 'eth0', inside=self.machines[name])

    def move(self, name, old, new):
        """Another address, with no time between."""
        run(['ip', '-n', self.machines[name], '-batch', '-'],
            given=f'address delete {old} dev eth0\naddress add {new} dev eth0\n')

    def delete(self):
        # What still runs in there was killed by the lab; a namespace takes its end of each pair with it.
        for space in self.spaces:
            self.ip('netns', 'delete', space, code=None)

#!/usr/bin/env python3
"""clients/scripts as their readers run them, through both doors: the Unix socket, and TCP with TLS and a token.

The tool is buf, installed by `npm ci` from npm/package-lock.json into the build folder. P2PD_GRPCURL=PATH runs the same
with the real grpcurl, which neither Debian nor npm has.
"""

import filecmp
import json
import os
import pathlib
import shutil
import subprocess

from lab import DONE, PATIENCE, ROOT, USAGE, LabTest, main, run, wait

SCRIPTS = ROOT / 'clients/scripts'
NPM = pathlib.Path(__file__).resolve().parent / 'npm'
ANN, BOB = 'ann@example.org', 'bob@example.org'


def buf():
    """The folder with buf in it: what the build folder has, else npm fetches it once."""
    home = ROOT / 'build/npm'
    lock = NPM / 'package-lock.json'
    installed = home / 'node_modules/of.json'
    if not installed.exists() or not filecmp.cmp(lock, installed, shallow=False):
        if shutil.which('npm') is None:
            raise AssertionError('npm is not here: run deploy/setup.sh')
        home.mkdir(parents=True, exist_ok=True)
        for file in ('package.json', lock.name):
            shutil.copy(NPM / file, home)
        run(['npm', 'ci', '--silent', '--no-audit', '--no-fund', '--prefix', home], timeout=10 * PATIENCE)
        shutil.copy(lock, installed)
    return next(home.glob('node_modules/@bufbuild/*/bin'))


def camel(value):
    """JSON with keys as proto3 has them: grpcurl prints the names of the proto files."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    words = {key: key.split('_') for key in value if not key.startswith('_')}
    return {words[key][0] + ''.join(word.title() for word in words[key][1:]): camel(value[key]) for key in words}


class Scripts(LabTest):
    def setUp(self):
        super().setUp()
        self.way = self.lab.daemon('way')
        self.ann = self.lab.daemon('ann', bootstrap=[self.way.endpoint], flags=['--control', '127.0.0.1:0'])
        self.bob = self.lab.daemon('bob', bootstrap=[self.way.endpoint])
        self.lab.wait_ring([self.way, self.ann, self.bob])
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        path = [str(buf())]
        self.environment = {'P2PD_API_TOOL': 'buf'}
        if grpcurl := os.environ.get('P2PD_GRPCURL'):
            path = [str(pathlib.Path(grpcurl).parent)]
            self.environment = {'P2PD_API_TOOL': 'grpcurl'}
        self.environment['PATH'] = os.pathsep.join(path + [os.environ['PATH']])
        self.say(f'the tool is {self.environment["P2PD_API_TOOL"]}')

    def doors(self):
        """Name and environment of each door of Ann's daemon."""
        tcp = next(door for door in self.ann.status()['controlEndpoints'] if not door.startswith('unix:'))
        control = self.ann.data / 'control'
        return {'unix': {'P2PD_CONTROL': f'unix:{self.ann.socket}'},
                'tcp': {'P2PD_CONTROL': tcp, 'P2PD_TLS_CA': str(control / 'tls.pem'),
                        'P2PD_TOKEN_FILE': str(control / 'token')}}

    def script(self, name, door, *words, code=DONE):
        environment = {**os.environ, **self.environment, **door}
        return run([SCRIPTS / name, *words], code, env=environment)

    def example(self, door, *words):
        answer = self.script('examples.sh', door, *words)
        return camel(json.loads(answer.out)) if answer.out.strip() else {}

    def test_every_task_through_both_doors(self):
        for name, door in self.doors().items():
            with self.subTest(door=name):
                self.tasks(door)
                self.say(f'every task works through {name}')

    def tasks(self, door):
        listed = self.script('api.sh', door, '--list').out
        for service in ('NodeService', 'IdentityService', 'ContactService', 'CallService', 'OverlayService'):
            self.assertIn(f'p2pd.v1.{service}', listed)
        self.assertEqual(self.example(door, 'status')['nodeId'], self.ann.status()['nodeId'])
        self.assertEqual(self.example(door, 'identities')['identities'][0]['email'], ANN)
        self.assertEqual(len(self.example(door, 'peers')['peers']), 2)
        self.assertEqual(len(self.example(door, 'roots')['trustRoots']), 1)

        key = f'name:{self.id()} {door["P2PD_CONTROL"]}'
        self.example(door, 'put', key, 'fünf "Worte" \\ hier')
        values = self.example(door, 'get', key)['values']
        self.assertEqual(len(values), 1)
        self.assertTrue(self.example(door, 'lookup', key)['root']['nodeId'])

        self.example(door, 'add-contact', BOB, 'Bob "the" Builder')
        wait('Bob shows', lambda: self.example(door, 'contacts')['contacts'][0].get('presence', {}).get('availability') ==
             'AVAILABILITY_AVAILABLE')
        self.assertEqual(self.example(door, 'contacts')['contacts'][0]['displayName'], 'Bob "the" Builder')
        self.assertEqual(self.example(door, 'presence', BOB)['availability'], 'AVAILABILITY_AVAILABLE')

        name = self.example(door, 'dial', BOB)['name']
        wait('it rings', lambda: [c for c in self.bob.json('call', 'list').get('calls', []) if c['state'] == 'RINGING'])
        self.assertEqual(self.example(door, 'hangup', name)['name'], name)
        wait('it is over', lambda: {c['state'] for c in self.example(door, 'calls')['calls']} == {'ENDED'})

        self.example(door, 'remove-contact', BOB)
        self.assertFalse(self.example(door, 'contacts').get('contacts'))
        self.example(door, 'logout')
        self.assertEqual(self.example(door, 'identities')['identities'][0]['state'], 'LOGGED_OUT')
        self.example(door, 'login', ANN)
        self.assertEqual(self.example(door, 'identities')['identities'][0]['state'], 'LOGGED_IN')

    def test_trust_by_script(self):
        other = self.lab.ca('other', 'Other CA') / 'ca.pem'
        self.example(self.doors()['unix'], 'trust', other)
        self.assertEqual(len(self.example(self.doors()['unix'], 'roots')['trustRoots']), 2)

    def test_who_has_no_token_does_not_come_in(self):
        door = self.doors()['tcp']
        false_token = self.lab.folder / 'token'
        false_token.write_text('0' * 64 + '\n')
        for change in ({'P2PD_TOKEN_FILE': str(false_token)}, {'P2PD_TLS_CA': str(self.lab.ca() / 'ca.pem')}):
            answer = self.script('examples.sh', {**door, **change}, 'status', code=None)
            self.assertNotEqual(answer.code, DONE)
            self.assertNotIn('nodeId', answer.out)
        self.script('api.sh', {'P2PD_CONTROL': door['P2PD_CONTROL'], 'P2PD_TOKEN_FILE': '', 'P2PD_TLS_CA': ''},
                    'p2pd.v1.NodeService/GetNode', code=USAGE)

    def test_the_token_is_in_no_command_line(self):
        door = self.doors()['tcp']
        token = pathlib.Path(door['P2PD_TOKEN_FILE']).read_text().strip()
        watching = subprocess.Popen([SCRIPTS / 'api.sh', 'p2pd.v1.CallService/WatchCalls'], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env={**os.environ, **self.environment, **door},
                                    start_new_session=True)
        self.addCleanup(watching.wait)
        self.addCleanup(lambda: os.killpg(watching.pid, 9))
        tool = self.environment['P2PD_API_TOOL']

        def lines():
            found = []
            for process in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
                try:
                    found.append(process.read_bytes().replace(b'\0', b' ').decode(errors='replace'))
                except OSError:
                    continue
            return found
        wait('the tool runs', lambda: [line for line in lines() if tool in line and 'WatchCalls' in line
                                       and 'api.sh' not in line])
        self.assertFalse([line for line in lines() if token in line])

    def test_wrong_use_is_told(self):
        door = self.doors()['unix']
        self.assertIn('TASK', self.script('examples.sh', door, code=USAGE).err)
        self.assertIn('EMAIL is missing', self.script('examples.sh', door, 'presence', code=USAGE).err)
        self.assertIn('METHOD', self.script('api.sh', door, code=USAGE).err)


if __name__ == '__main__':
    main()

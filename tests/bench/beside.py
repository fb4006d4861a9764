"""What the benchmarks beside other programs share."""

import os
import pathlib
import re
import select
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'integration'))
import lab  # noqa: E402  the laboratory of the integration tests


def spread(values, unit):
    """Median, 99th percentile (the largest of fewer than 100), largest and count."""
    ordered = sorted(values)
    return {'median': round(statistics.median(ordered), 3), 'p99': round(ordered[int(0.99 * (len(ordered) - 1))], 3),
            'most': round(ordered[-1], 3), 'unit': unit, 'count': len(ordered)}


def ratio(ours, theirs):
    return round(ours['median'] / theirs['median'], 3) if theirs['median'] else None


def resident(pid):
    """MiB."""
    for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024
    return 0.0


class DhtNode:
    """One dhtnode, driven over its own command line."""

    UNITS = {'us': 0.001, 'ms': 1.0, 's': 1000.0}

    def __init__(self, workshop, way_in, namespace=None):
        command = ['ip', 'netns', 'exec', namespace] if namespace else []
        command += ['dhtnode', '-p', '0', '-n', '7464']
        command += ['-b', f'127.0.0.1:{way_in}'] if way_in else []
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        workshop.cleanups.callback(self.end)
        self.text = ''
        self.port = self.until(r'running on port (\d+)').group(1)

    def end(self):
        self.child.kill()
        self.child.wait()

    def until(self, pattern, patience=20):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            if select.select([self.child.stdout], [], [], 1)[0]:
                self.text += os.read(self.child.stdout.fileno(), 65536).decode(errors='replace')
        raise lab.Unmet(f'dhtnode never said {pattern}: {self.text[-300:]}')

    def neighbours(self):
        """Good nodes that it knows."""
        self.child.stdin.write(b'll\n')
        self.child.stdin.flush()
        return int(self.until(r'Known nodes: (\d+) good').group(1))

    def ask(self, command, pattern):
        """Milliseconds that dhtnode says it took."""
        self.child.stdin.write(f'{command}\n'.encode())
        self.child.stdin.flush()
        found = self.until(pattern)
        return float(found.group(1)) * self.UNITS[found.group(2)]

    def put(self, key, value):
        return self.ask(f'p {key} {value}', r'Put: success, took ([\d.e+]+) (us|ms|s)')

    def get(self, key):
        return self.ask(f'g {key}', r'Get: completed, took ([\d.e+]+) (us|ms|s)')

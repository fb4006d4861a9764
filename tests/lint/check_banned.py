#!/usr/bin/env python3
"""Refuses calls and headers where they do not belong, and says what to use instead.

A line with the comment `lint: allow(reason)`, or under such a comment line, is let through.
"""

import re

import sources


def below(*folders):
    return lambda path: path.startswith(folders)


def below_but(folders, exceptions):
    return lambda path: path.startswith(folders) and not path.startswith(exceptions)


CORE = ('libcore/',)
OURS = ('libcore/', 'daemon/', 'clients/')
RUNTIME = ('libcore/runtime/',)
# Unit tests of these drive real sockets and threads; all others live on injected time.
REAL_TIME_TESTS = ('tests/unit/runtime/', 'tests/unit/daemon/', 'tests/unit/clients/', 'tests/unit/node/', 'tests/unit/archive/lt/')
# libtorrent's loop is Asio's, and what shall run on its thread is posted there.
LIBTORRENT = ('libcore/archive/lt/',)
PURE = lambda path: (path.startswith(('libcore/', 'tests/unit/', 'tests/sim/')) and
                     not path.startswith(RUNTIME + REAL_TIME_TESTS))
SOCKET_TESTS = ('tests/integration/', 'tests/unit/runtime/', 'tests/unit/daemon/')


def include(names):
    return r'^\s*#\s*include\s*[<"](?:' + names + ')'


# (name, pattern on code without comments and literals, where it is banned, what to do instead)
RULES = [
    ('clock', r'\b(?:steady_clock|system_clock|high_resolution_clock)::now\b|\babsl::Now\b|\bclock_gettime\b|'
     r'\bgettimeofday\b|\b(?:std::)?time\((?:nullptr|NULL|0)\)', PURE, 'take an Instant; civil time comes from a WallClock'),
    ('randomness', r'\brandom_device\b|\b(?:std::)?s?rand\(|\babsl::(?:Insecure)?BitGen\b|\bRAND_(?:priv_)?bytes\b|'
     r'\bgetrandom\b|\bgetentropy\b|\barc4random|\bstd::mt19937', below_but(CORE + ('daemon/', 'tests/unit/', 'tests/sim/'), RUNTIME),
     'take an Rng&'),
    ('sleep', r'\bsleep_(?:for|until)\b|\bu?sleep\(|\bnanosleep\b|\babsl::SleepFor\b',
     below_but(OURS + ('tests/',), RUNTIME + ('tests/tools/', 'tests/bench/')), 'wait for the event, with a deadline'),
    ('thread', r'\bstd::j?thread\b(?!::)|\bstd::async\b|\bpthread_create\b',
     below_but(CORE + ('tests/sim/',), RUNTIME), 'threads live in runtime and daemon'),
    ('socket', include(r'sys/socket\.h|sys/un\.h|sys/epoll\.h|netinet/|arpa/inet\.h|poll\.h|netdb\.h|boost/asio'),
     below_but(CORE + ('tests/sim/',), RUNTIME + LIBTORRENT), 'sockets live in runtime'),
    ('mutex', r'\babsl::(?:Mutex|MutexLock|ReaderMutexLock|CondVar|Notification|BlockingCounter)\b',
     below_but(OURS, ('libcore/base/mutex',)), 'use Mutex and MutexLock of libcore/base/mutex.h, which ThreadSanitizer sees'),
    ('throw', r'\bthrow\b', below(*OURS, 'tests/'), 'return absl::Status or std::optional'),
    ('openssl', include('openssl/'), below_but(OURS, ('libcore/pki/',)), 'use libcore/pki'),
    ('opus', include(r'opus|srtp|speex'), below_but(OURS, ('libcore/media/',)), 'use libcore/media'),
    # p2pctl opens the files of its caller itself (CONTRACT, 'Paths belong to the caller').
    ('sndfile', include(r'sndfile'), below_but(OURS, ('libcore/media/', 'clients/common/wav.cc')), 'use libcore/media'),
    ('curl', include('curl/'), below_but(OURS, RUNTIME), 'use libcore/runtime/http_client.h'),
    ('expat', include('expat'), below_but(OURS, ('libcore/archive/intake/',)), 'use libcore/archive/intake/feed.h'),
    ('libtorrent', include('libtorrent/'), below_but(OURS, LIBTORRENT), 'use libcore/archive'),
    ('spdlog', include('spdlog/|fmt/'), below_but(OURS, ('libcore/base/log.cc',)), 'use P2PD_LOG'),
    ('print', r'\bstd::c(?:out|err)\b|\b(?:f|v)?printf\(', below_but(CORE, ('libcore/base/check.h',)), 'use P2PD_LOG or a status'),
    ('disabled test', r'\bDISABLED_', below('tests/'), 'a test that cannot run is removed or repaired'),
    ('exit', r'\b(?:std::)?(?:exit|_exit|quick_exit)\(', below(*CORE), 'return a status; only main ends the process'),
]

# On the whole text, comments included.
TEXT_RULES = [
    ('unfinished', r'\b(?:TODO|FIXME|XXX)\b|PARALLEL-WORK|\b[Ff]or now\b', 'finish it, or say in the README what is not there'),
    ('path of one machine', r'(?<![\w.-])/(?:work|root|home)/\w', 'take the path as an argument'),
]

# An address with a port of its own, on a line that binds or listens.
FIXED_PORT = re.compile(r'(?i:listen|bind|serve|open|--control)[^\n]*?((?:127\.0\.0\.1|\[::1?\]|0\.0\.0\.0|localhost):(?!0+\b)\d+)')

HASHED = re.compile(r'\b(?:flat_hash_(?:map|set)|node_hash_(?:map|set)|unordered_(?:multi)?(?:map|set))\s*<')


def hashed_names(code):
    """Names of variables whose type is a hashed container."""
    names = set()
    for match in HASHED.finditer(code):
        depth, at = 1, match.end()
        while at < len(code) and depth:
            depth += {'<': 1, '>': -1}.get(code[at], 0)
            at += 1
        declared = re.match(r'\s*&?\s*(\w+)\s*(?:;|=|\{|ABSL_GUARDED_BY)', code[at:])
        if declared:
            names.add(declared[1])
    return names


def check_hash_order(path, code, header):
    """(line, what) of each loop over a hashed container: its order differs per process and would reach wire or log."""
    for name in sorted(hashed_names(code) | hashed_names(header)):
        loop = re.compile(r'for \([^;)]*:\s*(?:this->)?' + re.escape(name) + r'\s*\)|\b' + re.escape(name) + r'\.c?begin\(\)')
        for match in loop.finditer(code):
            yield code.count('\n', 0, match.start()) + 1, name


def check_file(root, path):
    text = sources.read(root, path)
    lines = text.split('\n')
    code = sources.code_only(text)
    found = []
    for name, pattern, where, instead in RULES:
        if where(path):
            for match in re.finditer(pattern, code, re.MULTILINE):
                number = code.count('\n', 0, match.start() + len(match[0]) - len(match[0].lstrip())) + 1
                found.append((number, f'{name}: {match[0].strip()}: {instead}'))
    if path.startswith(CORE):
        header_path = root / (path[:-3] + '.h')
        header = sources.code_only(header_path.read_text()) if path.endswith('.cc') and header_path.exists() else ''
        for number, name in check_hash_order(path, code, header):
            found.append((number, f'hash order: {name} is iterated: use an ordered container, or sort first'))
    if path.startswith(SOCKET_TESTS):
        for match in FIXED_PORT.finditer(sources.without_comments(text)):
            found.append((text.count('\n', 0, match.end()) + 1, f'fixed port: {match[1]}: take port 0'))
    if path.endswith('.h'):
        if '#pragma once' not in code:
            found.append((1, 'header without #pragma once'))
        if not text.startswith('//'):
            found.append((1, 'a header begins with what it is, as a comment'))
    return [f'{path}:{number}: {what}' for number, what in sorted(found) if not sources.allowed(lines, number)]


def check_text(root, path):
    text = sources.read(root, path)
    lines = text.split('\n')
    problems = []
    for number, line in enumerate(lines, 1):
        for name, pattern, instead in TEXT_RULES:
            match = re.search(pattern, line)
            if match and not sources.allowed(lines, number):
                problems.append(f'{path}:{number}: {name}: {match[0]}: {instead}')
    return problems


def check(root):
    problems = []
    for path in sources.cpp_files(root):
        problems += check_file(root, path)
    texts = sources.walk(root, sources.CODE_FOLDERS + ('proto', 'deploy', 'systemd', '.ci'),
                         ('.h', '.cc', '.proto', '.py', '.sh', '.cmake', 'CMakeLists.txt', '.md', '.toml', '.service'))
    for path in texts:
        if not path.startswith('tests/lint/'):  # where the words stand as rules
            problems += check_text(root, path)
    return problems


if __name__ == '__main__':
    sources.finish('banned', check(sources.ROOT))

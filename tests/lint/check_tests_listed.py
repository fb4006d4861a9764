#!/usr/bin/env python3
"""Every source has its test, and both are built.

libcore/x/y.cc has tests/unit/x/y_test.cc, daemon/y.cc has tests/unit/daemon/y_test.cc, clients likewise, and every .cc
is named in a CMakeLists.txt of its folder or one above. What has no test of its own stands in untested.txt with the
reason.
"""

import re

import sources

EXEMPT = 'tests/lint/untested.txt'


def exempt(root):
    """({path: reason}, problems)."""
    reasons, problems = {}, []
    path = root / EXEMPT
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        source, _, reason = line.partition(' ')
        if len(reason.strip()) < 10:
            problems.append(f'{EXEMPT}:{number}: {source} without a reason')
        reasons[source] = reason.strip()
    return reasons, problems


def test_of(path):
    inner = path[len('libcore/'):] if path.startswith('libcore/') else path
    return 'tests/unit/' + inner[:-len('.cc')] + '_test.cc'


def listed(root, path):
    """True when a CMake file of the folder of `path`, or of one above, names it relative to itself."""
    parts = path.split('/')
    for depth in range(len(parts) - 1, 0, -1):
        folder = root.joinpath(*parts[:depth])
        relative = '/'.join(parts[depth:])
        for cmake in sorted(folder.glob('CMakeLists.txt')) + sorted(folder.glob('*.cmake')):
            text = re.sub(r'#[^\n]*', '', cmake.read_text())
            if re.search(r'(?<![\w./-])' + re.escape(relative) + r'(?![\w./-])', text):
                return True
    return False


def check(root):
    reasons, problems = exempt(root)
    for path in sources.walk(root, ['libcore', 'daemon', 'clients'], ('.cc',)):
        if not listed(root, path):
            problems.append(f'{path}: in no CMakeLists.txt')
        test = test_of(path)
        has_test = (root / test).exists()
        if path in reasons and has_test:
            problems.append(f'{EXEMPT}: {path} has a test by now: remove the entry')
        if path not in reasons and not has_test:
            problems.append(f'{path}: no {test}')
    for path in sources.walk(root, ['tests/unit'], ('.cc',)):
        if not listed(root, path):
            problems.append(f'{path}: in no CMakeLists.txt, so it never runs')
    for path in sorted(reasons):
        if not (root / path).exists():
            problems.append(f'{EXEMPT}: {path} is no more: remove the entry')
    fuzz = ''.join(cmake.read_text() for cmake in sorted((root / 'tests/fuzz').glob('*.cmake')))
    for path in sources.walk(root, ['tests/fuzz'], ('_fuzz.cc',)):
        name = path.split('/')[-1][:-len('_fuzz.cc')]
        if not re.search(r'p2pd_fuzz\(\s*' + re.escape(name) + r'\s', fuzz):
            problems.append(f'{path}: no p2pd_fuzz({name} …) in tests/fuzz/*.cmake')
    return problems


if __name__ == '__main__':
    sources.finish('tests_listed', check(sources.ROOT))

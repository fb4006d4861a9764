#!/usr/bin/env python3
"""Holds every include to the layers that CMake declares.

The truth is the `p2pd_module(NAME DEPS …)` lines: a file of libcore/x may include x and the modules that x names in
DEPS, nothing else; what comes along transitively is not enough. Clients see the control API only, with two exceptions
(clients/cli/ca and clients/cli/torrent work without a daemon). The daemon sees all of libcore. Nobody includes tests.
"""

import re

import sources

# A certificate authority, and the making and fetching of torrents, work without a daemon (STYLE, 'The house').
CLIENT_EXCEPTIONS = {'clients/cli/ca': {'base', 'pki'},
                     'clients/cli/torrent': {'base', 'net', 'archive', 'archive/lt', 'archive/pieces', 'archive/torrent'}}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def declared(root):
    """({module: set of deps}, {module: CMake text}, problems)."""
    problems = []
    shelf_text = sources.read(root, 'libcore/module.cmake')
    shelf = re.search(r'set\(P2PD_SHELF ([^)]*)\)', shelf_text)[1].split()
    deps, texts = {}, {}
    for path in sources.walk(root, ['libcore'], ('CMakeLists.txt',)):
        text = re.sub(r'#[^\n]*', '', sources.read(root, path))
        for call in re.finditer(r'p2pd_module\(\s*([\w/]+)([^)]*)\)', text):
            name, arguments = call[1], call[2]
            found = re.search(r'\bDEPS\s+([\w\s/]*?)\s*\b(?:SOURCES|PRIVATE|PUBLIC|$)', arguments)
            deps[name] = set(found[1].split()) if found else set()
            texts[name] = text
            if name not in shelf:
                problems.append(f'{path}: module {name} is not on the shelf of libcore/module.cmake')
                continue
            for dep in sorted(deps[name]):
                if dep not in shelf or shelf.index(dep) >= shelf.index(name):
                    problems.append(f'{path}: {name} depends on {dep}, which does not lie below it')
    return deps, texts, problems


def module_of(path, deps):
    """The module of libcore that `path` (from libcore/ on) stands in: the innermost folder that is one."""
    folder = path.split('/')[:-1]
    while len(folder) > 1 and '/'.join(folder) not in deps:
        folder.pop()
    return '/'.join(folder)


def may_include(path, included, deps, texts):
    """None, or why the file `path` may not include "included"."""
    top, _, rest = included.partition('/')
    if not rest:
        return 'includes are written from the repository root'
    if top == 'tests' and not path.startswith('tests/'):
        return 'nothing but tests includes tests'
    if path.startswith('tests/'):
        return None
    module = module_of(rest, deps)
    if path.startswith('libcore/'):
        own = module_of(path[len('libcore/'):], deps)
        if top == 'libcore' and module != own and module not in deps.get(own, set()):
            return f'libcore/{own}/CMakeLists.txt does not name {module} in DEPS'
        if top in ('daemon', 'clients', 'grpcpp', 'grpc'):
            return f'libcore does not see {top}'
        if included.startswith('p2pd/v1/'):
            return 'libcore does not see the control API'
        if included.startswith('p2pd/wire/') and 'p2pd::wire_proto' not in texts.get(own, ''):
            return f'libcore/{own}/CMakeLists.txt does not link p2pd::wire_proto'
    if path.startswith('daemon/') and top == 'clients':
        return 'the daemon does not see its clients'
    if path.startswith('clients/'):
        if top == 'daemon' or included.startswith('p2pd/wire/'):
            return 'clients see the control API only'
        if top == 'libcore':
            for folder, modules in CLIENT_EXCEPTIONS.items():
                if path.startswith(folder + '/') or path.startswith(folder + '.'):
                    return None if module in modules else f'{folder} sees {sorted(modules)} only'
            return 'clients see the control API only'
    return None


def check(root):
    deps, texts, problems = declared(root)
    for module in sorted(deps):
        if not (root / 'libcore' / module / 'README.md').exists():
            problems.append(f'libcore/{module}: no README.md (one page a module)')
    for path in sources.cpp_files(root):
        text = sources.read(root, path)
        lines = text.split('\n')
        code = sources.without_comments(text)
        for match in INCLUDE.finditer(code):
            number = code.count('\n', 0, match.start(2)) + 1
            included = match[2]
            if included.startswith('../') or '/../' in included:
                reason = 'includes are written from the repository root'
            elif match[1] == '"' or included.startswith(('libcore/', 'daemon/', 'clients/', 'grpc', 'p2pd/')):
                reason = may_include(path, included, deps, texts)
            else:
                reason = None
            if reason and not sources.allowed(lines, number):
                problems.append(f'{path}:{number}: "{included}": {reason}')
    return problems


if __name__ == '__main__':
    sources.finish('layers', check(sources.ROOT))

"""What the lints share: which files there are, and C++ text without its comments and literals."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE_FOLDERS = ('libcore', 'daemon', 'clients', 'tests')
SKIPPED_FOLDERS = {'build', '.git', 'node_modules', '__pycache__'}


def walk(root, folders, suffixes):
    """Files below `folders` of `root` with one of `suffixes`, as sorted paths relative to `root`."""
    found = []
    for folder in folders:
        for where, below, names in os.walk(root / folder):
            below[:] = sorted(set(below) - SKIPPED_FOLDERS)
            for name in sorted(names):
                if name.endswith(suffixes):
                    found.append((Path(where) / name).relative_to(root).as_posix())
    return found


def cpp_files(root):
    return walk(root, CODE_FOLDERS, ('.h', '.cc'))


def read(root, path):
    return (root / path).read_text(encoding='utf-8')


_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)


def _blank(text):
    return re.sub(r'[^\n]', ' ', text)


def without_comments(text):
    """C++ text with comments as spaces, so that lines and columns stay."""
    return _TOKENS.sub(lambda m: _blank(m[0]) if m[0].startswith('/') else m[0], text)


def code_only(text):
    """C++ text with comments and the inside of literals as spaces; #include lines keep their names."""

    def replace(match):
        whole = match[0]
        if whole.startswith('/'):
            return _blank(whole)
        line_start = text.rfind('\n', 0, match.start()) + 1
        if re.match(r'\s*#\s*include', text[line_start:match.start()]):
            return whole
        return whole[0] + _blank(whole[1:-1]) + whole[-1]

    return _TOKENS.sub(replace, text)


_ALLOW = re.compile(r'lint: allow\((\S[^\n]*)\)')


def allowed(lines, number):
    """True when line `number` (from 1), or a comment line right above it, says `lint: allow(reason)`."""
    if _ALLOW.search(lines[number - 1]):
        return True
    above = lines[number - 2].strip() if number >= 2 else ''
    return above.startswith(('//', '#')) and bool(_ALLOW.search(above))


def finish(name, problems):
    """Prints the problems of a lint and ends the process with its exit code."""
    for problem in problems:
        print(problem)
    print(f'{name}: {len(problems)} problem(s)' if problems else f'{name}: clean')
    sys.exit(1 if problems else 0)

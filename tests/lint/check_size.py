#!/usr/bin/env python3
"""A function fits a screen (70 lines from its signature to its brace), a file has one subject (800 lines).

What is longer stands in size_ratchet.txt, `path:Function lines`, and may only shrink: a longer function fails, and so
does an entry that is larger than its function is by now.
"""

import re

import sources

FUNCTION_LINES = 70
FILE_LINES = 800
RATCHET = 'tests/lint/size_ratchet.txt'


def _without_templates(text):
    """`text` without a leading template<…> clause."""
    while True:
        match = re.match(r'\s*template\s*<', text)
        if not match:
            return text
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {'<': 1, '>': -1}.get(text[at], 0)
            at += 1
        text = text[at:]


def _kind(head):
    """What the brace after `head` opens, at namespace or class scope."""
    head = _without_templates(head)
    words = head.strip()
    if re.match(r'(?:inline\s+)?namespace\b|extern\s*"[^"]*"\s*$', words):
        return 'scope'
    if head and head[-1] not in ' \n' and not words.endswith(')'):
        return 'value'  # name{…}: an initialiser; clang-format keeps a space before a body
    if words.endswith('=') or not words:
        return 'value'
    if re.match(r'(?:typedef\s+)?(?:class|struct|union|enum)\b', words) and '(' not in re.sub(r'\w+\([^()]*\)\s+(?=\w)', '', words):
        return 'value' if words.startswith('enum') else 'scope'
    return 'function' if '(' in words else 'value'


def _name(head):
    head = _without_templates(head)
    macro = re.search(r'\b(TEST(?:_F|_P)?|TYPED_TEST)\s*\(\s*(\w+)\s*,\s*(\w+)', head)
    if macro:
        return f'{macro[2]}.{macro[3]}'
    named = re.search(r'(operator[^(]*|[\w:~]+)\s*\(', head)
    return named[1].strip() if named else '?'


def functions(text):
    """Yields (name, first line, lines) of each function of a file; lambdas belong to the function around them."""
    code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: re.sub(r'[^\n]', ' ', m[0]), sources.code_only(text),
                  flags=re.MULTILINE)
    stack, start, depth_parens = [], 0, 0
    for at, char in enumerate(code):
        inside = any(kind != 'scope' for kind, _, _ in stack)
        if char == '{':
            if inside:
                stack.append(('block', 0, ''))
                continue
            head = code[start:at]
            kind = _kind(head)
            first = start + len(head) - len(head.lstrip())
            stack.append((kind, first, _name(head) if kind == 'function' else ''))
            if kind == 'scope':
                start = at + 1
        elif char == '}' and stack:
            kind, first, name = stack.pop()
            if kind == 'function':
                line = code.count('\n', 0, first) + 1
                yield name, line, code.count('\n', first, at) + 1
            if kind in ('scope', 'function'):
                start = at + 1
        elif char in '()' and not inside:
            depth_parens += 1 if char == '(' else -1
        elif char in ';:' and not inside and depth_parens == 0:
            if char == ';' or re.search(r'\b(?:public|private|protected)\s*$', code[start:at]):
                start = at + 1


def ratchet(root):
    allowed = {}
    path = root / RATCHET
    for line in path.read_text().splitlines() if path.exists() else []:
        line = line.split('#')[0].strip()
        if line:
            key, lines = line.rsplit(None, 1)
            allowed[key] = int(lines)
    return allowed


def check(root):
    allowed = ratchet(root)
    seen, problems = set(), []
    files = sources.walk(root, sources.CODE_FOLDERS + ('proto', 'deploy'), ('.h', '.cc', '.py', '.sh', '.proto'))
    for path in files:
        text = sources.read(root, path)
        lines = text.count('\n')
        if lines > FILE_LINES:
            problems.append(f'{path}: {lines} lines, the wall is {FILE_LINES}: split it by subject')
        if not path.endswith(('.h', '.cc')):
            continue
        for name, line, length in functions(text):
            key = f'{path}:{name}'
            limit = allowed.get(key, FUNCTION_LINES)
            if key in allowed:
                seen.add(key)
                if length < limit:
                    problems.append(f'{RATCHET}: {key} has {length} lines by now: lower the entry (or remove it at {FUNCTION_LINES})')
            if length > limit:
                problems.append(f'{path}:{line}: {name} has {length} lines, at most {limit}')
    for key in sorted(set(allowed) - seen):
        problems.append(f'{RATCHET}: {key} is no more: remove the entry')
    return problems


if __name__ == '__main__':
    sources.finish('size', check(sources.ROOT))

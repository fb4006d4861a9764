#!/usr/bin/env python3
"""Every service, rpc, message, field, oneof, enum and enum value of proto/ has a comment, above it or behind it on its
line, and every rpc of the control API names its command: CLI: `p2pctl …`."""

import re

import sources

TOKEN = re.compile(r'(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\')|(?P<mark>[{};=\[\]()<>,])|(?P<word>[^\s{};=\[\]()<>,"\'/]+)',
                   re.DOTALL)


def statements(text):
    """([(enclosing kind, tokens, first line, last line)] of the statements, [(first line, last line, text)] of the comments)."""
    comments, out = [], []
    scope, tokens, first, depth = ['file'], [], 0, 0
    for match in TOKEN.finditer(text):
        line = text.count('\n', 0, match.start()) + 1
        last = line + match[0].count('\n')
        if match['comment']:
            comments.append((line, last, match[0]))
            continue
        value = match[0]
        if value in '[(':
            depth += 1
        elif value in '])':
            depth -= 1
        if depth == 0 and value in ('{', ';', '}'):
            if tokens:
                out.append((scope[-1], tokens, first, line))
            if value == '{':
                scope.append(tokens[0] if tokens else 'block')
            elif value == '}':
                scope.pop()
            tokens = []
            continue
        if not tokens:
            first = line
        tokens.append(value)
    return out, comments


def declaration(scope, tokens):
    """(kind, name) of a statement that needs a comment, else None."""
    head = tokens[0]
    if head in ('service', 'rpc', 'message', 'enum', 'oneof') and len(tokens) > 1 and '=' not in tokens[:3]:
        return head, tokens[1]
    if head in ('option', 'reserved', 'extensions', 'syntax', 'package', 'import'):
        return None
    if scope in ('message', 'oneof') and '=' in tokens:
        return 'field', tokens[tokens.index('=') - 1]
    if scope == 'enum' and '=' in tokens:
        return 'value', head
    return None


def comment_above(comments, first):
    """The comment that ends on the line above `first`, together with those stacked on it."""
    text, expected = '', first - 1
    for line, end, comment in reversed(comments):
        if end == expected:
            text = comment + '\n' + text
            expected = line - 1
    return text


def comment_behind(comments, first, last):
    return '\n'.join(comment for line, _, comment in comments if first <= line <= last)


def check(root):
    problems = []
    for path in sources.walk(root, ['proto'], ('.proto',)):
        found, comments = statements(sources.read(root, path))
        # A comment behind one declaration is not the comment above the next one.
        code_lines = {line for _, _, first, last in found for line in range(first, last + 1)}
        above = [c for c in comments if c[0] not in code_lines]
        behind = [c for c in comments if c[0] in code_lines]
        for scope, tokens, first, last in found:
            declared = declaration(scope, tokens)
            if not declared:
                continue
            kind, name = declared
            text = comment_above(above, first) + comment_behind(behind, first, last)
            if not re.search(r'\w', text):
                problems.append(f'{path}:{first}: {kind} {name} has no comment')
            elif kind == 'rpc' and '/p2pd/v1/' in '/' + path and not re.search(r'CLI:\s*`p2pctl [^`]+`', text):
                problems.append(f'{path}:{first}: rpc {name} does not name its command (CLI: `p2pctl …`)')
    return problems


if __name__ == '__main__':
    sources.finish('proto', check(sources.ROOT))

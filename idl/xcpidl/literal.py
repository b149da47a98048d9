# SPDX-License-Identifier: LGPL-2.1-or-later
"""Default values of fields:

    0  -1.5  true  "text"  []  [1, 2]  {}  {"key": "value"}  ("vm", "device")  none
    Healthy               a value of an enum, or a case of a variant that carries nothing
    Static4([("a", 1)])   a case with what it carries

A literal is a Python value: int, float, bool, str, list, dict, tuple, NONE or a Word.
"""
import re
from dataclasses import dataclass

from . import model, types
from .problem import Problem


@dataclass(frozen=True)
class Word:
    name: str
    payload: object = None
    has_payload: bool = False


NONE = Word('none')

TOKEN = re.compile(r'''\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*") |
    (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?) |
    (?P<word>[A-Za-z_][A-Za-z0-9_]*) |
    (?P<mark>[][(){}:,])
)''', re.VERBOSE)
ESCAPES = {'n': '\n', 't': '\t', '"': '"', '\\': '\\'}
DEPTH_MAX = 16


class _Parser:
    def __init__(self, text):
        self.text, self.at, self.depth = text, 0, 0

    def fail(self, what):
        raise Problem(f'default "{self.text.strip()}": {what}', 'see "Defaults" in docs/idl.md')

    def token(self):
        match = TOKEN.match(self.text, self.at)
        if not match:
            self.fail('a value is expected')
        self.at = match.end()
        return match.lastgroup, match.group(match.lastgroup)

    def next_is(self, mark):
        match = TOKEN.match(self.text, self.at)
        if match and match.group('mark') == mark:
            self.at = match.end()
            return True
        return False

    def sequence(self, end, item):
        items = []
        while not self.next_is(end):
            if items and not self.next_is(','):
                self.fail(f'"," or "{end}" is expected')
            items.append(item())
        return items

    def pair(self):
        key = self.value()
        if not self.next_is(':'):
            self.fail('":" is expected')
        return key, self.value()

    def value(self):
        self.depth += 1
        if self.depth > DEPTH_MAX:
            self.fail(f'more than {DEPTH_MAX} levels')
        result = self.any_value(*self.token())
        self.depth -= 1
        return result

    def any_value(self, kind, text):
        if kind == 'string':
            return re.sub(r'\\(.)', lambda match: ESCAPES.get(match[1], match[1]), text[1:-1])
        if kind == 'number':
            return float(text) if re.search('[.eE]', text) else int(text)
        if kind == 'word':
            return self.word(text)
        if text == '[':
            return self.sequence(']', self.value)
        if text == '{':
            return dict(self.sequence('}', self.pair))
        if text == '(':
            return tuple(self.sequence(')', self.value))
        return self.fail(f'"{text}" is not a value')

    def word(self, text):
        if text in ('true', 'false'):
            return text == 'true'
        if not self.next_is('('):
            return Word(text)
        payload = self.value()
        if not self.next_is(')'):
            self.fail('")" is expected')
        return Word(text, payload, True)


def parse_prefix(text):
    """The literal with which a text begins, and the rest of the text."""
    parser = _Parser(text)
    value = parser.value()
    return value, text[parser.at:]


def check(value, type_):
    """Whether a literal is a value of this type; raises Problem."""
    if not _fits(value, type_):
        raise Problem(f'default {show(value)} is not a value of type {type_}',
                      'see "Defaults" in docs/idl.md')


def _fits(value, type_):
    if isinstance(type_, types.Basic):
        return _fits_basic(value, type_.code)
    if isinstance(type_, types.Optional):
        return value == NONE or _fits(value, type_.inner)
    if isinstance(type_, types.Array):
        return isinstance(value, list) and all(_fits(item, type_.element) for item in value)
    if isinstance(type_, types.Dict):
        return isinstance(value, dict) and all(
            _fits(key, type_.key) and _fits(item, type_.value) for key, item in value.items())
    if isinstance(type_, types.Tuple):
        return _fits_members(value, type_.members)
    if isinstance(type_, types.Named):
        return _fits_declared(value, type_.declaration)
    return False  # v: which type would it have?


def _fits_basic(value, code):
    if code in types.INTEGERS:
        least, largest = types.INTEGERS[code]
        return type(value) is int and least <= value <= largest
    kind = {'b': bool, 'd': (int, float), 's': str}.get(code)
    return kind is not None and isinstance(value, kind) and (code == 'b' or value is not True
                                                            and value is not False)


def _fits_members(value, members):
    return isinstance(value, tuple) and len(value) == len(members) and all(
        map(_fits, value, members))


def _fits_declared(value, declaration):
    if isinstance(declaration, model.Enum):
        return isinstance(value, Word) and not value.has_payload and value.name in (
            item.name for item in declaration.values)
    if isinstance(declaration, model.Struct):
        return _fits_members(value, [member.type for member in declaration.fields])
    if isinstance(declaration, model.Record):
        return value == {} and not any(member.is_required for member in declaration.fields)
    for case in declaration.cases:
        if isinstance(value, Word) and case.name == value.name:
            return _fits(value.payload, case.type) if case.type else not value.has_payload
    return False


def show(value):
    """As it is written in an interface file."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str):
        escaped = value.replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')
        return '"' + escaped.replace('\t', r'\t') + '"'
    if isinstance(value, list):
        return '[' + ', '.join(map(show, value)) + ']'
    if isinstance(value, tuple):
        return '(' + ', '.join(map(show, value)) + ')'
    if isinstance(value, dict):
        return '{' + ', '.join(f'{show(key)}: {show(item)}' for key, item in value.items()) + '}'
    if isinstance(value, Word):
        return f'{value.name}({show(value.payload)})' if value.has_payload else value.name
    return repr(value)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Type expressions: D-Bus signatures in which a name may stand for a declared type, and `?` for a
value that may be absent.

    x   as   a{sv}   (sx)   Vdi   a(Vdi VdiState)   ?s   a{s ?Vdi}

`Type.signature()` is what travels. A record is a{sv} there, an enum s, a variant (sv), `?T` is aT
with no element or one.
"""
import string
from dataclasses import dataclass

from .problem import Problem

BASIC = {
    'y': 'byte', 'b': 'boolean', 'n': 'int16', 'q': 'uint16', 'i': 'int32', 'u': 'uint32',
    'x': 'int64', 't': 'uint64', 'd': 'double', 's': 'string', 'o': 'object path',
    'g': 'signature', 'h': 'file descriptor',
}
INTEGERS = {  # the least and the largest value
    'y': (0, 2**8 - 1), 'n': (-2**15, 2**15 - 1), 'q': (0, 2**16 - 1), 'i': (-2**31, 2**31 - 1),
    'u': (0, 2**32 - 1), 'x': (-2**63, 2**63 - 1), 't': (0, 2**64 - 1),
}
NAME = frozenset(string.ascii_letters + string.digits)
DEPTH_MAX = 32  # D-Bus Specification, "Valid Signatures": of arrays, and of structures


@dataclass(frozen=True)
class Basic:
    code: str

    def signature(self):
        return self.code

    def __str__(self):
        return self.code


@dataclass(frozen=True)
class Any:
    """A D-Bus variant of which only the two ends know what is in it."""

    def signature(self):
        return 'v'

    def __str__(self):
        return 'v'


@dataclass(frozen=True)
class Array:
    element: object

    def signature(self):
        return 'a' + self.element.signature()

    def __str__(self):
        return f'a{self.element}'


@dataclass(frozen=True)
class Dict:
    key: Basic
    value: object

    def signature(self):
        return f'a{{{self.key.signature()}{self.value.signature()}}}'

    def __str__(self):
        return f'a{{{spaced([self.key, self.value])}}}'


@dataclass(frozen=True)
class Tuple:
    members: tuple

    def signature(self):
        return '(' + ''.join(member.signature() for member in self.members) + ')'

    def __str__(self):
        return f'({spaced(self.members)})'


@dataclass(frozen=True)
class Optional:
    inner: object

    def signature(self):
        return 'a' + self.inner.signature()

    def __str__(self):
        return f'?{self.inner}'


@dataclass
class Named:
    """A declared type. `declaration` is set when the file has been read."""
    name: str
    declaration: object = None

    def signature(self):
        return self.declaration.signature()

    def __eq__(self, other):
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        return self.name


def spaced(members):
    """Side by side; names need a space so that they stay apart."""
    text = ''
    for member in map(str, members):
        apart = text and text[-1] in NAME and member[0] in NAME and (
            member[0].isupper() or any(letter.isupper() for letter in text.split()[-1]))
        text += (' ' if apart else '') + member
    return text


def walk(type_):
    """The type and all that it is made of, without looking into declarations."""
    yield type_
    inner = {Array: ('element',), Optional: ('inner',), Dict: ('key', 'value')}
    for attribute in inner.get(type(type_), ()):
        yield from walk(getattr(type_, attribute))
    if isinstance(type_, Tuple):
        for member in type_.members:
            yield from walk(member)


class _Parser:
    def __init__(self, text):
        self.text, self.at, self.depth = text, 0, 0

    def fail(self, what):
        raise Problem(f'type "{self.text}": {what} at character {self.at + 1}',
                      'see "Types" in docs/idl.md')

    def peek(self):
        while self.at < len(self.text) and self.text[self.at] == ' ':
            self.at += 1
        return self.text[self.at] if self.at < len(self.text) else ''

    def take(self, expected):
        if self.peek() != expected:
            self.fail(f'"{expected}" is expected')
        self.at += 1

    def type(self):
        self.depth += 1
        if self.depth > DEPTH_MAX:
            self.fail(f'more than {DEPTH_MAX} levels')
        result = self.any_type()
        self.depth -= 1
        return result

    def any_type(self):
        letter = self.peek()
        if letter == 'v':
            self.at += 1
            return Any()
        if letter in BASIC and letter:
            self.at += 1
            return Basic(letter)
        if letter == 'a':
            self.at += 1
            return self.dict() if self.peek() == '{' else Array(self.type())
        if letter == '?':
            self.at += 1
            if self.peek() == '?':
                self.fail('an absent value cannot be absent once more')
            return Optional(self.type())
        if letter == '(':
            return self.tuple()
        if letter and letter in string.ascii_uppercase:
            return self.name()
        return self.fail(f'"{letter}" is no type' if letter else 'a type is missing')

    def dict(self):
        self.take('{')
        key = self.type()
        if not isinstance(key, Basic):
            self.fail('the key of a dictionary must be a basic type')
        value = self.type()
        self.take('}')
        return Dict(key, value)

    def tuple(self):
        self.take('(')
        members = []
        while self.peek() != ')':
            members.append(self.type())
        self.take(')')
        if not members:
            self.fail('a structure needs at least one member')
        return Tuple(tuple(members))

    def name(self):
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in NAME:
            self.at += 1
        return Named(self.text[start:self.at])


def parse_prefix(text):
    """The type with which a text begins, and the rest of the text."""
    parser = _Parser(text)
    result = parser.type()
    return result, text[parser.at:]


def parse_type(text):
    result, rest = parse_prefix(text)
    if rest.strip():
        raise Problem(f'type "{text}": "{rest.strip()}" is too much',
                      'an argument has one type; put several into parentheses')
    return result

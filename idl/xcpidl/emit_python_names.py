# SPDX-License-Identifier: LGPL-2.1-or-later
"""What things are called in Python, and how they are written: types, defaults, documentation."""
import keyword
import re
import textwrap

from . import literal, model, types

WIDTH = 100
BASIC = {'y': 'Byte', 'b': 'bool', 'n': 'Int16', 'q': 'UInt16', 'i': 'Int32', 'u': 'UInt32',
         'x': 'Int64', 't': 'UInt64', 'd': 'float', 's': 'str', 'o': 'ObjectPath',
         'g': 'Signature', 'h': 'Fd'}
# What a printed module takes from elsewhere. Types of a file that have such a name get a `_`.
FROM_XCPBUS = ('Byte', 'Fd', 'Int16', 'Int32', 'Int64', 'ObjectPath', 'Signature', 'UInt16', 'UInt32',
               'UInt64', 'Variant')
FROM_TYPING = ('Callable', 'Dict', 'List', 'Optional', 'Tuple', 'TypeAlias', 'Union')
# Attributes of a class may not be called as the types behind them are, or as what Python makes of the class.
ATTRIBUTES = frozenset(keyword.kwlist) | {
    'int', 'str', 'bool', 'float', 'bytes', 'property', 'dataclasses', 'xcpbus'}
# Of xcpbus.Service, Proxy and SyncProxy.
MEMBERS = ATTRIBUTES | {'changed', 'changes', 'unimplemented', 'with_timeout'}
PARAMETERS = frozenset(keyword.kwlist) | {'self'}
ERROR_FIELDS = ATTRIBUTES | {'name', 'message', 'args', 'add_note', 'with_traceback', 'from_values',
                             'to_values'}
WORDS = frozenset(keyword.kwlist) | frozenset(dir(str)) | {'name', 'value', 'mro', 'is_known'}
CASES = frozenset(keyword.kwlist) | {'Any', 'TypeAlias', 'Union', 'xcpbus'}


def apart(name, taken):
    """With a `_` behind it, if Python has a use for the name. The library takes one `_` away, so a name
    that ends with one gets another."""
    return name + '_' if name in taken or name.endswith('_') else name


def class_name(service):
    """`Squeezed1` of org.xen.xcp.squeezed1."""
    last = service.root.name.split('.')[-1]
    return last[0].upper() + last[1:]


class Unique:
    """Names that are given once each."""

    def __init__(self, taken):
        self.taken = set(taken)

    def give(self, name):
        while name in self.taken:
            name += '_'
        self.taken.add(name)
        return name


class Names:
    """Of one module."""

    def __init__(self, service):
        self.service = service
        self.root = class_name(service)
        self.unique = Unique({*FROM_XCPBUS, *FROM_TYPING, *keyword.kwlist, self.root,
                              self.root + 'Service', self.root + 'Sync', 'dataclasses', 'xcpbus',
                              'annotations'})
        self.types = {name: self.unique.give(name) for name in service.types}
        self.errors = {name: self.unique.give(name) for name in service.errors}
        self.aliases = {}

    def hide(self, names):
        """Types that have the name of a class inside of a class go by another as well."""
        self.aliases = {name: self.unique.give(name) for name in self.types.values() if name in names}

    def hint(self, type_, hidden=()):
        """A type as annotations write it; hidden: names that mean something else where it stands."""
        if isinstance(type_, types.Basic):
            return BASIC[type_.code]
        if isinstance(type_, types.Any):
            return 'Variant'
        if isinstance(type_, types.Named):
            name = self.types[type_.name]
            name = self.aliases[name] if name in hidden else name
            return f'{name}.Any' if isinstance(type_.declaration, model.Variant) else name
        if isinstance(type_, types.Array):
            is_bytes = type_.element == types.Basic('y')
            return 'bytes' if is_bytes else f'List[{self.hint(type_.element, hidden)}]'
        if isinstance(type_, types.Dict):
            return f'Dict[{self.hint(type_.key)}, {self.hint(type_.value, hidden)}]'
        if isinstance(type_, types.Optional):
            return f'Optional[{self.hint(type_.inner, hidden)}]'
        return self.tuple([self.hint(member, hidden) for member in type_.members])

    @staticmethod
    def tuple(hints):
        return f'Tuple[{", ".join(hints)}]'

    def result(self, args, hidden=()):
        hints = [self.hint(arg.type, hidden) for arg in args]
        return 'None' if not hints else hints[0] if len(hints) == 1 else self.tuple(hints)

    def value(self, value, type_):
        """A default, as Python writes it."""
        if isinstance(type_, types.Optional):
            return 'None' if value == literal.NONE else self.value(value, type_.inner)
        if isinstance(type_, types.Basic):
            return repr(float(value)) if type_.code == 'd' else repr(value)
        if isinstance(type_, types.Array):
            if type_.element == types.Basic('y'):
                return repr(bytes(value))
            return '[' + ', '.join(self.value(item, type_.element) for item in value) + ']'
        if isinstance(type_, types.Dict):
            return '{' + ', '.join(f'{self.value(key, type_.key)}: {self.value(item, type_.value)}'
                                   for key, item in value.items()) + '}'
        if isinstance(type_, types.Tuple):
            items = [self.value(item, member) for item, member in zip(value, type_.members)]
            return f'({", ".join(items)}{"," if len(items) == 1 else ""})'
        return self.declared_value(value, type_.declaration)

    def declared_value(self, value, declaration):
        name = self.types[declaration.name]
        if isinstance(declaration, model.Record):
            return name + '()'
        if isinstance(declaration, model.Struct):
            items = zip(value, declaration.fields)
            return f'{name}({", ".join(self.value(item, field.type) for item, field in items)})'
        if isinstance(declaration, model.Enum):
            return f'{name}.{word(value.name)}'
        case = next(case for case in declaration.cases if case.name == value.name)
        inside = self.value(value.payload, case.type) if case.type else ''
        return f'{name}.{apart(case.name, CASES)}({inside})'

    def is_shared_safely(self, value, type_):
        """Whether all records may have the same object as a default."""
        if isinstance(type_, types.Optional):
            return value == literal.NONE or self.is_shared_safely(value, type_.inner)
        if isinstance(type_, types.Tuple):
            return all(map(self.is_shared_safely, value, type_.members))
        return isinstance(type_, types.Basic) or isinstance(
            getattr(type_, 'declaration', None), model.Enum)


def word(name):
    """A value of an enum, as a member of a class that is a str."""
    return apart('v' + name if name.startswith('_') else name, WORDS)


# ---- text ----

def indent(text, levels=1):
    return textwrap.indent(text, '    ' * levels)


def escaped(text):
    text = text.replace('\\', '\\\\').replace('"""', '\\"\\"\\"')
    return re.sub(r'"$', '\\"', text)


def wrapped(text, width, hanging=''):
    return '\n'.join(textwrap.wrap(text, width, subsequent_indent=hanging, break_long_words=False,
                                   break_on_hyphens=False))


def docstring(paragraphs, level=0):
    """Of paragraphs that are wrapped already, or one that is not."""
    width = WIDTH - 4 * level
    if isinstance(paragraphs, str):
        paragraphs = [wrapped(escaped(paragraphs), width - 3)]
    text = '"""' + '\n\n'.join(paragraphs)
    is_short = len(paragraphs) == 1 and len(text.split('\n')[-1]) <= width - 3
    return text + ('"""\n' if is_short else '\n"""\n')


def _places(line):
    """Where a line can be broken, behind a comma: (index, how deep, the bracket that is open)."""
    brackets, quote, places = [], '', []
    for index, letter in enumerate(line):
        if quote:
            quote = '' if letter == quote and line[index - 1] != '\\' else quote
        elif letter in '"\'':
            quote = letter
        elif letter in '([{':
            brackets.append(index)
        elif letter in ')]}':
            brackets.pop()
        elif letter == ',' and brackets and line[index + 1:index + 2] == ' ':
            places.append((index + 1, len(brackets), brackets[-1]))
    return places


def _fold(line, width, hanging):
    """hanging: 0, or how far what is in the first bracket is moved to the right, in lines of its own."""
    places = _places(line)
    lines, start, column, behind = [], 0, 0, {}
    if hanging:
        start, column = line.index('(') + 1, hanging
        lines, behind = [line[:start]], {start - 1: hanging}
    while column + len(line) - start > width:
        ahead = [place for place in places if place[0] > start]
        fitting = [place for place in ahead if column + place[0] - start <= width] or ahead[:1]
        if not fitting:
            break
        fewest = min(depth for _, depth, _ in fitting)
        end, _, bracket = [place for place in fitting if place[1] == fewest][-1]
        lines.append(' ' * column + line[start:end])
        behind.update({index: column + index - start + 1 for index in range(start, end)})
        start, column = end + 1, behind[bracket]
    return [*lines, ' ' * column + line[start:]]


def fold(line, level=0):
    """A line of code, in as many as it takes: broken where brackets are fewest, and gone on with behind the
    bracket that is open. If that is too far to the right, what is in the first bracket begins anew."""
    width = WIDTH - 4 * level
    lines = _fold(line, width, 0)
    if '(' in line and any(len(one) > width or one.startswith(' ' * (width * 2 // 3))
                           for one in lines):
        lines = _fold(line, width, 8 if line.endswith(':') else 4)
    return '\n'.join(lines) + '\n'


def spread(before, items, after, level=0):
    """`before(a, b)after`"""
    return fold(f'{before}({", ".join(items)}){after}', level)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether programs that were made from an older version of a file work with the newer one.

What may be added is in docs/idl.md, "Files". Everything else is a Problem: it needs a new version of the
interface, in a file of its own. D-Bus's own tools see methods and signatures; they cannot see what is in
records, enums, variants and errors, nor units and defaults.
"""
import re

from . import literal, model
from .problem import Problem

EMITS_MORE = {('false', 'true'), ('false', 'invalidates'), ('false', 'const')}
ACCESS_MORE = {('read', 'readwrite'), ('write', 'readwrite')}


def next_version(name):
    """org.example.Foo2 of org.example.Foo1."""
    match = re.search(r'[0-9]+$', name)
    return name[:match.start()] + str(int(match[0]) + 1) if match else name + '2'


class _Comparison:
    def __init__(self, old, new):
        self.old, self.new, self.problems = old, new, []
        self.way_out = f'or describe {next_version(old.root.name)} in a file of its own'

    def wrong(self, line, message, remedy):
        self.problems.append(Problem(message, f'{remedy}, {self.way_out}', line, self.new.path))

    def same(self, line, what, old, new):
        """Something that must not change at all."""
        if old != new:
            self.wrong(line, f'{what} was {old or "none"}, is {new or "none"}', 'change it back')

    def each(self, what, old, new, line):
        """Pairs of what has the same name in both lists; what is in the old one only is a problem."""
        found = {item.name: item for item in new}
        for item in old:
            if item.name in found:
                yield item, found[item.name]
            else:
                self.wrong(line, f'{what}{item.name} is gone', 'keep it (Deprecated, if it has to be)')

    def compare(self):
        old, new = self.old, self.new
        self.same(new.root.line, 'the service', f'{old.name} {old.object_path}'.strip(),
                  f'{new.name} {new.object_path}'.strip())
        for one, other in self.each('interface ', old.interfaces, new.interfaces, new.root.line):
            self.interface(one, other)
        for one, other in self.each('type ', old.types.values(), new.types.values(), new.root.line):
            self.type(one, other)
        for one, other in self.each('error ', old.errors.values(), new.errors.values(),
                                    new.root.line):
            self.same(other.line, f'the D-Bus name of error {one.name}', one.full_name,
                      other.full_name)
            self.sequence(f'error {one.name}', one.fields, other.fields, other.line, 'field')
        return sorted(self.problems, key=lambda problem: problem.line)

    # ---- members ----
    def interface(self, old, new):
        name = old.name
        for one, other in self.each(f'method {name}.', old.methods, new.methods, new.line):
            self.method(f'method {name}.{one.name}', one, other)
        for one, other in self.each(f'signal {name}.', old.signals, new.signals, new.line):
            self.sequence(f'signal {name}.{one.name}', one.args, other.args, other.line, 'argument')
        for one, other in self.each(f'property {name}.', old.properties, new.properties, new.line):
            self.property(f'property {name}.{one.name}', one, other)

    def method(self, where, old, new):
        self.sequence(where, old.inputs, new.inputs, new.line, 'argument')
        self.sequence(where, old.outputs, new.outputs, new.line, 'result')
        self.same(new.line, f'whether {where} has a reply', str(not old.has_no_reply),
                  str(not new.has_no_reply))
        if old.is_idempotent and not new.is_idempotent:
            self.wrong(new.line, f'{where} was idempotent, and callers may call it again',
                       'let it stay so')

    def property(self, where, old, new):
        self.same(new.line, f'the type of {where}', str(old.type), str(new.type))
        self.same(new.line, f'the unit of {where}', old.unit, new.unit)
        if (old.access, new.access) not in ACCESS_MORE:
            self.same(new.line, f'the access of {where}', old.access, new.access)
        if (old.emits, new.emits) not in EMITS_MORE:
            self.same(new.line, f'what {where} emits', old.emits, new.emits)

    def sequence(self, where, old, new, line, what):
        """Values in an order: no more, no less, none of another name, type or unit."""
        for one, other in zip(old, new):
            if one.name != other.name:
                self.wrong(other.line, f'{what} {one.name} of {where} is called {other.name}',
                           'leave name and order as they were')
                return
            self.same(other.line, f'the type of {what} {one.name} of {where}', str(one.type),
                      str(other.type))
            self.same(other.line, f'the unit of {what} {one.name} of {where}',
                      getattr(one, 'unit', ''), getattr(other, 'unit', ''))
        for item in old[len(new):]:
            self.wrong(line, f'{where} has no {what} {item.name} any more', 'keep it')
        for item in new[len(old):]:
            self.wrong(item.line, f'{where} has a new {what} {item.name}', 'remove it')

    # ---- types ----
    def type(self, old, new):
        where = f'{type(old).__name__.lower()} {old.name}'
        if type(old) is not type(new):
            self.wrong(new.line, f'{where} is a {type(new).__name__.lower()} now', 'change it back')
        elif isinstance(old, model.Record):
            self.record(where, old, new)
        elif isinstance(old, model.Struct):
            self.sequence(where, old.fields, new.fields, new.line, 'field')
        elif isinstance(old, model.Enum):
            list(self.each(f'value {old.name}.', old.values, new.values, new.line))
        else:
            for one, other in self.each(f'case {old.name}.', old.cases, new.cases, new.line):
                self.same(other.line, f'what case {old.name}.{one.name} carries',
                          str(one.type or ''), str(other.type or ''))

    def record(self, where, old, new):
        known = {field.name for field in old.fields}
        for one, other in self.each(f'field {old.name}.', old.fields, new.fields, new.line):
            self.same(other.line, f'the type of field {old.name}.{one.name}', str(one.type),
                      str(other.type))
            self.same(other.line, f'the default of field {old.name}.{one.name}',
                      _default(one), _default(other))
        for field in new.fields:
            if field.name not in known and field.is_required:
                self.wrong(field.line, f'{where} has a new field {field.name} that is required, and '
                           'old programs do not send it', 'give it a default, or make it optional (?)')


def _default(field):
    if field.has_default and field.default != literal.NONE:
        return literal.show(field.default)
    return 'none, and it is required' if field.is_required else 'none'


def compare(old, new):
    """The problems that programs made from `old` would have with `new`."""
    return _Comparison(old, new).compare()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Declared types and errors as Python classes."""
import textwrap

from . import model, types
from .emit_python_names import (ATTRIBUTES, CASES, ERROR_FIELDS, WIDTH, apart, docstring, fold,
                                indent, spread, word)


def _field(names, field, taken):
    name, hint = apart(field.name, taken), names.hint(field.type)
    return fold(f'{name}: {hint}' + _default(names, field), 1) + docstring(field.doc, 1)


def _default(names, field):
    """Behind the type. What is secret is not in what people see of a record."""
    value, options = '', []
    if field.has_default:
        value = names.value(field.default, field.type)
        if not names.is_shared_safely(field.default, field.type):
            value, options = '', [f'default_factory={_factory(value)}']
    elif isinstance(field.type, types.Optional):
        value = 'None'
    if field.is_secret:
        options = [*options, *([f'default={value}'] if value else []), 'repr=False']
    if options:
        value = f'dataclasses.field({", ".join(options)})'
    return f' = {value}' if value else ''


def _factory(value):
    plain = {'[]': 'list', '{}': 'dict', "b''": 'bytes'}
    return plain.get(value, f'lambda: {value}')


def _class(head, doc, body):
    parts = [docstring(doc, 1), *body]
    return f'class {head}:\n' + indent('\n'.join(parts))


def record(names, declaration):
    # A field that has no default may stand behind one that has.
    fields = ''.join(_field(names, field, ATTRIBUTES) for field in declaration.fields)
    return '@dataclasses.dataclass(kw_only=True)\n' + _class(
        f'{names.types[declaration.name]}(xcpbus.Record)', declaration.doc, [fields] if fields else [])


def struct(names, declaration):
    fields = ''.join(_field(names, field, ATTRIBUTES) for field in declaration.fields)
    return '@dataclasses.dataclass(frozen=True)\n' + _class(
        f'{names.types[declaration.name]}(xcpbus.Struct)', declaration.doc, [fields])


def enum(names, declaration):
    values = ''.join(f'{word(value.name)} = {value.name!r}\n' + docstring(value.doc, 1)
                     for value in declaration.values)
    return _class(f'{names.types[declaration.name]}(xcpbus.Word)', declaration.doc, [values])


def variant(names, declaration):
    cases = []
    for case in declaration.cases:
        value = [f'value: {names.hint(case.type)}\n'] if case.type else []
        cases.append('@dataclasses.dataclass(frozen=True)\n' + _class(
            f'{apart(case.name, CASES)}(xcpbus.Case)', case.doc, value))
    every = [apart(case.name, CASES) for case in declaration.cases] + ['xcpbus.Unknown']
    alias = fold(f'Any: TypeAlias = Union[{", ".join(every)}]', 1)
    return _class(names.types[declaration.name], declaration.doc, [*cases, alias])


def error(names, declaration):
    name = names.errors[declaration.name]
    base = 'xcpbus.DeclaredError' if declaration.fields else 'xcpbus.Error'
    head = spread(f'class {name}', [base, f'name={declaration.full_name!r}'], ':')
    fields = ''.join(_field(names, field, ERROR_FIELDS) for field in declaration.fields)
    # What people read if whoever raises it says nothing.
    message = _text('message: str = ', declaration.doc)
    decorator = '@dataclasses.dataclass(eq=False)\n' if fields else ''
    return decorator + head + indent(docstring(declaration.doc, 1) + '\n' + fields + message)


def _text(before, text):
    """A string in as many lines as it takes."""
    line = before + repr(text)
    if len(line) <= WIDTH - 4:
        return line + '\n'
    parts = textwrap.wrap(text, WIDTH - 16, drop_whitespace=False, break_long_words=False)
    lines = '\n'.join(f'    {part!r}' for part in parts)
    return f'{before}(\n{lines})\n'


PRINTERS = {model.Enum: enum, model.Struct: struct, model.Record: record, model.Variant: variant}


def all_types(names):
    """Enums first: defaults of other types are made of their values."""
    declarations = sorted(names.service.types.values(),
                          key=lambda declaration: not isinstance(declaration, model.Enum))
    return [PRINTERS[type(declaration)](names, declaration) for declaration in declarations]


def all_errors(names):
    return [error(names, declaration) for declaration in names.service.errors.values()]

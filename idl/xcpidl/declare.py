# SPDX-License-Identifier: LGPL-2.1-or-later
"""Declarations of types and errors, which are annotations of an interface:

    org.xen.xcp.Record.Vdi           "One disk image."
    org.xen.xcp.Field.Vdi.uuid       "?s - Its UUID, where the plugin keeps one."
    org.xen.xcp.Field.Vdi.type       "s = \"user\" - What it is for."

In the same way: Struct and Field, Error and Field, Enum and Value, Variant and Case. And about a
field of a record or a structure:

    org.xen.xcp.Secret.Vdi.key       "true"
"""
from . import literal, model, types
from .problem import Problem

OURS = 'org.xen.xcp.'
TYPES = {'Record': model.Record, 'Struct': model.Struct, 'Enum': model.Enum,
         'Variant': model.Variant}
PARTS = {'Field': (model.Record, model.Struct, model.Error), 'Value': (model.Enum,),
         'Case': (model.Variant,), 'Secret': (model.Record, model.Struct)}


def split(name):
    """('Field', 'Vdi', 'uuid') of org.xen.xcp.Field.Vdi.uuid."""
    return name[len(OURS):].split('.')


def is_declaration(name):
    kind = split(name)[0] if name.startswith(OURS) else ''
    return kind in TYPES or kind in PARTS or kind == 'Error'


def add(file, interface, node):
    """file: parse._File. Takes one annotation in."""
    name, value = node.attributes['name'], node.attributes['value'].strip()
    kind, *rest = split(name)
    if len(rest) != (2 if kind in PARTS else 1):
        form = f'{OURS}{kind}.TYPE' + ('.NAME' if kind in PARTS else '')
        raise Problem(f'annotation "{name}"', f'its form is {form}')
    if kind in PARTS:
        _add_part(file, kind, *rest, value, node.line)
        return
    known = file.service.errors if kind == 'Error' else file.service.types
    if rest[0] in known:
        raise Problem(f'{rest[0]} is declared twice',
                      f'the first is in line {known[rest[0]].line}')
    known[rest[0]] = {**TYPES, 'Error': model.Error}[kind](rest[0], value, node.line,
                                                          interface.name)


def _add_part(file, kind, owner_name, name, value, line):
    owner = file.service.types.get(owner_name)
    if kind == 'Field' and not isinstance(owner, PARTS[kind]):
        owner = file.service.errors.get(owner_name)
    if not isinstance(owner, PARTS[kind]):
        kinds = ' or '.join(cls.__name__ for cls in PARTS[kind])
        raise Problem(f'{owner_name} is not declared above',
                      f'put {OURS}{kinds}.{owner_name} before this')
    if kind == 'Secret':
        _set_secret(owner, name, value)
        return
    parts = {'Field': 'fields', 'Value': 'values', 'Case': 'cases'}
    into = getattr(owner, parts[kind])
    if any(part.name == name for part in into):
        raise Problem(f'{owner_name} has two of "{name}"', 'give one of them another name')
    into.append({'Field': _field, 'Value': _value, 'Case': _case}[kind](file, name, value, line))


def _set_secret(owner, name, value):
    field = next((field for field in owner.fields if field.name == name), None)
    if not field:
        raise Problem(f'{owner.name}.{name} is not declared above',
                      f'put {OURS}Field.{owner.name}.{name} before this')
    if field.is_secret is not None or value not in ('true', 'false'):
        raise Problem(f'{OURS}Secret of {owner.name}.{name} is "{value}"',
                      'say "true" or "false", once')
    field.is_secret = value == 'true'


def _value(_, name, value, line):
    return model.Value(name, value, line)


def _case(file, name, value, line):
    if value.startswith('- '):
        return model.Case(name, None, value[2:].strip(), line)
    found, rest = types.parse_prefix(value)
    file.note(found, line)
    return model.Case(name, found, _doc(rest, value), line)


def _field(file, name, value, line):
    found, rest = types.parse_prefix(value)
    file.note(found, line)
    default, has_default = None, False
    if rest.lstrip().startswith('='):
        default, rest = literal.parse_prefix(rest.lstrip()[1:])
        has_default = True
    return model.Field(name, found, _doc(rest, value), line, default, has_default)


def _doc(rest, value):
    if not rest.lstrip().startswith('- '):
        raise Problem(f'"{value[:60]}"', 'its form is "TYPE = DEFAULT - What it is.", '
                      'where "= DEFAULT" may be missing')
    return rest.lstrip()[2:].strip()

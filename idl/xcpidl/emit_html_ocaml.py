# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example call in OCaml, as emit_ocaml prints it."""
import base64

from . import model, types, values
from .emit_ocaml import base_name
from .emit_ocaml_calls import member_name
from .emit_ocaml_text import arguments, constructor, module, text, variable

COLUMNS = 88
ANYWHERE = '''
module Service = Direct.Client (struct
  let bus = Xcpbus.default
  let destination = "org.example.Service1"
  let path = "/org/example/Service1"
end)

'''


def value(given, type_):
    """An expression that can be an argument."""
    if isinstance(type_, types.Basic):
        return _basic(given, type_.code)
    if isinstance(type_, types.Any):
        return f'(Xcpbus.Value.String {text(given["value"])})'
    if isinstance(type_, types.Optional):
        return 'None'
    if isinstance(type_, types.Array):
        if type_.element == types.Basic('y'):
            return text(base64.b64decode(given).decode())
        return _list(value(item, type_.element) for item in given)
    if isinstance(type_, types.Dict):
        return _list(f'({value(values.key_of(key, type_.key), type_.key)}, '
                     f'{value(item, type_.value)})' for key, item in given.items())
    if isinstance(type_, types.Tuple):
        items = [value(item, member) for item, member in zip(given, type_.members)]
        return f'({", ".join(items)})' if len(items) > 1 else items[0]
    return _declared(given, type_.declaration)


def _list(items):
    joined = '; '.join(items)
    return f'[ {joined} ]' if joined else '[]'


def _basic(given, code):
    if code in 'sog':
        return text(given)
    if code == 'b':
        return 'true' if given else 'false'
    return f'{given}{"L" if code in "xt" else ""}'


def _declared(given, declared):
    name = f'Types.{module(declared.name)}'
    if isinstance(declared, model.Record):
        if not declared.fields:
            return '()'
        items = [f'~{variable(field.name)}:{value(given[field.name], field.type)}'
                 for field in declared.fields if field.name in given]
        return f'({" ".join([f"{name}.make", *items])} ())'
    if isinstance(declared, model.Struct):
        items = [f'{variable(field.name)} = {value(given[field.name], field.type)}'
                 for field in declared.fields]
        return f'{{ {name}.{"; ".join(items)} }}'
    if isinstance(declared, model.Enum):
        return f'{name}.{constructor(given)}'
    (case_name, payload), = given.items() if isinstance(given, dict) else ((given, None),)
    case = next(case for case in declared.cases if case.name == case_name)
    inside = f' {value(payload, case.type)}' if case.type else ''
    return f'({name}.{constructor(case_name)}{inside})' if inside else f'{name}.{constructor(case_name)}'


def _wrapped(head, call, given):
    """Arguments stay whole if they are short; else they are broken at their own blanks."""
    line = ' '.join([call, *given])
    if len(head + line) < COLUMNS:
        return f'{head} {line}'
    if len(line) <= COLUMNS - 2:
        return f'{head}\n  {line}'
    lines = [head, '  ' + call]
    for argument in given:
        words = argument.split(' ~') if len(argument) > COLUMNS - 4 else [argument]
        lines.append('    ' + words[0])
        for index, word in enumerate(words[1:]):
            if len(lines[-1]) + len(word) + 2 > COLUMNS:
                lines.append(' ' * 7 + '~' + word)
            else:
                lines[-1] += ' ~' + word
    return '\n'.join(lines)


def example(service, interface, method):
    short = service.short_name(interface)
    client = 'Client' if service.name else 'Service'
    path = '.'.join([client, *map(module, short.split('.') if short else [])])
    given = [value(values.example(arg.type, arg.name), arg.type) for arg in method.inputs] or ['()']
    results = ', '.join(arguments(method.outputs)) or '()'
    call = f'{path}.{member_name(interface, method.name, service)}'
    return (f'open {base_name(service).capitalize()}\n{"" if service.name else ANYWHERE}'
            + _wrapped(f'let {results} =', call, given))

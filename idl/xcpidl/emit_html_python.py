# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example call in Python, as emit_python prints it."""
import base64

from . import model, types, values
from .emit_python import interfaces
from .emit_python_names import ATTRIBUTES, CASES, Names, apart, fold, indent, word

LONG = 40  # characters of an argument


class _Example:
    def __init__(self, service):
        self.service, self.names = service, Names(service)
        self.module = self.names.root.lower()

    def value(self, value, type_):
        if isinstance(type_, types.Basic):
            return repr(value)
        if isinstance(type_, types.Any):
            return f'xcpbus.Variant({value["type"]!r}, {value["value"]!r})'
        if isinstance(type_, types.Optional):
            return 'None'
        if isinstance(type_, types.Array):
            if type_.element == types.Basic('y'):
                return repr(base64.b64decode(value))
            return '[' + ', '.join(self.value(item, type_.element) for item in value) + ']'
        if isinstance(type_, types.Dict):
            return '{' + ', '.join(f'{values.key_of(key, type_.key)!r}: {self.value(item, type_.value)}'
                                   for key, item in value.items()) + '}'
        if isinstance(type_, types.Tuple):
            items = [self.value(item, member) for item, member in zip(value, type_.members)]
            return f'({", ".join(items)}{"," if len(items) == 1 else ""})'
        return self.declared(value, type_.declaration)

    def declared(self, value, declared):
        name = f'{self.module}.{self.names.types[declared.name]}'
        if isinstance(declared, model.Struct):
            items = [self.value(value[field.name], field.type) for field in declared.fields]
            return f'{name}({", ".join(items)})'
        if isinstance(declared, model.Record):
            items = [f'{apart(field.name, ATTRIBUTES)}={self.value(value[field.name], field.type)}'
                     for field in declared.fields if field.name in value]
            return f'{name}({", ".join(items)})'
        if isinstance(declared, model.Enum):
            return f'{name}.{word(value)}'
        (case_name, payload), = value.items() if isinstance(value, dict) else ((value, None),)
        case = next(case for case in declared.cases if case.name == case_name)
        inside = self.value(payload, case.type) if case.type else ''
        return f'{name}.{apart(case_name, CASES)}({inside})'

    def render(self, interface, method):
        where = '' if self.service.name else ", 'org.example.Service1', '/org/example/Service1'"
        target, attribute = found(interfaces(self.names), interface, method)
        lines = [f'service = {self.module}.{self.names.root}(bus{where})']
        given = []
        for arg in method.inputs:
            text = self.value(values.example(arg.type, arg.name), arg.type)
            if len(text) > LONG and isinstance(arg.type, types.Named):  # in a line of its own
                lines.append(f'{variable(arg, self.module)} = {text}')
                text = variable(arg, self.module)
            given.append(text)
        results = ', '.join(variable(arg, self.module) for arg in method.outputs)
        lines.append(f'{results + " = " if results else ""}{"" if method.has_no_reply else "await "}'
                     f'service{target}.{attribute}({", ".join(given)})')
        return 'async with await xcpbus.connect() as bus:\n' + ''.join(
            indent(fold(line, 1)) for line in lines).rstrip('\n')


def variable(arg, module):
    return apart(arg.name, {'bus', 'service', 'xcpbus', module, *ATTRIBUTES})


def found(printed, interface, method, target=''):
    """(`.vm`, `start`): through which attributes one gets to a method."""
    if printed.interface is interface:
        return target, printed.attributes[id(method)]
    for name, part in printed.parts:
        result = found(part, interface, method, f'{target}.{name}')
        if result:
            return result
    return None


def example(service, interface, method):
    return _Example(service).render(interface, method)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""An example call in C, as emit_c prints it (`bus` and `error` are there), and what there is for
signals and properties."""
import re

from . import emit_c_names, model, types, values
from .emit_c_calls import InterfacePrinter
from .emit_c_names import Names, is_boxed, is_kind, parameter, snake, tag, word
from .emit_c_text import text

COLUMNS = 88


class _Example:
    def __init__(self, service, method):
        self.service, self.method, self.names = service, method, Names(service)
        self.taken = {'bus', 'error', 'target'} | {parameter(arg.name) for arg in method.outputs}
        self.locals, self.before, self.after = [], [], []

    def local(self, name):
        """A name that no other variable has."""
        while name in self.taken:
            name += '_in'
        self.taken.add(name)
        return name

    # ---- values: an expression, or what stands in braces ----
    def expression(self, value, type_, name):
        inner = self.inner(value, type_, name)
        if not inner.startswith('{'):
            return inner
        return f'({self.names.ctype(type_)}){inner}'

    def inner(self, value, type_, name):
        if isinstance(type_, types.Basic):
            return _basic(value, type_.code)
        if isinstance(type_, types.Any):
            return self.any(value, name)
        if isinstance(type_, types.Optional):
            return 'NULL'
        if isinstance(type_, types.Array):
            if type_.element == types.Basic('y'):
                return self.list(['0x62', '0x79', '0x74', '0x65'], 'uint8_t')
            return self.list([self.inner(item, type_.element, name) for item in value],
                             self.names.ctype(type_.element))
        if isinstance(type_, types.Dict):
            return self.list([
                f'{{ {self.inner(values.key_of(key, type_.key), type_.key, name)}, '
                f'{self.inner(item, type_.value, name)} }}' for key, item in value.items()],
                self.names.ctype(type_) + '_entry')
        if isinstance(type_, types.Tuple):
            return _braces(self.inner(item, member, name)
                           for item, member in zip(value, type_.members))
        return self.declared(value, type_, name)

    def list(self, items, ctype):
        if not items:
            return '{ 0 }'
        const = emit_c_names.constant(ctype)
        return f'{{ ({const}[]){{ {", ".join(items)} }}, {len(items)} }}'

    def any(self, value, name):
        """Something that has to be given back."""
        own = self.local(parameter(name))
        self.locals.append(f'DBusMessage *{own} = xcpbus_any_new("{value["type"]}", '
                           f'{text(value["value"])});')
        self.after.append(f'dbus_message_unref({own});')
        return own

    def declared(self, value, type_, name):
        declared, ctype = type_.declaration, self.names.of(tag(type_))
        if isinstance(declared, model.Record):
            return self.record(value, declared, ctype, name)
        if isinstance(declared, model.Struct):
            return _braces(self.inner(value[field.name], field.type, field.name)
                           for field in declared.fields)
        if isinstance(declared, model.Enum):
            return f'{{ .value = {ctype.upper()}_{snake(value).upper()} }}'
        (word_, payload), = value.items() if isinstance(value, dict) else ((value, None),)
        case = next(case for case in declared.cases if case.name == word_)
        result = f'.kind = {ctype.upper()}_{snake(word_).upper()}'
        if case.type:
            given = self.expression(payload, case.type, name)
            given = '&' + given if is_boxed(case.type) else self.inner(payload, case.type, name)
            result += f', .{word(snake(case.name))} = {given}'
        return f'{{ {result} }}'

    def record(self, value, declared, ctype, name):
        """A variable, in which all has its default at first."""
        own = self.local(parameter(name))
        self.locals.append(f'struct {ctype} {own};')
        statements = [f'{ctype}_init(&{own});']
        for field in declared.fields:
            if field.name in value:
                given = self.expression(value[field.name], field.type, field.name)
                statements.append(f'{own}.{word(field.name)} = {given};')
        self.before += statements
        return own

    # ---- the call ----
    def argument(self, arg):
        given = self.expression(values.example(arg.type, arg.name), arg.type, arg.name)
        return '&' + given if emit_c_names.goes_by_pointer(arg.type) else given

    def result(self, arg):
        own, declared = parameter(arg.name), self.names.output(arg.type, parameter(arg.name))
        declared = declared.replace('*', '', 1) if '**' in declared else declared.replace(' *', ' ', 1)
        is_struct = declared.startswith('struct') and '*' not in declared
        self.locals.append(f'{declared} = {"{ 0 }" if is_struct else "NULL" if "*" in declared else "0"};'
                           .replace('bool ' + own + ' = 0', 'bool ' + own + ' = false'))
        if declared.startswith('char *'):
            self.after.append(f'free({own});')
        elif isinstance(arg.type, types.Any):
            self.after += [f'if ({own})', f'\tdbus_message_unref({own});']
        elif is_struct:
            self.after.append(f'{self.names.of(tag(arg.type))}_free(&{own});')
        return '&' + own

    def render(self, interface):
        arguments = ['bus', self.target(), *map(self.argument, self.method.inputs),
                     *map(self.result, self.method.outputs), '&error']
        function = self.names.of(self.names.interface(interface)) + snake(self.method.name)
        call = _wrapped(f'if ({function}(', arguments, ') < 0)')
        lines = [*self.locals, '' if self.locals else None, *self.before, call,
                 '\tfprintf(stderr, "%s: %s\\n", error.name, error.message);', *self.after]
        return '\n'.join(line for line in lines if line is not None)

    def target(self):
        if self.service.name:
            return 'NULL'
        self.locals.append('const struct xcpbus_target target = {\n\t.destination = "org.example.Service1",'
                           '\n\t.path = "/org/example/Service1",\n};')
        return '&target'


def _braces(items):
    return f'{{ {", ".join(items)} }}'


def _basic(value, code):
    if code == 'b':
        return 'true' if value else 'false'
    return text(value) if code in 'sog' else repr(value)


def _wrapped(head, arguments, end):
    lines = [head]
    for index, argument in enumerate(arguments):
        argument += end if index == len(arguments) - 1 else ','
        room = COLUMNS - (8 if len(lines) > 1 else 0)
        if len(lines[-1]) + len(argument) + 1 > room and not lines[-1].endswith('('):
            lines.append('\t\t' + argument)
        else:
            lines[-1] += ('' if lines[-1].endswith('(') else ' ') + argument
    return '\n'.join(lines)


def example(service, interface, method):
    return _Example(service, method).render(interface)


def functions(service, interface, member):
    """Of a signal or a property: what the header has, without what is said beside it anyway."""
    printer = InterfacePrinter(Names(service), None, interface)
    header = (printer.property_header if isinstance(member, model.Property) else
              printer.signal_header)(member)
    return re.sub(r'/\*.*?\*/\n', '', header, flags=re.DOTALL).strip()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""C: interfaces. For each member what its caller needs and what a service needs: declarations for
the header, tables and functions for the source."""
from .emit_c_names import goes_by_pointer, parameter, snake, tag, word
from .emit_c_text import (COLUMNS, Braces, call, comment, declaration, definition, initialised, text,
                          width, words)
from .introspected import annotations_of, annotations_of_interface

BUS = 'struct xcpbus *bus'
TARGET = 'const struct xcpbus_target *target'
ERROR = 'struct xcpbus_error *error'
CONST_ERROR = 'const struct xcpbus_error *error'
CALL = 'struct xcpbus_invocation *call'
SLOT = ['void *data', 'struct xcpbus_slot **slot']
RUN = [CALL, 'const void *in', 'const void *handlers', 'void *data']
FROM = 'const struct xcpbus_source *from'
TELL = [BUS, FROM, 'const void *values', CONST_ERROR, 'void (*fn)(void)', 'void *data']
PATH = 'const char *path'
EMITS = {'true': 'XCPBUS_EMITS_CHANGE', 'invalidates': 'XCPBUS_EMITS_INVALIDATION',
         'const': 'XCPBUS_CONSTANT', 'false': ''}


def shown(items):
    """A table, without what is zero."""
    return Braces([f'.{name} = {value}' for name, value in items if value])


def annotation_row(name, value):
    row = f'\t{{ {text(name)}, {text(value)} }},\n'
    return row if width(row) <= COLUMNS + 1 else row.replace(', ', ',\n\t  ', 1)


def annotation_table(own, found):
    rows = ''.join(annotation_row(*one) for one in found)
    return found and (f'static const struct xcpbus_annotation {own}_annotations[] = {{\n{rows}'
                      '\t{ .name = NULL },\n};\n') or ''


def flags(*names):
    return ' | '.join(filter(None, names))


class InterfacePrinter:
    def __init__(self, names, types, interface):
        self.names, self.types, self.interface = names, types, interface
        self.static = names.interface(interface)  # what begins the names of statics
        self.prefix = names.of(self.static)  # and of what others see
        self.home = (self.static or 'root_') + 'home'

    # ---- arguments ----

    def struct(self, owner, name, args):
        """The arguments as a structure."""
        if not args:
            return ''
        self.take(owner, 'struct ' + name)
        lines = ''.join(f'\t{self.names.field(arg.type, word(arg.name) + ";")}\n' for arg in args)
        return f'struct {name} {{\n{lines}}};\n\n'

    def struct_table(self, own, name, args):
        if not args:
            return ''
        ctype = f'struct {name}'
        rows = [self.types.row(text(arg.name), arg.type, ctype, word(arg.name)) for arg in args]
        items = Braces(['.kind = XCPBUS_KIND_STRUCT',
                        words('\t.name = ', [arg.name for arg in args], '\t\t')[1:],
                        f'.signature = "{"".join(arg.type.signature() for arg in args)}"',
                        f'.size = sizeof({ctype})', f'.fields = {own}_fields'])
        return (self.types.field_table(own, rows)
                + initialised(f'static const struct xcpbus_type {own}_type', items))

    def filled(self, name, variable, args):
        """A local with the parameters of a function."""
        if not args:
            return ''
        items = []
        for arg in args:
            star = '*' if goes_by_pointer(arg.type) else ''
            items.append(f'.{word(arg.name)} = {star}{parameter(arg.name)}')
        head = f'\tconst struct {name} {variable} = '
        braces = Braces(items)
        line = head + braces.flat() + ';'
        return (line if len(line) + 7 <= 100 and len(items) < 2 else
                head + braces.broken('\t') + ';') + '\n'

    def inputs(self, args):
        return [self.names.input(arg.type, parameter(arg.name)) for arg in args]

    def take(self, member, *names):
        for name in names:
            self.names.take(name, member.line)

    # ---- methods ----

    def method_header(self, method):
        own = self.prefix + snake(method.name)
        result = self.struct(method, own + '_in', method.inputs)
        result += self.struct(method, own + '_out', method.outputs)
        self.take(method, own, own + '_begin', own + '_reply', own + '_fn')
        result += comment(method_doc(method))
        result += declaration('int', own, self.call_parameters(method))
        if not method.has_no_reply:
            result += self.function_type(own + '_fn', self.told(method.outputs, own + '_out', True))
            result += declaration('int', own + '_begin', self.async_parameters(method, own))
            result += declaration('int', own + '_reply', self.reply_parameters(method))
        return result

    def function_type(self, name, parameters):
        return declaration('typedef void', f'(*{name})', parameters)

    def told(self, args, struct, has_error):
        """What a callback gets."""
        values = [f'const struct {struct} *{"out" if has_error else "args"}'] if args else []
        return [BUS, *([] if has_error else [FROM]), *values,
                *([CONST_ERROR] if has_error else []), 'void *data']

    def call_parameters(self, method):
        outputs = [self.names.output(arg.type, parameter(arg.name)) for arg in method.outputs]
        return [BUS, TARGET, *self.inputs(method.inputs), *outputs, ERROR]

    def async_parameters(self, method, own):
        return [BUS, TARGET, *self.inputs(method.inputs), own + '_fn fn', *SLOT]

    def reply_parameters(self, method):
        return [CALL, *self.inputs(method.outputs)]

    def method_table(self, method):
        name, static = snake(method.name), self.static + snake(method.name)
        own = self.prefix + name
        flag = flags('XCPBUS_DEPRECATED' if method.is_deprecated else '',
                     'XCPBUS_NO_REPLY' if method.has_no_reply else '')
        items = [('member', text(method.name)), ('home', '&' + self.home),
                 ('in', f'&{static}_in_type' if method.inputs else ''),
                 ('out', f'&{static}_out_type' if method.outputs else ''),
                 ('timeout_ms', round(method.timeout_s * 1000)), ('flags', flag),
                 ('handler', f'offsetof(struct {self.prefix}handlers, {word(name)})'),
                 ('run', f'run_{static}'),
                 ('tell', '' if method.has_no_reply else f'tell_{static}'),
                 ('annotations', annotations_of(method) and f'{static}_method_annotations')]
        return (self.struct_table(static + '_in', own + '_in', method.inputs)
                + self.struct_table(static + '_out', own + '_out', method.outputs)
                + annotation_table(f'{static}_method', annotations_of(method))
                + initialised(f'static const struct xcpbus_typed_method {static}_method',
                              shown(items)))

    def method_thunks(self, method):
        name, static = snake(method.name), self.static + snake(method.name)
        given = 'call, in, data' if method.inputs else 'call, data'
        unused = '' if method.inputs else '\t(void)in;\n'
        run = (f'\tconst struct {self.prefix}handlers *own = handlers;\n\n{unused}'
               f'\treturn own->{word(name)}({given});\n')
        result = definition('int', f'run_{static}', RUN, run, True)
        if method.has_no_reply:
            return result
        return result + '\n' + self.tell(static, self.prefix + name + '_fn', method.outputs, True)

    def tell(self, static, fn, args, has_error):
        given = ', '.join(filter(None, ['bus', '' if has_error else 'from', 'values' if args else '',
                                        'error' if has_error else '', 'data']))
        unused = (('\t(void)from;\n' if has_error else '') + ('' if args else '\t(void)values;\n')
                  + ('' if has_error else '\t(void)error;\n'))
        return definition('void', f'tell_{static}', TELL, f'{unused}\t(({fn})fn)({given});\n', True)

    def method_functions(self, method):
        name, static = snake(method.name), self.static + snake(method.name)
        own = self.prefix + name
        filled = self.filled(own + '_in', 'in', method.inputs)
        results = ', '.join(parameter(arg.name) for arg in method.outputs)
        local = f'\tvoid *const results[] = {{ {results} }};\n' if results else ''
        local = local if len(local) < 90 else self.broken_results(method)
        values = f'&{static}_method, {"&in" if method.inputs else "NULL"}'
        result = definition('int', own, self.call_parameters(method), lines(
            filled + local, f'return xcpbus_call_typed(bus, target, {values}, '
            f'{"results" if results else "NULL"}, error);'))
        if method.has_no_reply:
            return result
        result += '\n' + definition('int', own + '_begin', self.async_parameters(method, own), lines(
            filled, f'return xcpbus_call_typed_async(bus, target, {values}, '
            '(void (*)(void))fn, data, slot);'))
        filled = self.filled(own + '_out', 'out', method.outputs)
        return result + '\n' + definition('int', own + '_reply', self.reply_parameters(method), lines(
            filled, f'return xcpbus_reply_typed(call, &{static}_method, '
            f'{"&out" if filled else "NULL"});'))

    def broken_results(self, method):
        items = Braces([parameter(arg.name) for arg in method.outputs])
        return ('\t/* clang-format off */\n\tvoid *const results[] = ' + items.broken('\t')
                + ';\n\t/* clang-format on */\n')

    def handler(self, method):
        name = word(snake(method.name))
        given = [CALL, *([f'const struct {self.prefix}{snake(method.name)}_in *in']
                         if method.inputs else []), 'void *data']
        return declaration_in('int', name, given)

    # ---- signals ----

    def signal_header(self, signal):
        own = self.prefix + snake(signal.name)
        self.take(signal, own + '_subscribe', own + '_emit', own + '_fn')
        result = self.struct(signal, own + '_args', signal.args)
        result += comment(member_doc(signal, signal.args))
        result += self.function_type(own + '_fn', self.told(signal.args, own + '_args', False))
        result += declaration('int', own + '_subscribe', self.subscribe_parameters(own))
        return result + declaration('int', own + '_emit', self.emit_parameters(signal))

    def subscribe_parameters(self, own):
        return [BUS, TARGET, own + '_fn fn', *SLOT, ERROR]

    def emit_parameters(self, signal):
        return [BUS, PATH, *self.inputs(signal.args)]

    def signal_table(self, signal):
        static = self.static + snake(signal.name)
        own = self.prefix + snake(signal.name)
        items = [('member', text(signal.name)), ('home', '&' + self.home),
                 ('args', f'&{static}_args_type' if signal.args else ''),
                 ('flags', 'XCPBUS_DEPRECATED' if signal.is_deprecated else ''),
                 ('tell', f'tell_{static}'),
                 ('annotations', annotations_of(signal) and f'{static}_signal_annotations')]
        return (self.struct_table(static + '_args', own + '_args', signal.args)
                + annotation_table(f'{static}_signal', annotations_of(signal))
                + initialised(f'static const struct xcpbus_typed_signal {static}_signal',
                              shown(items)))

    def signal_thunks(self, signal):
        own = self.prefix + snake(signal.name)
        return self.tell(self.static + snake(signal.name), own + '_fn', signal.args, False)

    def signal_functions(self, signal):
        static = self.static + snake(signal.name)
        own = self.prefix + snake(signal.name)
        filled = self.filled(own + '_args', 'args', signal.args)
        return definition('int', own + '_subscribe', self.subscribe_parameters(own), lines(
            '', f'return xcpbus_subscribe_typed(bus, target, &{static}_signal, '
            '(void (*)(void))fn, data, slot, error);')) + '\n' + definition(
                'int', own + '_emit', self.emit_parameters(signal), lines(
                    filled, f'return xcpbus_emit_typed(bus, path, &{static}_signal, '
                    f'{"&args" if filled else "NULL"});'))

    # ---- properties ----

    def property_functions_of(self, item):
        """(result, name, parameters, body)"""
        static, own = self.static + snake(item.name), self.prefix + snake(item.name)
        table = f'&{static}_property'
        found = []
        if 'read' in item.access:
            found.append(('int', own + '_get',
                          [BUS, TARGET, self.names.output(item.type, 'value'), ERROR],
                          lines('', f'return xcpbus_get_typed(bus, target, {table}, value, error);')))
            found.append(('int', own + '_get_begin', [BUS, TARGET, own + '_got_fn fn', *SLOT], lines(
                '', f'return xcpbus_get_typed_async(bus, target, {table}, (void (*)(void))fn, '
                'data, slot);')))
        if 'write' in item.access:
            star = '' if goes_by_pointer(item.type) else '&'
            found.append(('int', own + '_set',
                          [BUS, TARGET, self.names.input(item.type, 'value'), ERROR], lines(
                              '', f'return xcpbus_set_typed(bus, target, {table}, {star}value, '
                              'error);')))
            found.append(('int', own + '_set_begin', [
                BUS, TARGET, self.names.input(item.type, 'value'), 'xcpbus_set_done_fn fn', *SLOT],
                lines('', f'return xcpbus_set_typed_async(bus, target, {table}, {star}value, fn, '
                      'data, slot);')))
        if item.emits in ('true', 'invalidates'):
            found.append(('int', own + '_watch', self.subscribe_parameters(own), lines(
                '', f'return xcpbus_watch_typed(bus, target, {table}, (void (*)(void))fn, data, '
                'slot, error);')))
            found.append(('int', own + '_changed', [BUS, PATH], lines(
                '', f'return xcpbus_changed_typed(bus, path, {table});')))
        return found

    def property_header(self, item):
        own = self.prefix + snake(item.name)
        result = comment(member_doc(item, []))
        found = self.property_functions_of(item)
        for _, name, _, _ in found:
            self.take(item, name)
        value = (f'const {self.names.ctype(item.type)} *value'.replace('const const', 'const')
                 if not self.names.ctype(item.type).endswith('*')
                 else f'{self.names.ctype(item.type)}const *value')
        if 'read' in item.access:
            self.take(item, own + '_got_fn')
            result += self.function_type(own + '_got_fn', [BUS, value, CONST_ERROR, 'void *data'])
        if any(name.endswith('_watch') for _, name, _, _ in found):
            result += self.function_type(own + '_fn', [BUS, FROM, value, 'void *data'])
        return result + ''.join(declaration(*one[:3]) for one in found)

    def property_table(self, item):
        name, static = snake(item.name), self.static + snake(item.name)
        handlers = f'struct {self.prefix}handlers'
        reads, writes = 'read' in item.access, 'write' in item.access
        flag = flags('XCPBUS_DEPRECATED' if item.is_deprecated else '', EMITS[item.emits])
        watches = item.emits in ('true', 'invalidates')
        items = [('name', text(item.name)), ('home', '&' + self.home),
                 ('type', f'&{tag(item.type)}_type'), ('flags', flag),
                 ('getter', f'offsetof({handlers}, {name}_get)' if reads else ''),
                 ('setter', f'offsetof({handlers}, {name}_set)' if writes else ''),
                 ('run_get', f'run_{static}_get' if reads else ''),
                 ('run_set', f'run_{static}_set' if writes else ''),
                 ('tell', f'tell_{static}' if watches else ''),
                 ('tell_got', f'tell_{static}_got' if reads else ''),
                 ('annotations', annotations_of(item) and f'{static}_property_annotations')]
        return annotation_table(f'{static}_property', annotations_of(item)) + initialised(
            f'static const struct xcpbus_typed_property {static}_property', shown(items))

    def property_thunks(self, item):
        name, static = snake(item.name), self.static + snake(item.name)
        own = f'\tconst struct {self.prefix}handlers *own = handlers;\n'
        found = []
        if 'read' in item.access:
            found.append(definition('int', f'run_{static}_get', [
                'void *value', 'const void *handlers', 'void *data'],
                f'{own}\n\treturn own->{name}_get(value, data);\n', True))
            found.append(definition('void', f'tell_{static}_got', TELL, (
                '\t(void)from;\n'
                f'\t(({self.prefix}{name}_got_fn)fn)(bus, values, error, data);\n'), True))
        if 'write' in item.access:
            ctype, given = self.names.ctype(item.type), 'value'
            if not goes_by_pointer(item.type):
                own += f'\tconst {ctype} *given = value;\n' if not ctype.endswith(
                    '*') else f'\t{ctype}const *given = value;\n'
                given = '*given'
            found.append(definition('int', f'run_{static}_set', [
                'const void *value', ERROR, 'const void *handlers', 'void *data'],
                f'{own}\n\treturn own->{name}_set({given}, error, data);\n', True))
        if item.emits in ('true', 'invalidates'):
            found.append(definition('void', f'tell_{static}', TELL, '\t(void)error;\n'
                                    f'\t(({self.prefix}{name}_fn)fn)(bus, from, values, data);\n',
                                    True))
        return '\n'.join(found)

    def property_functions(self, item):
        return '\n'.join(definition(*one) for one in self.property_functions_of(item))

    def property_handlers(self, item):
        name, result = snake(item.name), ''
        ctype = self.names.ctype(item.type)
        if 'read' in item.access:
            pointer = ctype + '*value' if ctype.endswith('*') else f'{ctype} *value'
            result += declaration_in('int', name + '_get', [pointer, 'void *data'])
        if 'write' in item.access:
            result += declaration_in('int', name + '_set', [
                self.names.input(item.type, 'value'), ERROR, 'void *data'])
        return result

    # ---- all of it ----

    def export_parameters(self):
        return [BUS, PATH, f'const struct {self.prefix}handlers *handlers', *SLOT]

    def has_handlers(self):
        return bool(self.interface.methods or self.interface.properties)

    def header(self):
        face = self.interface
        found = [comment(f'---- {face.name}: {face.doc} ----' if len(face.doc) < 60 else
                         [f'---- {face.name} ----', '', face.doc])]
        found += map(self.method_header, face.methods)
        found += map(self.signal_header, face.signals)
        found += map(self.property_header, face.properties)
        if self.has_handlers():
            self.names.take(f'{self.prefix}export', face.line)
            self.names.take(f'struct {self.prefix}handlers', face.line)
            found.append(f'/* Whoever offers {face.name}. What is NULL is not there. */\n'
                         f'struct {self.prefix}handlers {{\n'
                         + ''.join(map(self.handler, face.methods))
                         + ''.join(map(self.property_handlers, face.properties)) + '};\n')
            found.append(declaration('int', f'{self.prefix}export', self.export_parameters()))
        return '\n'.join(found)

    def forward(self):
        """What the tables refer to: where it is, and the functions between."""
        face, service = self.interface, self.names.service
        items = [('destination', text(service.name) if service.name else ''),
                 ('path', text(service.object_path) if service.object_path else ''),
                 ('interface', text(face.name))]
        result = [initialised(f'static const struct xcpbus_target {self.home}', shown(items))]
        result += map(self.method_thunks, face.methods)
        result += map(self.signal_thunks, face.signals)
        result += map(self.property_thunks, face.properties)
        return '\n'.join(filter(None, result))

    def tables(self):
        face = self.interface
        result = [*map(self.method_table, face.methods), *map(self.signal_table, face.signals),
                  *map(self.property_table, face.properties)]
        if self.has_handlers():
            result.append(self.interface_table())
        return '\n'.join(result)

    def interface_table(self):
        face, result, items = self.interface, '', [('home', '&' + self.home)]
        for kind, plural, members in (('method', 'methods', face.methods),
                                      ('signal', 'signals', face.signals),
                                      ('property', 'properties', face.properties)):
            if not members:
                continue
            rows = [f'&{self.static}{snake(item.name)}_{kind}' for item in members] + ['NULL']
            result += (f'static const struct xcpbus_typed_{kind} *const {self.static}{plural}[] = {{\n'
                       + ''.join(f'\t{row},\n' for row in rows) + '};\n')
            items.append((plural, self.static + plural))
        name = f'{self.static or "root_"}interface'
        items.append(('annotations', name + '_annotations'))
        result += annotation_table(name, annotations_of_interface(self.names.service, face))
        return result + initialised(f'static const struct xcpbus_typed_interface {name}',
                                    shown(items))

    def functions(self):
        face = self.interface
        result = [*map(self.method_functions, face.methods),
                  *map(self.signal_functions, face.signals),
                  *map(self.property_functions, face.properties)]
        if self.has_handlers():
            name = f'{self.static or "root_"}interface'
            result.append(definition('int', f'{self.prefix}export', self.export_parameters(), lines(
                '', f'return xcpbus_export_typed(bus, path, &{name}, handlers, data, slot);')))
        return '\n'.join(filter(None, result))


def lines(locals_, statement):
    """The body of a function that only passes on."""
    head, rest = statement.split('(', 1)
    inner, tail = rest.rsplit(')', 1)
    return locals_ + ('\n' if locals_ else '') + call(head, split(inner), tail, '\t') + '\n'


def split(arguments):
    """At the commas that are not in parentheses."""
    depth, items = 0, ['']
    for letter in arguments:
        depth += (letter == '(') - (letter == ')')
        if letter == ',' and not depth:
            items.append('')
        else:
            items[-1] += letter
    return [item.strip() for item in items]


def declaration_in(result, name, parameters):
    return call(f'{result} (*{name})', parameters, ';', '\t') + '\n'


def with_unit(item):
    return f'{item.doc} (In {item.unit}.)' if getattr(item, 'unit', '') else item.doc


def method_doc(method):
    result = member_doc(method, method.inputs)
    if method.outputs:
        result += ['Answers:'] + [f'\t{arg.name}: {with_unit(arg)}' for arg in method.outputs]
    more = []
    if method.throws:
        more.append('Errors: ' + ', '.join(error.name for error in method.throws) + '.')
    if method.timeout_s:
        more.append(f'Waits for {method.timeout_s:g} s.')
    if method.is_idempotent:
        more.append('Calling it twice is as good as once.')
    if method.has_no_reply:
        more.append('Nobody waits for an answer.')
    return result + ([' '.join(more)] if more else [])


def member_doc(member, args):
    doc = with_unit(member)
    if member.since:
        doc += f' Since {member.since}.'
    if member.is_deprecated:
        doc += ' Deprecated.'
    if member.replaced_by:
        doc += f' Use {member.replaced_by} instead.'
    return [doc] + [f'\t{arg.name}: {with_unit(arg)}' for arg in args]


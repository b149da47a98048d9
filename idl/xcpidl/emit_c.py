# SPDX-License-Identifier: LGPL-2.1-or-later
"""C over libxcpbus: NAME.h and NAME.c of a service, for its callers and for whoever offers it.

What is printed says what there is; how it is done is in the library, which goes by the tables.
"""
import re
from pathlib import PurePath

from .emit_c_calls import CALL, InterfacePrinter, lines, shown
from .emit_c_names import Names, snake, word
from .emit_c_text import comment, declaration, definition, remarked, text, words
from .emit_c_types import TypePrinter

USE = '''Memory: a value that came out of one of these functions is yours, ended with NAME_free
(texts with free, DBusMessage with dbus_message_unref). What you build yourself is lent for the duration
of a call, whatever it is made of; it is not for NAME_free, nor is what NAME_init filled. What a callback
or a handler gets is lent to you: NAME_copy. Results go to pointers that may be NULL, and are written if
the function returns >= 0.
'''
TARGET_DOC = {
    True: 'target: NULL, or where the service is other than {0} {1}.',
    False: 'target says which service and which of its objects is meant.',
}

ERRORS_DOC = '''For callers: which one it is, and with read_... what it carries, as long as it is the last
error that the connection told (-ENOENT otherwise). For services: throw_... answers a call with it; the
text is for people, and NULL stands for the sentence that is here.'''


class Errors:
    """The errors of a file."""

    def __init__(self, names, types, printer):
        self.names, self.types, self.printer = names, types, printer
        self.errors = list(names.service.errors.values())

    def struct(self, error):
        return self.names.of('error_' + snake(error.name))

    def throw(self, error):
        payload = [f'const struct {self.struct(error)} *payload'] if error.fields else []
        return 'int', self.names.of('throw_' + snake(error.name)), [
            CALL, *payload, 'const char *text']

    def read(self, error):
        return 'int', self.names.of('read_' + snake(error.name)), [
            'const struct xcpbus *bus', f'struct {self.struct(error)} *payload']

    def free(self, error):
        return 'void', self.struct(error) + '_free', [f'struct {self.struct(error)} *payload']

    def declare(self, error):
        result = comment(error.doc)
        self.names.take(self.throw(error)[1], error.line)
        if error.fields:
            for name in (f'struct {self.struct(error)}', self.read(error)[1], self.free(error)[1]):
                self.names.take(name, error.line)
            fields = ''.join(remarked(self.names.field(field.type, word(field.name) + ';'), field.doc)
                             for field in error.fields)
            result += f'struct {self.struct(error)} {{\n{fields}}};\n\n'
            result += declaration(*self.read(error)) + declaration(*self.free(error))
        return result + declaration(*self.throw(error))

    def header(self):
        if not self.errors:
            return ''
        name = self.names.take(self.names.of('error'), 0)
        rows = f'\t{name.upper()}_NOT_KNOWN, /* an error of the bus, or of a later version */\n'
        for error in self.errors:
            rows += f'\t{self.names.take(self.struct(error).upper(), error.line)},\n'
        return '\n'.join([
            comment(['---- Errors ----', '', ERRORS_DOC]),
            f'enum {name} {{\n{rows}}};\n',
            declaration(f'enum {name}', name + '_of', ['const struct xcpbus_error *error']),
            *map(self.declare, self.errors)])

    def tables(self):
        result, rows = '', ''
        for error in self.errors:
            own = 'error_' + snake(error.name)
            result += self.printer.struct_table(own, self.struct(error), error.fields)
            payload = f'&{own}_type' if error.fields else 'NULL'
            rows += '\t' + shown([('name', text(error.full_name)), ('payload', payload)]).broken(
                '\t').replace('\n\t}', words('\n\t\t.text = ', text(error.doc)[1:-1].split(' '),
                                             '\t\t\t') + ',\n\t}') + ',\n'
        return (result + 'static const struct xcpbus_typed_error errors[] = {\n' + rows
                + '\t{ .name = NULL },\n};\n') if self.errors else ''

    def functions(self):
        if not self.errors:
            return ''
        name = self.names.of('error')
        result = [definition(f'enum {name}', name + '_of', ['const struct xcpbus_error *error'],
                             f'\treturn (enum {name})xcpbus_error_find(error, errors);\n')]
        for i, error in enumerate(self.errors):
            if error.fields:
                result.append(definition(*self.read(error), lines(
                    '', f'return xcpbus_error_read(bus, &errors[{i}], payload, NULL);')))
                result.append(definition(*self.free(error), lines(
                    '', f'xcpbus_value_free(&error_{snake(error.name)}_type, payload);')))
            payload = 'payload' if error.fields else 'NULL'
            result.append(definition(*self.throw(error), lines(
                '', f'return xcpbus_throw(call, &errors[{i}], {payload}, text);')))
        return '\n'.join(result)


def licence(service):
    found = re.search(rb'SPDX-License-Identifier: ([\w.+ -]+?)\s*(?:-->|\n)', service.text)
    return f'/* SPDX-License-Identifier: {found[1].decode()} */\n' if found else ''


def banner(service, what):
    source_name = PurePath(service.path).name
    return licence(service) + f'/* {what}, printed by xcp-bus-idl from {source_name}. */\n'


def header(service, names, types, errors, faces):
    root = service.root
    where = TARGET_DOC[bool(service.name)].format(service.name, service.object_path)
    source_name = PurePath(service.path).name
    about = [f'{root.name}, printed by xcp-bus-idl from {source_name}.', '', root.doc, '', USE, '',
             where]
    constants = ''
    if service.name:
        constants = (f'#define {names.constant("service")} "{service.name}"\n'
                     f'#define {names.constant("path")} "{service.object_path}"\n')
    parts = [licence(service) + comment(about) + '#pragma once\n', '#include <xcpbus-typed.h>\n',
             '#ifdef __cplusplus\nextern "C" {\n#endif\n', constants, types.structures(),
             types.declarations(), errors.header(), *(face.header() for face in faces),
             '#ifdef __cplusplus\n}\n#endif\n']
    return '\n'.join(filter(None, parts))


def source(service, names, types, errors, faces):
    parts = [banner(service, service.root.name) + f'#include "{names.prefix}.h"\n',
             *(face.forward() for face in faces), '/* clang-format off */\n',
             types.tables(), *(face.tables() for face in faces), errors.tables(),
             '/* clang-format on */\n', types.definitions(), errors.functions(),
             *(face.functions() for face in faces)]
    return '\n'.join(filter(None, parts))


def emit(service):
    names = Names(service)
    types = TypePrinter(names)
    faces = [InterfacePrinter(names, types, interface) for interface in service.interfaces]
    errors = Errors(names, types, faces[0])
    return {f'{names.prefix}.h': header(service, names, types, errors, faces),
            f'{names.prefix}.c': source(service, names, types, errors, faces)}


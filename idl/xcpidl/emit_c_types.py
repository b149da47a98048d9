# SPDX-License-Identifier: LGPL-2.1-or-later
"""C: types, the tables that describe them to the library, and the functions that go by these."""
from . import literal, model, types
from .emit_c_names import (constant, is_boxed, is_kind, is_nullable, join, member, owns, snake, tag,
                           word)
from .emit_c_text import (Braces, comment, declaration, definition, initialised, packed, remarked,
                          text)
from .problem import Problem

NOT_KNOWN = 'not_known'


def parts(type_):
    """What a type is made of in memory: (name in C, name on the bus, type, doc)."""
    if isinstance(type_, types.Tuple):
        return [(member(i), member(i), inner, '') for i, inner in enumerate(type_.members)]
    return [(word(field.name), field.name, field.type, field.doc)
            for field in type_.declaration.fields]


def inside(type_):
    """Types that have to be complete before this one."""
    if isinstance(type_, types.Tuple) or is_kind(type_, (model.Record, model.Struct)):
        return [part[2] for part in parts(type_)]
    if is_kind(type_, model.Variant):
        return [case.type for case in type_.declaration.cases
                if case.type and not is_boxed(case.type)]
    return []


def behind(type_):
    """Types that this one points to."""
    if isinstance(type_, types.Array):
        return [type_.element]
    if isinstance(type_, types.Dict):
        return [type_.key, type_.value]
    if isinstance(type_, types.Optional):
        return [type_.inner]
    if is_kind(type_, model.Variant):
        return [case.type for case in type_.declaration.cases
                if case.type and is_boxed(case.type)]
    return []


def all_types(service):
    """Each once, by its tag: what is declared, and all that is used."""
    found = {}

    def visit(type_):
        if tag(type_) in found:
            if found[tag(type_)] != type_ and str(found[tag(type_)]) != str(type_):
                raise Problem(f'in C, {found[tag(type_)]} and {type_} have the same name',
                              'give one of them another', 0, service.path)
            return
        found[tag(type_)] = type_
        for inner in [*inside(type_), *behind(type_)]:
            visit(inner)

    for declared in service.types.values():
        visit(types.Named(declared.name, declared))
    for interface in service.interfaces:
        for method in interface.methods:
            for arg in [*method.inputs, *method.outputs]:
                visit(arg.type)
        for signal in interface.signals:
            for arg in signal.args:
                visit(arg.type)
        for item in interface.properties:
            visit(item.type)
    for error in service.errors.values():
        for field in error.fields:
            visit(field.type)
    return list(found.values())


def in_order(all_, service, of=inside):
    """So that each comes after those that have to be complete before it."""
    done, open_, result = set(), set(), []

    def visit(type_):
        key = tag(type_)
        if key in done:
            return
        if key in open_:
            raise Problem(f'type {type_} contains itself', 'let it be a list, or optional, there',
                          0, service.path)
        open_.add(key)
        for inner in of(type_):
            visit(inner)
        open_.remove(key)
        done.add(key)
        result.append(type_)

    for type_ in all_:
        visit(type_)
    return result


class TypePrinter:
    def __init__(self, names):
        self.names, self.service = names, names.service
        self.all = in_order(all_types(self.service), self.service)

    # ---- the header ----

    def structures(self):
        return '\n'.join(filter(None, map(self.structure, self.all)))

    def structure(self, type_):
        name = self.names.of(tag(type_))
        if isinstance(type_, (types.Basic, types.Any, types.Optional)):
            return ''
        self.names.take('struct ' + name, self.line(type_))
        if isinstance(type_, types.Array):
            item = constant(self.names.ctype(type_.element))
            return f'struct {name} {{\n\t{join(item + " *", "items;")}\n\tunsigned count;\n}};\n'
        if isinstance(type_, types.Dict):
            return (f'struct {name}_entry {{\n\t{self.names.field(type_.key, "key;")}\n'
                    f'\t{self.names.field(type_.value, "value;")}\n}};\n\n'
                    f'struct {name} {{\n\tconst struct {name}_entry *items;\n'
                    f'\tunsigned count;\n}};\n')
        if is_kind(type_, model.Enum):
            return self.enum(type_.declaration, name)
        if is_kind(type_, model.Variant):
            return self.variant(type_.declaration, name)
        return self.fields(type_, name)

    def line(self, type_):
        return type_.declaration.line if isinstance(type_, types.Named) else 0

    def fields(self, type_, name):
        doc = comment(type_.declaration.doc) if isinstance(type_, types.Named) else ''
        lines = ''
        for own, _, inner, about in parts(type_):
            line = self.names.field(inner, own + ';')
            lines += remarked(line, about) if about else f'\t{line}\n'
        if not lines:
            lines = '\tchar nothing; /* C has no empty structures */\n'
        return f'{doc}struct {name} {{\n{lines}}};\n'

    def values(self, name, items):
        """Of an enum: 0 is what this side does not know."""
        lines = f'\t{name.upper()}_{NOT_KNOWN.upper()},\n'
        for item in items:
            value = self.names.take(f'{name}_{snake(item.name)}'.upper(), item.line)
            lines += remarked(value + ',', item.doc)
        return lines

    def enum(self, declared, name):
        return (f'{comment(declared.doc)}enum {name}_value {{\n'
                + self.values(name, declared.values)
                + f'}};\n\nstruct {name} {{\n\tenum {name}_value value;\n'
                + '\tconst char *word; /* if it is not known */\n};\n')

    def case(self, case):
        own = word(snake(case.name))
        if is_boxed(case.type):
            return f'const {self.names.ctype(case.type)} *{own};'
        return self.names.field(case.type, own + ';')

    def variant(self, declared, name):
        cases = [self.case(case) for case in declared.cases if case.type]
        return (f'{comment(declared.doc)}enum {name}_kind {{\n'
                + self.values(name, declared.cases)
                + f'}};\n\nstruct {name} {{\n\tenum {name}_kind kind;\n\tunion {{\n'
                + ''.join(f'\t\t{case}\n' for case in cases)
                + f'\t\tstruct xcpbus_case {NOT_KNOWN};\n\t}};\n}};\n')

    def is_given_out(self, type_):
        """Whether somebody may have to free one."""
        if not owns(type_) or is_nullable(type_):
            return False
        return isinstance(type_, types.Named) or any(
            tag(type_) == tag(given) for given in self.given())

    def given(self):
        for interface in self.service.interfaces:
            for method in interface.methods:
                yield from (arg.type for arg in method.outputs)
            yield from (item.type for item in interface.properties)

    def functions(self):
        """(result, name, parameters, body) of each, by type."""
        for type_ in self.all:
            if not self.is_given_out(type_):
                continue
            if isinstance(type_, types.Optional) and is_nullable(type_.inner):
                continue
            ctype, name, own = self.names.ctype(type_), self.names.of(tag(type_)), tag(type_)
            pointer = ctype + '*value' if ctype.endswith('*') else f'{ctype} *value'
            found = []
            if is_kind(type_, model.Record):
                found.append(('void', f'{name}_init', [pointer],
                              f'\t*value = {own}_defaults;\n'))
            found.append(('void', f'{name}_free', [pointer],
                          f'\txcpbus_value_free(&{own}_type, value);\n'))
            if isinstance(type_, types.Named):
                found += self.named_functions(type_, name, own, ctype)
            yield type_, found

    def named_functions(self, type_, name, own, ctype):
        if is_kind(type_, model.Enum):
            yield ('const char *', f'{name}_word', [f'const {ctype} *value'],
                   f'\treturn xcpbus_enum_word(&{own}_type, value);\n')
        yield ('int', f'{name}_copy', [f'{ctype} *to', f'const {ctype} *from'],
               f'\treturn xcpbus_value_copy(&{own}_type, to, from);\n')
        yield ('int', f'{name}_read', ['DBusMessageIter *iter', f'{ctype} *value',
                                       'struct xcpbus_error *error'],
               f'\treturn xcpbus_value_read(iter, &{own}_type, value, error);\n')
        yield ('int', f'{name}_append', ['DBusMessageIter *iter', f'const {ctype} *value',
                                         'struct xcpbus_error *error'],
               f'\treturn xcpbus_value_append(iter, &{own}_type, value, error);\n')

    def declarations(self):
        result = []
        for type_, found in self.functions():
            for _, name, _, _ in found:
                self.names.take(name, self.line(type_))
            result.append(''.join(declaration(*one[:3]) for one in found))
        return '\n'.join(result)

    def definitions(self):
        return '\n'.join(definition(*one) for _, found in self.functions() for one in found)

    # ---- the tables ----

    def tables(self):
        """Of all types, in an order in which few have to be announced."""
        done, result = set(), []

        def visit(type_):
            if tag(type_) in done:
                return
            done.add(tag(type_))
            for inner in [*inside(type_), *behind(type_)]:
                visit(inner)
            result.append(type_)

        for type_ in self.all:
            visit(type_)
        seen, lines = set(), ''
        for type_ in result:
            for inner in [*inside(type_), *behind(type_)]:
                if tag(inner) not in seen:
                    seen.add(tag(inner))
                    lines += f'static const struct xcpbus_type {tag(inner)}_type;\n\n'
            seen.add(tag(type_))
            lines += self.table(type_) + '\n'
        return lines.rstrip('\n') + '\n' if lines else ''

    def table(self, type_):
        own, ctype = tag(type_), self.names.ctype(type_)
        if isinstance(type_, types.Basic):
            return self.type_table(own, 'BASIC', type_, ctype)
        if isinstance(type_, types.Any):
            return self.type_table(own, 'ANY', type_, ctype)
        if isinstance(type_, types.Array):
            return self.type_table(own, 'LIST', type_, ctype, f'&{tag(type_.element)}_type')
        if isinstance(type_, types.Optional):
            return self.type_table(own, 'MAYBE', type_, ctype, f'&{tag(type_.inner)}_type')
        if isinstance(type_, types.Dict):
            return self.map_table(type_, own, ctype)
        if is_kind(type_, model.Record):
            return self.record_table(type_, own, ctype)
        if is_kind(type_, model.Enum):
            rows = [self.row(text(value.name)) for value in type_.declaration.values]
            return self.field_table(own, rows) + self.type_table(own, 'ENUM', type_, ctype)
        if is_kind(type_, model.Variant):
            return self.variant_table(type_, own, ctype)
        rows = [self.row(text(name), inner, ctype, c_name)
                for c_name, name, inner, _ in parts(type_)]
        return self.field_table(own, rows) + self.type_table(own, 'STRUCT', type_, ctype)

    def row(self, name, type_=None, ctype='', field='', flags='0'):
        offset = f'offsetof({ctype}, {field})' if field else '0'
        type_ = f'&{tag(type_)}_type' if type_ else 'NULL'
        return [name, type_, offset, flags]

    def field_table(self, own, rows, end=('.name = NULL',)):
        lines = [line for row in [*rows, end] for line in packed('\t{ ', row, ' },', '\t  ')]
        return (f'static const struct xcpbus_field {own}_fields[] = {{\n' + '\n'.join(lines)
                + '\n};\n')

    def type_table(self, own, kind, type_, ctype, element='', defaults='', signature=''):
        name = type_.name if isinstance(type_, types.Named) else ''
        has_fields = kind in ('STRUCT', 'ENTRY', 'RECORD', 'ENUM', 'VARIANT')
        items = [f'.kind = XCPBUS_KIND_{kind}', f'.name = {text(name)}' if name else '',
                 f'.signature = "{signature or type_.signature()}"', f'.size = sizeof({ctype})',
                 f'.element = {element}' if element else '',
                 f'.fields = {own}_fields' if has_fields else '', defaults]
        return initialised(f'static const struct xcpbus_type {own}_type',
                           Braces(filter(None, items)))

    def map_table(self, type_, own, ctype):
        entry = f'{ctype}_entry'
        rows = [self.row('"key"', type_.key, entry, 'key'),
                self.row('"value"', type_.value, entry, 'value')]
        return (self.field_table(own + '_entry', rows)
                + self.type_table(own + '_entry', 'ENTRY', type_, entry,
                                  signature=type_.signature()[1:])
                + self.type_table(own, 'LIST', type_, ctype, f'&{own}_entry_type'))

    def record_table(self, type_, own, ctype):
        fields = type_.declaration.fields
        rows = [self.row(text(field.name), field.type, ctype, word(field.name),
                         'XCPBUS_REQUIRED' if field.is_required else '0') for field in fields]
        values = initialised(f'static const {ctype} {own}_defaults',
                             self.record_value(type_.declaration))
        return (values + self.field_table(own, rows)
                + self.type_table(own, 'RECORD', type_, ctype,
                                  defaults=f'.defaults = &{own}_defaults'))

    def variant_table(self, type_, own, ctype):
        rows = []
        for case in type_.declaration.cases:
            field = word(snake(case.name)) if case.type else ''
            flags = 'XCPBUS_POINTER' if case.type and is_boxed(case.type) else '0'
            rows.append(self.row(text(case.name), case.type, ctype, field, flags))
        end = ['NULL', 'NULL', f'offsetof({ctype}, {NOT_KNOWN})', '0']
        return self.field_table(own, rows, end) + self.type_table(own, 'VARIANT', type_, ctype)

    # ---- default values ----

    def record_value(self, declared):
        items = [self.assign(word(field.name), self.value(field.default, field.type))
                 for field in declared.fields if field.has_default]
        return Braces(items or ['0'])

    def assign(self, name, value):
        if isinstance(value, Braces):
            return Braces(value, f'.{name} = {value.head}')
        return f'.{name} = {value}'

    def value(self, value, type_):
        """A literal as an initialiser."""
        if isinstance(type_, types.Basic):
            return basic_value(value, type_.code)
        if isinstance(type_, types.Optional):
            if value == literal.NONE:
                return 'NULL'
            inner = self.value(value, type_.inner)
            return inner if is_nullable(type_.inner) else self.boxed(inner, type_.inner)
        if isinstance(type_, types.Array):
            return self.list_value([self.value(item, type_.element) for item in value],
                                   constant(self.names.ctype(type_.element)))
        if isinstance(type_, types.Dict):
            entries = [Braces([self.assign('key', self.value(key, type_.key)),
                               self.assign('value', self.value(item, type_.value))])
                       for key, item in value.items()]
            return self.list_value(entries, f'const {self.names.ctype(type_)}_entry')
        if isinstance(type_, types.Tuple) or is_kind(type_, model.Struct):
            return Braces([self.assign(own, self.value(item, inner))
                           for (own, _, inner, _), item in zip(parts(type_), value)])
        return self.declared_value(value, type_)

    def boxed(self, inner, type_):
        head = f'&({constant(self.names.ctype(type_))})'
        return Braces(inner if isinstance(inner, Braces) else [inner], head)

    def list_value(self, items, ctype):
        if not items:
            return Braces(['.count = 0'])
        array = Braces(items, f'.items = ({ctype}[])')
        return Braces([array, f'.count = {len(items)}'])

    def declared_value(self, value, type_):
        declared, name = type_.declaration, self.names.of(tag(type_))
        if isinstance(declared, model.Record):
            return self.record_value(declared)
        number = f'{name}_{snake(value.name)}'.upper()
        if isinstance(declared, model.Enum):
            return Braces([f'.value = {number}'])
        case = next(case for case in declared.cases if case.name == value.name)
        items = [f'.kind = {number}']
        if case.type:
            payload = self.value(value.payload, case.type)
            if is_boxed(case.type):
                payload = self.boxed(payload, case.type)
            items.append(self.assign(word(snake(case.name)), payload))
        return Braces(items)


def basic_value(value, code):
    if code == 'b':
        return 'true' if value else 'false'
    if code == 's':
        return text(value)
    if code == 'd':
        return repr(float(value))
    if code in 'ix' and value == types.INTEGERS[code][0]:
        return 'INT32_MIN' if code == 'i' else 'INT64_MIN'
    suffix = {'u': 'U', 'x': 'INT64_C', 't': 'UINT64_C'}.get(code, '')
    if suffix.endswith('_C') and abs(value) >= 2**31:
        return f'{suffix}({value})'
    return f'{value}{"U" if code == "u" and value >= 2**31 else ""}'


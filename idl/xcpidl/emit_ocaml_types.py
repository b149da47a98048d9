# SPDX-License-Identifier: LGPL-2.1-or-later
"""Declared types as OCaml modules: a type t, make, and how it gets onto the bus and from it."""
from . import model, types
from .emit_ocaml_text import (BASIC, arrows, clean, comment, constructor, default, documented,
                              indented, items, module, not_known, text, variable)

BYTES = types.Array(types.Basic('y'))


class Scope:
    """Where code stands: types are found by `prefix`, but for `own`, which is the one around."""

    def __init__(self, prefix='', own=''):
        self.prefix, self.own = prefix, own

    def of(self, declaration, item):
        if declaration.name == self.own:
            return item
        return f'{self.prefix}{module(declaration.name)}.{item}'

    def type(self, type_):
        if isinstance(type_, types.Basic):
            return BASIC[type_.code][0]
        if isinstance(type_, types.Any):
            return 'Xcpbus.Value.t'
        if type_ == BYTES:
            return 'string'
        if isinstance(type_, types.Array):
            return self.type(type_.element) + ' list'
        if isinstance(type_, types.Dict):
            return f'({self.type(type_.key)} * {self.type(type_.value)}) list'
        if isinstance(type_, types.Optional):
            return self.type(type_.inner) + ' option'
        if isinstance(type_, types.Tuple):
            return self.tuple(type_.members)
        return self.of(type_.declaration, 't')

    def tuple(self, members):
        """Of several; one is only itself, and none is unit."""
        parts = [self.type(member) for member in members]
        return f'({" * ".join(parts)})' if len(parts) > 1 else parts[0] if parts else 'unit'

    def function(self, direction, type_):
        """An expression for the function that puts it, or gets it."""
        if isinstance(type_, types.Basic):
            return f'{direction}.{BASIC[type_.code][1]}'
        if isinstance(type_, types.Any):
            return f'{direction}.any'
        if type_ == BYTES:
            return f'{direction}.bytes'
        if isinstance(type_, types.Named):
            return self.of(type_.declaration, direction.lower())
        return f'({self.applied(direction, type_)})'

    def applied(self, direction, type_):
        if isinstance(type_, types.Tuple):
            return self.of_tuple(direction, type_.members)
        if isinstance(type_, types.Dict):
            signature = type_.signature()[2:-1]
            inner = f'{self.function(direction, type_.key)} {self.function(direction, type_.value)}'
            return f'{direction}.dict {text(signature)} {inner}'
        name, inner = ('list', type_.element) if isinstance(type_, types.Array) else (
            'maybe', type_.inner)
        signature = text(inner.signature())
        return f'{direction}.{name} {signature} {self.function(direction, inner)}'

    def of_tuple(self, direction, members):
        if len(members) in (2, 3):
            name = 'pair' if len(members) == 2 else 'triple'
            inner = ' '.join(self.function(direction, member) for member in members)
            return f'{direction}.{name} {inner}'
        names = [f'v{number}' for number in range(1, len(members) + 1)]
        parts = [self.call(direction, member, name) for member, name in zip(members, names)]
        outer = f'({", ".join(names)})' if len(names) > 1 else names[0]
        if direction == 'Put':
            return f'fun {outer} -> Put.tuple [ {"; ".join(parts)} ]'
        inner = f'({", ".join(parts)})' if len(parts) > 1 else parts[0]
        return (f'fun v -> match Get.tuple v with [ {"; ".join(names)} ] -> {inner} '
                f'| found -> Get.wrong_count ~expected:{len(names)} found')

    def call(self, direction, type_, value):
        """That function of a value; it has no parentheses around it."""
        function = self.function(direction, type_)
        if function.startswith('(') and not function.startswith('(fun '):
            function = function[1:-1]
        return f'{function} {value}'


# ---- which types need which ----

def _needs(declaration):
    parts = getattr(declaration, 'fields', getattr(declaration, 'cases', []))
    return {item.name: item.declaration for part in parts if part.type
            for item in types.walk(part.type) if isinstance(item, types.Named)}


def _reaches(declaration):
    found, todo = {}, [declaration]
    while todo:
        fresh = {name: other for name, other in _needs(todo.pop()).items() if name not in found}
        found.update(fresh)
        todo += fresh.values()
    return found


def groups(service):
    """Types in an order in which each comes after what it needs; those that need each other are
    together."""
    reaches = {name: _reaches(declaration) for name, declaration in service.types.items()}
    done, result = set(), []

    def add(name):
        if name in done:
            return
        group = [name] + [other for other in reaches[name]
                          if other != name and name in reaches[other]]
        done.update(group)
        for other in [other for one in group for other in _needs(service.types[one])]:
            add(other)
        result.append([service.types[one] for one in service.types if one in group])

    for name in service.types:
        add(name)
    return result


def is_recursive(declaration):
    return declaration.name in _needs(declaration)


# ---- what is printed ----

def type_of_parts(declaration, scope, docs):
    """The right side of `type t =`."""
    def line(part, code):
        return documented(f'  {code}', part.doc if docs else '')

    if isinstance(declaration, (model.Record, model.Struct)):
        if not declaration.fields:
            return ' unit\n'
        lines = [line(part, f'{variable(part.name)} : {scope.type(part.type)};')
                 for part in declaration.fields]
        return ' {\n' + ''.join(lines) + '}\n'
    parts = getattr(declaration, 'values', None) or declaration.cases
    lines = []
    for part in parts:
        of = f' of {scope.type(part.type)}' if getattr(part, 'type', None) else ''
        lines.append(line(part, f'| {constructor(part.name)}{of}'))
    other = 'string' if isinstance(declaration, model.Enum) else 'string * Xcpbus.Value.t'
    what = '  (** One of a later version. *)' if docs else ''
    return '\n' + ''.join(lines) + f'  | {not_known(parts)} of {other}{what}\n'


def signature_of(declaration):
    """What is between sig and end."""
    scope = Scope(own=declaration.name)
    code = f'type t ={type_of_parts(declaration, scope, docs=True)}\n'
    if isinstance(declaration, model.Record) and declaration.fields:
        code += _make_type(declaration, scope) + '\n'
    if isinstance(declaration, model.Enum):
        code += 'val to_string : t -> string\nval of_string : string -> t\n'
    return code + 'val put : t -> Xcpbus.Value.t\nval get : Xcpbus.Value.t -> t\n'


def _make_type(declaration, scope):
    parts = []
    for field in declaration.fields:
        type_ = scope.type(field.type)
        if field.is_required:
            parts.append(f'{variable(field.name)}:{type_}')
        else:
            type_ = type_[:-len(' option')] if _is_plain_option(field) else type_
            parts.append(f'?{variable(field.name)}:{type_}')
    return arrows('val make :', [*parts, 'unit', 't'])


def _is_plain_option(field):
    """Absent by default, so that who makes a record gives the value itself."""
    return isinstance(field.type, types.Optional) and (
        not field.has_default or default(field.default, field.type) == 'None')


def structure_of(declaration):
    """What is between struct and end."""
    scope = Scope(own=declaration.name)
    code = f'type t ={type_of_parts(declaration, scope, docs=False)}\n'
    printers = {model.Record: _record, model.Struct: _struct, model.Enum: _enum,
                model.Variant: _variant}
    return code + printers[type(declaration)](declaration, scope)


def _let(declaration):
    return 'let rec' if is_recursive(declaration) else 'let'


def _record(declaration, scope):
    if not declaration.fields:
        return 'let put () = Put.record []\nlet get value = ignore (Get.record value)\n'
    parameters, puts, gets = [], [], []
    for field in declaration.fields:
        name, key = variable(field.name), text(field.name)
        get = scope.function('Get', field.type)
        if _is_plain_option(field):
            inner = field.type.inner
            parameters.append(f'?{name}')
            puts.append(f'Put.optional {key} {scope.function("Put", inner)} v.{name}')
            gets.append(f'{name} = Get.optional r {key} {scope.function("Get", inner)}')
            continue
        puts.append(f'Put.field {key} ({scope.call("Put", field.type, "v." + name)})')
        if field.is_required:
            parameters.append(f'~{name}')
            gets.append(f'{name} = Get.required r {key} {get}')
        else:
            value = default(field.default, field.type)
            parameters.append(f'?({name} = {value})')
            if isinstance(field.type, types.Optional):
                puts[-1] = f'Put.optional {key} {scope.function("Put", field.type.inner)} v.{name}'
                get = f'(fun v -> Some ({scope.call("Get", field.type.inner, "v")}))'
            gets.append(f'{name} = Get.default r {key} {get} {value}')
    names = [variable(field.name) for field in declaration.fields]
    return (_make(parameters, names)
            + f'{_let(declaration)} put (v : t) =\n'
            + items('Put.record', puts, indent='  ') + '\n\n'
            + f'{_let(declaration)} get value =\n  let r = Get.record value in\n'
            + items('', gets, brackets='{}', indent='  ') + '\n')


def _make(parameters, names):
    head = f'let make {" ".join(parameters)} () ='
    if len(head) > 100:
        head = 'let make\n' + ''.join(f'    {one}\n' for one in parameters) + '    () ='
    return head + '\n' + items('', names, brackets='{}', indent='  ') + '\n\n'


def _struct(declaration, scope):
    names = [variable(field.name) for field in declaration.fields]
    puts = [scope.call('Put', field.type, f'v.{name}')
            for field, name in zip(declaration.fields, names)]
    gets = [f'{name} = {scope.call("Get", field.type, name)}'
            for field, name in zip(declaration.fields, names)]
    return ('let put (v : t) =\n' + items('Put.tuple', puts, indent='  ') + '\n\n'
            + 'let get value =\n  match Get.tuple value with\n'
            + f'  | [ {"; ".join(names)} ] ->\n'
            + items('', gets, brackets='{}', indent='      ') + '\n'
            + f'  | found -> Get.wrong_count ~expected:{len(names)} found\n')


def _enum(declaration, _):
    other = not_known(declaration.values)
    words = [(constructor(value.name), text(value.name)) for value in declaration.values]
    return ('let to_string = function\n'
            + ''.join(f'  | {name} -> {word}\n' for name, word in words)
            + f'  | {other} word -> word\n\n'
            + 'let of_string = function\n'
            + ''.join(f'  | {word} -> {name}\n' for name, word in words)
            + f'  | word -> {other} word\n\n'
            + 'let put value = Put.string (to_string value)\n'
            + 'let get value = of_string (Get.string value)\n')


def _variant(declaration, scope):
    other = not_known(declaration.cases)
    puts, gets = [], []
    for case in declaration.cases:
        name, key = constructor(case.name), text(case.name)
        if not case.type:
            puts.append(f'  | {name} -> Put.case {key} (Put.bool true)\n')
            gets.append(f'  | {key}, _ -> {name}\n')
            continue
        puts.append(f'  | {name} v -> Put.case {key} ({scope.call("Put", case.type, "v")})\n')
        gets.append(f'  | {key}, v -> {name} ({scope.call("Get", case.type, "v")})\n')
    return (f'{_let(declaration)} put = function\n{"".join(puts)}'
            + f'  | {other} (name, v) -> Put.case name v\n\n'
            + f'{_let(declaration)} get value =\n  match Get.case value with\n{"".join(gets)}'
            + f'  | name, v -> {other} (name, v)\n')


def modules(service, is_interface):
    """All types, for the .mli or the .ml."""
    code = []
    for group in groups(service):
        for number, declaration in enumerate(group):
            word = 'and' if number else 'module rec' if len(group) > 1 else 'module'
            name = module(declaration.name)
            between = f'sig\n{indented(signature_of(declaration))}end'
            inside = f'struct\n{indented(structure_of(declaration))}end'
            doc = comment([clean(declaration.doc)]) if is_interface else ''
            if is_interface:
                code.append(f'{doc}{word} {name} : {between}\n')
            elif len(group) > 1:
                code.append(f'{word} {name} : {between} = {inside}\n')
            else:
                code.append(f'{word} {name} = {inside}\n')
    return '\n'.join(code)

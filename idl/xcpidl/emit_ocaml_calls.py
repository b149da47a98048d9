# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients and servers in OCaml: for each member a function of each."""
from .emit_ocaml_text import (apart_from, arguments, arrows, clean, comment, error_constructor,
                              indented, items, module, snake, text)
from .emit_ocaml_types import Scope
from .introspected import annotations_of, annotations_of_interface

TYPES = Scope(prefix='Types.')
SOURCE = 'Xcpbus.Source.t'  # of a signal
ANY_OBJECT = '?any_object:bool'  # signals of all objects of the service
OF_SERVER = ('export', 'serve', 'unimplemented')  # what each server has beside its methods


def member_name(interface, name, service):
    """In OCaml. Servers of the root interface have functions of their own beside it."""
    name = snake(name)
    return name + '_' if interface is service.root and name in OF_SERVER else name


def property_name(interface, form, name, what='property'):
    """get_count, unless there is a method GetCount."""
    found = form.format(name.rstrip('_'))
    taken = {snake(method.name) for method in interface.methods}
    return f'{found}_{what}' if found in taken else found


def signal_name(interface, form, signal):
    return property_name(interface, form, snake(signal.name), 'signal')


def is_told(item):
    return item.emits in ('true', 'invalidates') and 'read' in item.access


# ---- values ----

def put_all(args, names):
    return [TYPES.call('Put', arg.type, name) for arg, name in zip(args, names)]


def get_all(args, names):
    return [TYPES.call('Get', arg.type, name) for arg, name in zip(args, names)]


def tuple_of(parts):
    return f'({", ".join(parts)})' if len(parts) != 1 else parts[0]


def wrong_count(args):
    return f'| body -> Get.wrong_count ~expected:{len(args)} body'


def reader(args, result, indent):
    """A function of a body: result is what it makes of the arguments, by their names."""
    names = arguments(args)
    pattern = f'[ {"; ".join(names)} ]' if names else '[]'
    return (f'(function\n{indent}  | {pattern} ->\n{indent}      {result}\n'
            f'{indent}  {wrong_count(args)})')


def answer_reader(args, indent):
    if not args:
        return 'Xcpbus.Rpc.no_answer'
    if len(args) == 1:
        return f'(Xcpbus.Rpc.one {TYPES.function("Get", args[0].type)})'
    return reader(args, tuple_of(get_all(args, arguments(args))), indent)


# ---- clients ----

def client_method(service, interface, method):
    names = arguments(method.inputs)
    where = f'{text(interface.name)} {text(method.name)}'
    head = f'let {member_name(interface, method.name, service)} {" ".join(names) or "()"} =\n'
    body = items('', put_all(method.inputs, names), indent='    ')
    if method.has_no_reply:
        return f'{head}  Proxy.send {where}\n{body}\n'
    if method.timeout_s:
        where += f' ~timeout_s:{_seconds(method.timeout_s)}'
    if method.is_idempotent:
        where += ' ~idempotent:true'
    return f'{head}  Proxy.call {where}\n{body}\n    {answer_reader(method.outputs, "    ")}\n'


def _seconds(seconds):
    number = repr(float(seconds))
    return number[:-1] if number.endswith('.0') else number


def client_signal(interface, signal):
    f = apart_from('f', arguments(signal.args))
    source = apart_from('source', arguments(signal.args))
    values = [f'({value})' for value in get_all(signal.args, arguments(signal.args))]
    result = f'{f} {source} {" ".join(values) or "()"}'
    read = reader(signal.args, result, '    ').replace('(function', f'(fun {source} -> function', 1)
    return (f'let {signal_name(interface, "on_{}", signal)} ?any_object {f} =\n'
            f'  Proxy.on_signal ?any_object {text(interface.name)} {text(signal.name)}\n'
            f'    {read}\n')


def client_property(interface, item):
    where = f'{text(interface.name)} {text(item.name)}'
    name, get = snake(item.name), TYPES.function('Get', item.type)
    code = ''
    if 'read' in item.access:
        code += (f'let {property_name(interface, "get_{}", name)} () =\n'
                 f'  Proxy.get_property {where} {get}\n\n')
    if 'write' in item.access:
        code += (f'let {property_name(interface, "set_{}", name)} value =\n'
                 f'  Proxy.set_property {where} ({TYPES.call("Put", item.type, "value")})\n\n')
    if is_told(item):
        code += (f'let {property_name(interface, "on_{}_changed", name)} ?any_object f =\n'
                 f'  Proxy.on_property ?any_object {where} {get} f\n')
    return code.rstrip('\n') + '\n'


def client(service, interface):
    return '\n'.join([client_method(service, interface, method) for method in interface.methods]
                     + [client_signal(interface, signal) for signal in interface.signals]
                     + [client_property(interface, item) for item in interface.properties])


# ---- servers ----

def server_method(service, interface, method):
    inputs, outputs = arguments(method.inputs), arguments(method.outputs)
    f = apart_from('f', inputs)
    values = [f'({value})' for value in get_all(method.inputs, inputs)]
    answer = items('', put_all(method.outputs, outputs)).replace('\n', '\n          ')
    result = (f'let* {tuple_of(outputs)} = {f} {" ".join(values) or "()"} in\n'
              f'          Io.return {answer}')
    return (f'let {member_name(interface, method.name, service)} {f} =\n'
            f'  Service.implement {text(interface.name)} {text(method.name)}\n'
            f'    {reader(method.inputs, result, "    ")}\n')


def server_signal(interface, signal):
    names = arguments(signal.args)
    head = f'let {signal_name(interface, "emit_{}", signal)} {" ".join(names) or "()"} =\n'
    return (f'{head}  Service.emit {text(interface.name)} {text(signal.name)}\n'
            + items('', put_all(signal.args, names), indent='    ') + '\n')


def server_property(interface, item):
    where, name = f'{text(interface.name)} {text(item.name)}', snake(item.name)
    code = ''
    if 'read' in item.access:
        code += (f'let {property_name(interface, "get_{}", name)} f =\n  Service.on_get {where} '
                 f'(fun () -> {TYPES.call("Put", item.type, "(f ())")})\n\n')
    if 'write' in item.access:
        code += (f'let {property_name(interface, "set_{}", name)} f =\n  Service.on_set {where} '
                 f'(fun value -> f ({TYPES.call("Get", item.type, "value")}))\n\n')
    if is_told(item):
        code += (f'let {property_name(interface, "{}_changed", name)} () =\n'
                 f'  Service.changed {where}\n')
    return code.rstrip('\n') + '\n'


def server(service, interface):
    return '\n'.join([server_method(service, interface, method) for method in interface.methods]
                     + [server_signal(interface, signal) for signal in interface.signals]
                     + [server_property(interface, item) for item in interface.properties])


# ---- what interfaces look like on the bus ----

def _pair(args):
    signature = ''.join(arg.type.signature() for arg in args)
    return f'({text(signature)}, {text(" ".join(arg.name for arg in args))})'


def _flags(names):
    return f'~flags:({" + ".join(names)}) ' if len(names) > 1 else ''.join(
        f'~flags:{name} ' for name in names)


def _annotations(annotations):
    found = '; '.join(f'({text(name)}, {text(value)})' for name, value in annotations)
    return f'~annotations:[ {found} ] ' if found else ''


def _method(method):
    flags = ['deprecated'] * method.is_deprecated + ['no_reply'] * method.has_no_reply
    return (f'method_ {_flags(flags)}{_annotations(annotations_of(method))}{text(method.name)} '
            f'~inputs:{_pair(method.inputs)} ~outputs:{_pair(method.outputs)}')


def _signal(signal):
    return f'signal {_annotations(annotations_of(signal))}{text(signal.name)} {_pair(signal.args)}'


def _property(item):
    emits = {'true': ['emits_change'], 'invalidates': ['emits_invalidation'],
             'const': ['constant'], 'false': []}[item.emits]
    access = {'read': '', 'write': '~read:false ~write:true ', 'readwrite': '~write:true '}
    return (f'property {_flags(["deprecated"] * item.is_deprecated + emits)}'
            f'{_annotations(annotations_of(item))}{access[item.access]}{text(item.name)} '
            f'{text(item.type.signature())}')


def description(service, interface):
    parts = [
        ('~methods:', [_method(method) for method in interface.methods]),
        ('~signals:', [_signal(signal) for signal in interface.signals]),
        ('~properties:', [_property(item) for item in interface.properties]),
    ]
    code = f'make {_annotations(annotations_of_interface(service, interface))}{text(interface.name)}'
    for label, entries in parts:
        if entries:
            code += '\n' + items('', entries, indent='      ').replace('[', label + '[', 1)
    return code


# ---- the .mli ----

def _doc(member, call, extra, service):
    paragraphs = [f'[{call}] {clean(member.doc)}' if call else clean(member.doc)]
    if member.is_deprecated:
        instead = f' Use {clean(member.replaced_by)} instead.' if member.replaced_by else ''
        paragraphs.append('Deprecated.' + instead)
    return comment(paragraphs + extra)


def _arg_docs(args, tag):
    names = arguments(args)
    docs = []
    for arg, name in zip(args, names):
        unit = f' ({clean(arg.unit)})' if arg.unit and arg.unit not in arg.doc else ''
        if name != 'dbg':
            docs.append(f'{tag} {name} {clean(arg.doc)}{unit}')
    return docs


def client_method_type(service, interface, method, exception):
    names = arguments(method.inputs)
    name = member_name(interface, method.name, service)
    call = ' '.join([name, *(names or ['()'])])
    extra = []
    if method.timeout_s:
        extra.append(f'Waits for the answer for {method.timeout_s:g} s.')
    if method.is_idempotent:
        extra.append('Is called again if the service restarts meanwhile.')
    extra += _arg_docs(method.inputs, '@param')
    if len(method.outputs) == 1:
        extra.append(f'@return {clean(method.outputs[0].doc)}')
    elif method.outputs:
        returned = '; '.join(f'{name}: {clean(arg.doc).rstrip(".")}' for name, arg in
                             zip(arguments(method.outputs), method.outputs))
        extra.append(f'@return {returned}')
    thrown = ', '.join(f'[{error_constructor(error.name)}]' for error in method.throws)
    extra += [f'@raise {exception} {thrown}'] if thrown else []
    return _doc(method, call, extra, service) + arrows(
        f'val {name} :', [*(types_of(method.inputs) or ['unit']),
                          TYPES.tuple([arg.type for arg in method.outputs]) + ' Io.t'])


def types_of(args):
    return [TYPES.type(arg.type) for arg in args]


def _function(args, result, *first):
    return f'({" -> ".join([*first, *(types_of(args) or ["unit"]), result])})'


def client_types(service, interface, exception):
    code = [client_method_type(service, interface, method, exception)
            for method in interface.methods]
    for signal in interface.signals:
        code.append(_doc(signal, '', _arg_docs(signal.args, '@param'), service) + arrows(
            f'val {signal_name(interface, "on_{}", signal)} :',
            [ANY_OBJECT, _function(signal.args, 'unit', SOURCE), 'Xcpbus.subscription Io.t']))
    for item in interface.properties:
        code.append(client_property_types(service, interface, item))
    return '\n'.join(code)


def client_property_types(service, interface, item):
    name, type_ = snake(item.name), TYPES.type(item.type)
    code = _doc(item, '', [], service)
    if 'read' in item.access:
        code += f'val {property_name(interface, "get_{}", name)} : unit -> {type_} Io.t\n'
    if 'write' in item.access:
        code += '\n' * (not code.endswith('*)\n'))
        code += f'val {property_name(interface, "set_{}", name)} : {type_} -> unit Io.t\n'
    if is_told(item):
        code += '\n(** None: it is another one, and who cares asks. *)\n' + arrows(
            f'val {property_name(interface, "on_{}_changed", name)} :',
            [ANY_OBJECT, f'({SOURCE} -> {type_} option -> unit)', 'Xcpbus.subscription Io.t'])
    return code


def server_types(service, interface):
    code = ''
    for method in interface.methods:
        result = TYPES.tuple([arg.type for arg in method.outputs]) + ' Io.t'
        code += arrows(f'val {member_name(interface, method.name, service)} :',
                       [_function(method.inputs, result), 'unit'])
    for signal in interface.signals:
        code += arrows(f'val {signal_name(interface, "emit_{}", signal)} :',
                       [*(types_of(signal.args) or ['unit']), 'unit'])
    for item in interface.properties:
        name, type_ = snake(item.name), TYPES.type(item.type)
        if 'read' in item.access:
            name_ = property_name(interface, 'get_{}', name)
            code += arrows(f'val {name_} :', [f'(unit -> {type_})', 'unit'])
        if 'write' in item.access:
            name_ = property_name(interface, 'set_{}', name)
            code += arrows(f'val {name_} :', [f'({type_} -> unit)', 'unit'])
        if is_told(item):
            name_ = property_name(interface, '{}_changed', name)
            code += f'val {name_} : unit -> unit\n'
    return code


# ---- interfaces in interfaces ----

class Nest:
    """VM in the root, Mirror in Data: as their names say."""

    def __init__(self, name=''):
        self.name, self.interface, self.inner = name, None, {}

    def find(self, path):
        if not path:
            return self
        return self.inner.setdefault(path[0], Nest(path[0])).find(path[1:])


def nest(service):
    root = Nest()
    for interface in service.interfaces:
        short = service.short_name(interface)
        root.find(short.split('.') if short else []).interface = interface
    return root


def nested(level, begin, print_one):
    """begin: what is between the name of a module and what is in it."""
    parts = [print_one(level.interface)] if level.interface else []
    for name, inner in level.inner.items():
        doc = ''
        if begin == ': sig' and inner.interface:
            doc = comment([clean(inner.interface.doc)])
        code = nested(inner, begin, print_one)
        parts.append(f'{doc}module {module(name)} {begin}\n{indented(code)}end\n')
    return '\n'.join(part for part in parts if part)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xcp-bus-idl call` and `watch`: a client for any interface, on the Python binding."""
import asyncio
import json
import signal
import sys

from . import types, values
from .check import load
from .command_arguments import assign, find_member, plain_signature
from .problem import Problem

PROPERTIES = 'org.freedesktop.DBus.Properties'
CALL_FAILED, USAGE = 1, 2


def binding():
    """The module xcpbus; the rest of xcp-bus-idl does without."""
    try:
        import xcpbus
    except ImportError as error:
        raise Problem(f'there is no Python binding of xcp-bus ({error})',
                      'install the package python3-xcpbus') from None
    return xcpbus


def one_service(path):
    service, problems = load(path)
    if problems:
        for problem in problems[:-1]:
            print(problem, file=sys.stderr)
        raise problems[-1]
    return service


def show(value):
    print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)


def line(value):
    print(json.dumps(value, ensure_ascii=False), flush=True)


def signature_of(args):
    return ''.join(arg.type.signature() for arg in args)


def decode_all(signature, wire, args, what):
    """{name: value} of what came, if it is what the interface says."""
    if signature != signature_of(args):
        raise Problem(f'{what} is of type "{signature}"', f'its interface says "{signature_of(args)}"')
    try:
        return {arg.name: values.decode(value, arg.type) for arg, value in zip(args, wire)}
    except Problem as problem:
        raise Problem(f'{what}: {problem}', problem.remedy) from None


def declare_errors(xcpbus, service):
    """A class for each error, which keeps what it carries in the form that people read."""
    def declare(error):
        def from_values(cls, signature, wire):
            if not signature.startswith(error.signature()):
                raise ValueError(signature)
            found = cls(wire[0])
            try:
                found.fields = {field.name: values.decode(value, field.type)
                                for field, value in zip(error.fields, wire[1:])}
            except Problem as problem:  # the binding goes on without fields
                raise ValueError(str(problem)) from None
            return found
        type(xcpbus.Error)(error.name, (xcpbus.Error,), {
            'fields': {}, 'from_values': classmethod(from_values)}, name=error.full_name)
    for error in service.errors.values():
        declare(error)


def place(service, arguments):
    """Destination and object path."""
    destination = arguments.destination or service.name
    path = arguments.path or service.object_path
    if not destination or not path:
        raise Problem(f'any service may have {service.root.name}',
                      'say which: --destination=NAME --path=/OBJECT/PATH')
    return destination, path


# ---- call ----
def call(arguments):
    service = one_service(arguments.file)
    if not arguments.member:
        return list_members(service)
    interface, member = find_member(service, arguments.member)
    destination, path = place(service, arguments)
    xcpbus = binding()
    encoder = values.Encoder(xcpbus.Variant)
    if hasattr(member, 'access'):
        request = property_request(interface, member, arguments.args, encoder)
    else:
        given = assign(arguments.member, member.inputs, arguments.args)
        wire = tuple(encoder.encode(given[arg.name], arg.type, arg.name) for arg in member.inputs)
        request = interface.name, member.name, signature_of(member.inputs), wire
    for warning in encoder.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    declare_errors(xcpbus, service)
    timeout = arguments.timeout or getattr(member, 'timeout_s', 0) or None
    return asyncio.run(send(xcpbus, arguments.address, (destination, path, *request), timeout, member))


def property_request(interface, item, words, encoder):
    if not words:
        return PROPERTIES, 'Get', 'ss', (interface.name, item.name)
    new = encoder.encode(assign(item.name, [_Value(item)], words)['value'], item.type, item.name)
    return PROPERTIES, 'Set', 'ssv', (interface.name, item.name,
                                      encoder.variant(item.type.signature(), new))


class _Value:
    """A property, as the one argument of its Set."""

    def __init__(self, item):
        self.name, self.type, self.unit = 'value', item.type, item.unit


async def send(xcpbus, address, request, timeout, member):
    try:
        async with await xcpbus.connect(address) as bus:
            if getattr(member, 'has_no_reply', False):
                bus.send(*request)
                return 0
            answer = await bus.call_with_signature(*request, timeout)
    except xcpbus.Error as error:
        return failed(error)
    try:
        show_answer(xcpbus, request[3], answer, member)
    except Problem as problem:
        return failed(xcpbus.InvalidReply(str(problem)))
    return 0


def show_answer(xcpbus, asked, answer, member):
    what = f'the answer to {member.name}'
    if asked == 'Get':
        variant = answer[1][0] if answer[0] == 'v' else xcpbus.Variant(answer[0], None)
        show(decode_all(variant.signature, (variant.value,), [_Value(member)], what)['value'])
    elif asked != 'Set':
        results = decode_all(*answer, member.outputs, what)
        if results:
            show(results if len(results) > 1 else next(iter(results.values())))


def failed(error):
    """Says it in one line, and what it carries in JSON."""
    fields = getattr(error, 'fields', {})
    print(f'{error.name}: {error.message}', file=sys.stderr)
    if fields:
        print(json.dumps(fields, ensure_ascii=False, indent=2), file=sys.stderr)
    return CALL_FAILED


def list_members(service):
    for interface in service.interfaces:
        prefix = service.short_name(interface)
        prefix = prefix + '.' if prefix else ''
        for method in interface.methods:
            print(plain_signature(prefix + method.name, method.inputs, method.outputs))
        for item in interface.properties:
            print(f'{prefix}{item.name} = {item.type}' + (' (can be set)' if 'write' in item.access
                                                          else ''))
    return 0


# ---- watch ----
def watch(arguments):
    service = one_service(arguments.file)
    found = [(interface, item) for interface in service.interfaces for item in interface.signals]
    if arguments.signals:
        found = [find_member(service, name, ('signals',)) for name in arguments.signals]
    watched = [] if arguments.signals else [item for item in service.interfaces if item.properties]
    if not found and not watched:
        raise Problem(f'{service.root.name} has no signals and no properties')
    return asyncio.run(_Watcher(service, arguments).run(binding(), found, watched))


class _Watcher:
    def __init__(self, service, arguments):
        self.service, self.arguments, self.count = service, arguments, 0
        self.over = asyncio.Event()

    async def run(self, xcpbus, signals, interfaces):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.over.set)
        try:
            async with await xcpbus.connect(self.arguments.address) as bus:
                for interface, item in signals:
                    bus.subscribe(self.rule(interface.name, item.name), self.on_signal(interface, item))
                for interface in interfaces:
                    bus.subscribe(self.rule(PROPERTIES, 'PropertiesChanged') +
                                  f",arg0='{interface.name}'", self.on_change(interface))
                # The bus has all of the rules when it answers this.
                await bus.call('org.freedesktop.DBus', '/org/freedesktop/DBus',
                               'org.freedesktop.DBus', 'GetId')
                print(f'watching {self.service.root.name}', file=sys.stderr, flush=True)
                return await self.until_over(bus)
        except xcpbus.Error as error:
            return failed(error)

    async def until_over(self, bus):
        over = asyncio.ensure_future(self.over.wait())
        lost = asyncio.ensure_future(bus.wait_closed())
        await asyncio.wait([over, lost], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        lost.cancel()
        return 0 if self.over.is_set() else failed(lost.result())

    def rule(self, interface, member):
        sender = self.arguments.destination or self.service.name
        path = self.arguments.path
        return (f"type='signal',interface='{interface}',member='{member}'" +
                (f",sender='{sender}'" if sender else '') + (f",path='{path}'" if path else ''))

    def print(self, value):
        if not self.over.is_set():
            line(value)
        self.count += 1
        if self.count == self.arguments.count:
            self.over.set()

    def shown(self, interface, name):
        short = self.service.short_name(interface)
        return f'{short}.{name}' if short else name

    def on_signal(self, interface, item):
        name = self.shown(interface, item.name)

        def print_it(signature, wire):
            try:
                self.print({'signal': name, 'arguments': decode_all(signature, wire, item.args, name)})
            except Problem as problem:
                print(problem, file=sys.stderr)
        return print_it

    def on_change(self, interface):
        types_of = {item.name: item.type for item in interface.properties}

        def print_it(signature, wire):
            if signature != 'sa{sv}as':
                return
            changed = {}
            for name, variant in wire[1].items():
                type_ = types_of.get(name)
                if type_ and type_.signature() == variant.signature:
                    changed[self.shown(interface, name)] = values.decode(variant.value, type_)
                else:
                    changed[self.shown(interface, name)] = values.decode(variant, types.Any())
            changed.update({self.shown(interface, name): None for name in wire[2]})
            self.print({'changed': changed})
        return print_it

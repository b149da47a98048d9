# SPDX-License-Identifier: LGPL-2.1-or-later
"""`xcp-bus-idl mock`: a service that has an interface and nothing behind it.

What it answers is made up from the types, or taken from a file:

    {"Login": {"result": "session-1"},
     "ReserveMemory": {"error": "CannotFreeThisMuchMemory", "fields": {"free_kib": 12}},
     "VM.Add": {"remember": {"vm/$id": "$vm"}, "emit": {"VM.Changed": {"id": "$id"}}},
     "VM.Get": {"recall": "vm/$id", "otherwise": {"error": "DoesNotExist"}},
     "VM.List": {"recall_all": "vm/", "delay": 0.5},
     "Size": {"value": 12}}

"$id" stands for the argument `id`. xcp-bus-idl(1) has all of it.
"""
import asyncio
import json
import signal
import sys

from . import values
from .command import binding, line, one_service, place
from .command_arguments import find_member
from .introspected import sha256_of
from .mock_answers import Answers
from .problem import Problem

STDIN_LIMIT = 64 << 20


def mock(arguments):
    service = one_service(arguments.file)
    destination, path = place(service, arguments)
    answers = Answers(service)
    if arguments.answers:
        answers.add(read_json(arguments.answers), arguments.answers)
    return asyncio.run(_Mock(binding(), service, answers, arguments).run(destination, path))


def read_json(path):
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except OSError as error:
        raise Problem(f'{path}: {error.strerror}') from None
    except ValueError as error:
        raise Problem(f'{path} is not JSON: {error}') from None


class _Mock:
    def __init__(self, xcpbus, service, answers, arguments):
        self.xcpbus, self.service, self.answers = xcpbus, service, answers
        self.arguments, self.instances, self.bus = arguments, {}, None

    async def run(self, destination, path):
        over = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        try:
            async with await self.xcpbus.connect(self.arguments.address) as self.bus:
                for interface in self.service.interfaces:
                    instance = service_class(self, interface)()
                    self.instances[interface.name] = instance
                    self.xcpbus.export(self.bus, instance, path)
                if not self.bus.request_name(destination, queue=False):
                    raise Problem(f'somebody else has the name {destination}')
                print(f'serving {destination} {path}', flush=True)
                return await self.until(over)
        except self.xcpbus.Error as error:
            print(error, file=sys.stderr)
            return 1

    async def until(self, over):
        waits = [asyncio.ensure_future(over.wait()), asyncio.ensure_future(self.bus.wait_closed())]
        if self.arguments.control:
            waits.append(asyncio.ensure_future(self.read_control()))
        done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in rest:
            wait.cancel()
        if waits[1] in done and not over.is_set():
            print(waits[1].result(), file=sys.stderr)
            return 1
        return 0

    # ---- what is said on standard input ----
    async def read_control(self):
        """Lines of JSON, until their end, which is that of the mock as well."""
        reader = asyncio.StreamReader(limit=STDIN_LIMIT)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while text := await reader.readline():
            try:
                self.control(json.loads(text))
                line({'done': True})
            except (Problem, ValueError, self.xcpbus.Error) as problem:
                line({'done': False, 'problem': str(problem)})

    def control(self, order):
        if not isinstance(order, dict) or not set(order) <= {'answers', 'emit', 'set'}:
            raise Problem('an order has "answers", "emit" or "set"')
        self.answers.add(order.get('answers', {}), 'standard input')
        for name, value in order.get('set', {}).items():
            interface, item = find_member(self.service, name, ('properties',))
            self.set(interface, item, value)
        self.emit(order.get('emit', {}), {})

    # ---- what members do ----
    def encoder(self):
        return values.Encoder(self.xcpbus.Variant)

    def decode(self, wire, type_):
        try:
            return values.decode(wire, type_)
        except Problem as problem:
            raise self.xcpbus.InvalidArgs(str(problem)) from None

    def emit(self, signals, given):
        for name, arguments in signals.items():
            interface, item = find_member(self.service, name, ('signals',))
            known = self.answers.arguments(item, arguments, given)
            encoder = self.encoder()
            wire = tuple(encoder.encode(known[arg.name], arg.type, f'{name}: {arg.name}')
                         for arg in item.args)
            for export in self.instances[interface.name]._exports:
                self.bus.emit(export.path, interface.name, item.name,
                              ''.join(arg.type.signature() for arg in item.args), wire)

    def set(self, interface, item, value):
        self.encoder().encode(value, item.type, item.name)  # or a Problem
        self.answers.set_property(interface, item, value)
        if item.emits in ('true', 'invalidates'):
            self.instances[interface.name].changed(item.name)

    def get(self, interface, item):
        value = self.answers.property(interface, item)
        return self.encoder().encode(value, item.type, item.name)

    async def answer(self, interface, method, wire):
        given = {arg.name: self.decode(value, arg.type) for arg, value in zip(method.inputs, wire)}
        name = self.answers.name_of(interface, method)
        answer = self.answers.to(interface, method, given)
        self.log({'call': name, 'arguments': given, **answer.shown()})
        if answer.delay:
            await asyncio.sleep(answer.delay)
        self.emit(answer.emit, given)
        if answer.error:
            raise self.error(answer)
        encoder = self.encoder()
        results = tuple(encoder.encode(answer.results[arg.name], arg.type, f'{name}: {arg.name}')
                        for arg in method.outputs)
        return results if len(results) > 1 else results[0] if results else None

    def error(self, answer):
        declared, encoder = self.service.errors.get(answer.error), self.encoder()
        if not declared:
            return self.xcpbus.Error(answer.message, name=answer.error)
        wire = tuple(encoder.encode(answer.fields[field.name], field.type, field.name)
                     for field in declared.fields)
        error = self.xcpbus.Error(answer.message or declared.doc, name=declared.full_name)
        error.to_values = lambda: (declared.signature()[1:], wire)
        return error

    def log(self, what):
        if self.arguments.log:
            line(what)


# ---- a class as the printed code has it, whose values are those that travel ----
def service_class(mock_service, interface):
    from xcpbus import Service, codec
    from xcpbus.service import Member

    class Wire(Member):
        """Says itself what it takes, instead of by annotations."""
        names = []

        def take(self, item, inputs, outputs):
            self.is_deprecated = item.is_deprecated
            self.names = [arg.name for arg in inputs]
            self._codecs = tuple(codec.Codec(''.join(arg.type.signature() for arg in args))
                                 for args in (inputs, outputs))
            return self

    declared, written = {}, {}
    for method in interface.methods:
        member = Wire('method', method.name, [arg.name for arg in method.outputs],
                      no_reply=method.has_no_reply)
        declared[method.name] = member.take(method, method.inputs, method.outputs)(lambda self: None)
        written[method.name] = _method(mock_service, interface, method)
    for item in interface.signals:
        member = Wire('signal', item.name)
        declared[item.name] = member.take(item, item.args, [])(lambda self: None)
    for item in interface.properties:
        member = Wire('property', item.name, ['value'], emits=item.emits, access=item.access)
        declared[item.name] = property(member.take(item, [], [item])(lambda self: None))
        written[item.name] = _property(mock_service, interface, item)
    base = type(Service)(interface.name, (Service,), declared, interface=interface.name,
                         sha256=sha256_of(mock_service.service))
    return type(Service)('Mock', (base,), written)


def _method(mock_service, interface, method):
    async def answer(self, *wire):
        try:
            return await mock_service.answer(interface, method, wire)
        except Problem as problem:
            print(f'{method.name}: {problem}', file=sys.stderr, flush=True)
            raise mock_service.xcpbus.Error(str(problem)) from None
    return answer


def _property(mock_service, interface, item):
    def get(self):
        return mock_service.get(interface, item)

    def set_(self, wire):
        value = mock_service.decode(wire, item.type)
        mock_service.log({'set': item.name, 'value': value})
        mock_service.set(interface, item, value)
    return property(get, set_)

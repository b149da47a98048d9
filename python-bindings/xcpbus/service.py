# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interfaces as classes, and services that have them.

A module that xcp-bus-idl prints has a class for each interface, whose methods say in decorators what they
are called on the bus, and in annotations what they take. A program inherits from it and writes the methods
that it has. All others are not on the bus: who calls one gets UnknownMethod.
"""
from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import typing
from typing import Any, Callable, ClassVar, Dict, List, Optional, Sequence, Tuple, TypeVar

from . import _values, codec, errors
from ._xcpbus import ffi, lib
from .connection import Connection
from .entries import Entry, Origin, address_of, c_text, on_failure, run_entry, text_of

_F = TypeVar('_F', bound=Callable[..., Any])
CALLS_MAX = 1024  # of one exported interface, at once: more are refused
CALLS_SIZE_MAX = 64 * 2**20  # bytes of them
FLAGS = {'true': 4, 'invalidates': 8, 'const': 16, 'false': 0}
DEPRECATED, SINCE = 'org.freedesktop.DBus.Deprecated', 'org.gtk.GDBus.Since'
OURS = 'org.xen.xcp.'
FAILED = 'org.freedesktop.DBus.Error.Failed'


class Call(Origin):
    """Who called the method that is running, and at which object. See current_call()."""


_current: contextvars.ContextVar[Call] = contextvars.ContextVar('xcpbus call')


def current_call() -> Call:
    """Inside a method of a service: who called it."""
    return _current.get()


# ---- what a class says of its members ----

def annotations_of(timeout: str = '', idempotent: bool = False, deprecated: bool = False,
                   replaced_by: str = '', since: str = '', unit: str = '',
                   secret: str = '') -> Dict[str, str]:
    """For the introspection, which has a flag for what is deprecated."""
    ours = {'ReplacedBy': replaced_by, 'Timeout': timeout, 'Idempotent': 'true' if idempotent else '',
            'Unit': unit, 'Secret': secret}
    found = {SINCE: since, **{OURS + name: value for name, value in ours.items()}}
    return {name: value for name, value in found.items() if value}


class Member:
    """A method, a signal or a property of an interface. Types are looked at when they are first needed."""

    def __init__(self, kind: str, member: str, results: Sequence[str] = (),
                 timeout: Optional[float] = None, no_reply: bool = False, emits: str = 'true',
                 access: str = 'read', **remarks: Any) -> None:
        self.kind, self.member, self.results = kind, member, tuple(results)
        self.timeout, self.no_reply, self.emits, self.access = timeout, no_reply, emits, access
        self.is_deprecated = bool(remarks.get('deprecated'))
        self.is_idempotent = bool(remarks.get('idempotent'))
        self.annotations = annotations_of(timeout=f'{timeout:g}' if timeout else '', **remarks)
        self.function: Any = None
        self.interface = ''
        self._codecs: Optional[Tuple[codec.Codec, codec.Codec]] = None

    def __call__(self, function: _F) -> _F:
        self.function = function
        function._xcpbus = self  # type: ignore[attr-defined]
        return function

    @property
    def names(self) -> List[str]:
        return list(inspect.signature(self.function).parameters)[1:]

    def codecs(self) -> Tuple[codec.Codec, codec.Codec]:
        """Of what goes in, and of what comes out."""
        if self._codecs is None:
            hints = typing.get_type_hints(self.function, include_extras=True)
            result = hints.pop('return', None)
            outputs = ([] if result in (None, type(None)) else [result])
            if len(self.results) > 1:
                outputs = list(typing.get_args(result))
            self._codecs = (codec.of_values([hints[name] for name in self.names]),
                            codec.of_values(outputs))
        return self._codecs

    def one_or_many(self, values: Tuple[Any, ...]) -> Any:
        """What a call gives back, in Python's way."""
        if len(self.results) > 1:
            return values
        return values[0] if self.results else None

    def all_of(self, value: Any) -> Tuple[Any, ...]:
        if len(self.results) > 1:
            if not isinstance(value, tuple):
                raise errors.Invalid(f'{len(self.results)} values are expected, not {type(value).__name__}')
            return value
        if not self.results and value is not None:
            raise errors.Invalid(f'None is expected, not {type(value).__name__}')
        return (value,) if self.results else ()


def method(member: str, *, results: Sequence[str] = (), timeout: Optional[float] = None,
           no_reply: bool = False, **remarks: Any) -> Member:
    """Above a method: its name on the bus, those of its results, and what annotations_of() takes."""
    return Member('method', member, results, timeout, no_reply, **remarks)


def signal(member: str, **remarks: Any) -> Member:
    return Member('signal', member, **remarks)


def getter(member: str, *, emits: str = 'true', access: str = 'read', **remarks: Any) -> Member:
    """Below @property."""
    return Member('property', member, ('value',), emits=emits, access=access, **remarks)


def member_of(thing: Any) -> Member:
    """What a method, signal or property of a service class, as it was printed, says of itself."""
    found: Optional[Member] = getattr(getattr(thing, 'fget', thing), '_xcpbus', None)
    if found is None:
        raise TypeError(f'{thing!r} is not a member of an interface')
    return found


class Service:
    """One interface at one object path. Of the names below, `_` is the library's."""

    _interface: ClassVar[str] = ''
    _name: ClassVar[str] = ''  # of the service on the bus; '': any
    _path: ClassVar[str] = ''
    _annotations: ClassVar[Dict[str, str]] = {}
    _members: ClassVar[Dict[str, Member]] = {}  # by attribute
    _exports: List[Export]

    def __init_subclass__(cls, interface: str = '', name: str = '', path: str = '',
                          deprecated: bool = False, since: str = '', sha256: str = '',
                          **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not interface:
            return
        cls._interface, cls._name, cls._path = interface, name, path
        found = {DEPRECATED: 'true' if deprecated else '', SINCE: since, OURS + 'Sha256': sha256}
        cls._annotations = {name: value for name, value in found.items() if value}
        cls._members = {}
        for attribute, thing in vars(cls).items():
            member = getattr(getattr(thing, 'fget', thing), '_xcpbus', None)
            if isinstance(member, Member):
                member.interface = interface
                cls._members[attribute] = member

    @classmethod
    def _has(cls, attribute: str) -> bool:
        """Whether the program has written that member."""
        thing = getattr(cls, attribute)
        return not hasattr(getattr(thing, 'fget', thing), '_xcpbus')

    @classmethod
    def unimplemented(cls) -> List[str]:
        """The methods and properties of the interface that this class does not have."""
        return [found.member for attribute, found in cls._members.items()
                if found.kind != 'signal' and not cls._has(attribute)]

    def changed(self, *attributes: str) -> None:
        """Tells the bus that properties have other values now; without arguments: all of them."""
        names = [self._members[attribute].member for attribute in attributes]
        for export in getattr(self, '_exports', []):
            export.changed(names)

    def _emit(self, thing: Any, *values: Any) -> None:
        member = member_of(thing)
        inputs, _ = member.codecs()
        for export in getattr(self, '_exports', []):
            export.connection.emit(export.path, member.interface, member.member, inputs.signature,
                                   inputs.encoded(values))


# ---- the tables of libxcpbus ----

class _Table:
    """Of a class. It lives as long as the class does, which is longer than any export."""

    def __init__(self, cls: Any) -> None:
        self._kept: List[Any] = []
        self.by_member: Dict[Tuple[str, str], Tuple[str, Member]] = {}
        rows: Dict[str, List[Any]] = {'method': [], 'signal': [], 'property': []}
        for attribute, member in cls._members.items():
            if member.kind == 'signal' or cls._has(attribute):
                rows[member.kind].append(getattr(self, '_' + member.kind)(member))
                self.by_member[member.kind, member.member] = attribute, member
        self.interface = self._keep(ffi.new('struct xcpbus_interface *'))
        self.interface.name = self._text(cls._interface)
        self.interface.annotations = self._annotations(cls._annotations)
        self.interface.methods = self._rows('struct xcpbus_method', rows['method'])
        self.interface.signals = self._rows('struct xcpbus_signal', rows['signal'])
        self.interface.properties = self._rows('struct xcpbus_property', rows['property'])

    def _keep(self, thing: Any) -> Any:
        self._kept.append(thing)
        return thing

    def _text(self, text: str) -> Any:
        return self._keep(ffi.new('char[]', text.encode()))

    def _rows(self, kind: str, rows: List[Dict[str, Any]]) -> Any:
        return self._keep(ffi.new(kind + '[]', [*rows, {}]))

    def _annotations(self, annotations: Dict[str, str]) -> Any:
        if not annotations:
            return ffi.NULL
        return self._rows('struct xcpbus_annotation', [
            {'name': self._text(name), 'value': self._text(value)}
            for name, value in annotations.items()])

    def _rest(self, member: Member) -> Dict[str, Any]:
        return {'flags': (1 if member.is_deprecated else 0) | (2 if member.no_reply else 0),
                'annotations': self._annotations(member.annotations)}

    def _method(self, member: Member) -> Dict[str, Any]:
        inputs, outputs = member.codecs()
        return {'member': self._text(member.member), 'in_signature': self._text(inputs.signature),
                'out_signature': self._text(outputs.signature), 'handler': lib.on_method,
                'in_names': self._text(' '.join(map(codec.wire_name, member.names))),
                'out_names': self._text(' '.join(member.results)), **self._rest(member)}

    def _signal(self, member: Member) -> Dict[str, Any]:
        return {'member': self._text(member.member),
                'signature': self._text(member.codecs()[0].signature),
                'names': self._text(' '.join(map(codec.wire_name, member.names))),
                **self._rest(member)}

    def _property(self, member: Member) -> Dict[str, Any]:
        rest = self._rest(member)
        rest['flags'] |= FLAGS[member.emits]
        return {'name': self._text(member.member),
                'signature': self._text(member.codecs()[1].signature),
                'get': ffi.NULL if member.access == 'write' else lib.on_get,
                'set': ffi.NULL if member.access == 'read' else lib.on_set, **rest}


def _table_of(cls: Any) -> _Table:
    if '_table' not in vars(cls):
        cls._table = _Table(cls)
    found: _Table = cls._table
    return found


# ---- calls ----

class Export(Entry):
    """A service at a path, until close()."""

    def __init__(self, connection: Connection, service: Service, path: str) -> None:
        self._table = _table_of(type(service))
        self.service, self.path = service, path
        self._running = self._size = 0  # calls without an answer, and how large they are
        # In the object, not in the class.
        service.__dict__.setdefault('_exports', []).append(self)
        super().__init__(connection)

    def close(self) -> None:
        super().close()
        self.on_lost()
        self.connection._touch()

    def on_lost(self) -> None:
        exports = self.service.__dict__['_exports']
        if self in exports:
            exports.remove(self)

    def changed(self, names: List[str]) -> None:
        for name in names or [ffi.NULL]:
            text = name if name == ffi.NULL else name.encode()
            self.connection._check(lib.xcpbus_changed(
                self.connection._checked(), self.path.encode(), self.service._interface.encode(),
                text))
        self.connection._touch()

    def on_method(self, call: Any, message: Any) -> int:
        who = Call(text_of(lib.dbus_message_get_sender(message)), self.path,
                   text_of(lib.dbus_message_get_member(message)))
        attribute, member = self._table.by_member['method', who.member]
        size = lib.message_size(message)
        if self._running >= CALLS_MAX or self._running and self._size + size > CALLS_SIZE_MAX:
            raise_to(call, errors.LimitsExceeded('too many calls wait for this service'))
            return 0
        try:
            values = member.codecs()[0].decoded(_values.read(address_of(message)))
        except errors.Invalid as problem:
            raise_to(call, errors.InvalidArgs(str(problem)))
            return 0
        unanswered = [call]
        task = self.connection._loop.create_task(
            self._answer(unanswered, who, getattr(self.service, attribute), member, values))
        lib.xcpbus_keep(call)
        self._running += 1
        self._size += size
        self.connection._tasks.add(task)
        task.add_done_callback(functools.partial(self._on_end, unanswered, size))
        return 0

    async def _answer(self, unanswered: List[Any], who: Call, function: Any, member: Member,
                      values: Tuple[Any, ...]) -> None:
        call = unanswered.pop()  # which is answered below, whatever happens
        _current.set(who)
        try:
            outputs = member.codecs()[1]
            result = outputs.encoded(member.all_of(await function(*values)))
            reply_to(call, outputs.signature, result)
        except errors.Error as error:
            raise_to(call, error)
        except Exception as problem:
            raise_to(call, errors.Error(f'{who.member} failed in the service: '
                                        f'{type(problem).__name__}'))
            self.connection._report(problem, f'xcpbus: {self.service._interface}.{who.member} failed')
        except BaseException:  # it was cancelled, or the program ends
            raise_to(call, errors.Error('the service is ending'))
            raise

    def _on_end(self, unanswered: List[Any], size: int, task: asyncio.Task[None]) -> None:
        self.connection._tasks.discard(task)
        self._running -= 1
        self._size -= size
        if unanswered:  # it was cancelled before it began
            raise_to(unanswered.pop(), errors.Error('the service is ending'))
        if not task.cancelled():
            task.exception()  # such as SystemExit, which has gone through the loop
        self.connection._touch()

    # ---- properties ----

    def on_get(self, name: str, value: Any) -> int:
        attribute, member = self._table.by_member['property', name]
        _, outputs = member.codecs()
        (encoded,) = outputs.encoded((getattr(self.service, attribute),))
        _values.append_iter(address_of(value), outputs.signature, encoded)
        return 1

    def on_set(self, name: str, value: Any, error: Any) -> int:
        attribute, member = self._table.by_member['property', name]
        try:
            (decoded,) = member.codecs()[1].decoded((_values.read_iter(address_of(value)),))
            setattr(self.service, attribute, decoded)
        except errors.Invalid as problem:
            _fill(error, errors.InvalidArgs(str(problem)))
        except errors.Error as problem:
            _fill(error, problem)
        else:
            return 1
        return 2


def clean(text: Any) -> str:
    """What can be sent of it."""
    return str(text).replace('\0', '').encode('utf-8', 'replace').decode()


def _fill(struct: Any, error: errors.Error) -> None:
    lib.xcpbus_error_set(struct, clean(error.name).encode(), b'%s',
                         ffi.new('char[]', clean(error.message).encode()))


def reply_to(call: Any, signature: str, values: Tuple[Any, ...]) -> None:
    message = lib.dbus_message_new_method_return(lib.xcpbus_invocation_message(call))
    try:
        if signature:
            _values.append(address_of(message), signature, values)
        lib.xcpbus_reply_message(call, message)
    finally:
        lib.dbus_message_unref(message)


def _new_error(call: Any, name: str, signature: str, values: Tuple[Any, ...]) -> Any:
    message = lib.make_error(lib.xcpbus_invocation_message(call), name.encode())
    try:
        _values.append(address_of(message), signature, values)
    except BaseException:
        lib.dbus_message_unref(message)
        raise
    return message


def raise_to(call: Any, error: errors.Error) -> None:
    """Answers with an error and what it carries, or at least with an error."""
    name, text = clean(error.name), clean(error.message)
    try:
        signature, values = getattr(error, 'to_values', lambda: ('', ()))()
        message = _new_error(call, name, 's' + signature, (text, *values))
    except Exception:
        message = _new_error(call, FAILED, 's', (f'{name}: {text}',))
    lib.xcpbus_reply_message(call, message)
    lib.dbus_message_unref(message)


@ffi.def_extern(error=-5, onerror=on_failure)  # type: ignore[misc]
def on_method(call: Any, message: Any, data: Any) -> int:
    return -5 if run_entry(data, 'on_method', call, message) is None else 0


@ffi.def_extern(error=-5, onerror=on_failure)  # type: ignore[misc]
def on_get(row: Any, value: Any, data: Any) -> int:
    return 0 if run_entry(data, 'on_get', text_of(row.name), value) == 1 else -5


@ffi.def_extern(error=-22, onerror=on_failure)  # type: ignore[misc]
def on_set(row: Any, value: Any, error: Any, data: Any) -> int:
    return 0 if run_entry(data, 'on_set', text_of(row.name), value, error) == 1 else -22


def export(connection: Connection, service: Service, path: Optional[str] = None) -> Export:
    """Offers a service at its own path, or another."""
    connection._checked()
    where = path or service._path
    if not where:
        raise ValueError(f'{type(service).__name__} can be anywhere: say at which path')
    text = c_text(where)
    entry = Export(connection, service, where)
    return connection._add(entry, lib.add_export, text, entry._table.interface, entry.key)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection to the bus in an asyncio loop.

libxcpbus never waits here but in request_name and release_name, which are answered by the bus itself. Its
descriptor is added to the loop, and each event is one xcpbus_process. What can call back (an awaited
answer, a subscription, an exported service) is an entry with a number, and C knows the number only: one
that is not there any more is no one's.
"""
from __future__ import annotations

import asyncio
import errno
import itertools
import math
import warnings
import weakref
from typing import Any, Callable, Dict, List, Optional, Tuple, Type, TypeVar

from . import _values, errors
from ._xcpbus import ffi, lib

Event = Callable[[str, Optional[errors.Error]], object]
_E = TypeVar('_E', bound='Entry')
POLLIN, POLLOUT = 1, 4
LOST, RETRYING, RECONNECTED = 1, 2, 3
EVENTS = {LOST: 'lost', RETRYING: 'retrying', RECONNECTED: 'reconnected'}
SLICE_MS = 1000  # how long a connect waits before it looks whether somebody still wants it
FLUSH_MS = 5000
DO_NOT_QUEUE, REPLACE_EXISTING, ALLOW_REPLACEMENT = 4, 2, 1

_keys = itertools.count(1)
_live: weakref.WeakValueDictionary[int, Entry] = weakref.WeakValueDictionary()


def address_of(pointer: Any) -> int:
    return int(ffi.cast('uintptr_t', pointer))


def text_of(pointer: Any) -> str:
    """Of a C string; libdbus has made sure that it is UTF-8."""
    return '' if pointer == ffi.NULL else str(ffi.string(pointer).decode('utf-8', 'replace'))


def error_of(struct: Any) -> errors.Error:
    return errors.plain(text_of(struct.name), text_of(struct.message))


def milliseconds(seconds: Optional[float]) -> int:
    """0 is the default of the library, 25 seconds."""
    return 0 if seconds is None else min(max(1, math.ceil(seconds * 1000)), 2**31 - 1)


class Entry:
    """Something that C can call. It is over when it is closed, or the connection is."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.key, self.slot = connection, next(_keys), ffi.NULL
        connection._entries[self.key] = self
        _live[self.key] = self

    def close(self) -> None:
        if self.connection._entries.pop(self.key, None):
            slot, self.slot = self.slot, ffi.NULL
            lib.xcpbus_slot_free(slot)

    def on_lost(self) -> None:
        """The connection was closed by this program."""


class _Call(Entry):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.future: asyncio.Future[Tuple[str, Tuple[Any, ...]]] = connection._loop.create_future()

    def on_reply(self, reply: Any, error: Any) -> None:
        self.close()
        if self.future.done():
            return
        if error != ffi.NULL:
            self.future.set_exception(self.failure(error))
            return
        signature = text_of(lib.dbus_message_get_signature(reply))
        try:
            self.future.set_result((signature, _values.read(address_of(reply))))
        except Exception as problem:  # such as no memory
            self.future.set_exception(problem)

    def failure(self, error: Any) -> errors.Error:
        """With what it carries, if it is one that a module knows."""
        name, message = text_of(error.name), text_of(error.message)
        decode = getattr(errors.class_of(name), 'from_values', None)
        reply = lib.xcpbus_error_reply(self.connection._bus) if decode else ffi.NULL
        if decode and reply != ffi.NULL:
            try:
                found: errors.Error = decode(text_of(lib.dbus_message_get_signature(reply)),
                                             _values.read(address_of(reply)))
                return found
            except ValueError:
                pass  # not what its interface says: still an error of that name
        return errors.plain(name, message)

    def on_lost(self) -> None:
        if not self.future.done():
            self.future.set_exception(errors.Disconnected('the connection was closed'))


class Subscribed(Entry):
    """Messages that match a rule, until close()."""

    def __init__(self, connection: Connection,
                 callback: Callable[[str, Tuple[Any, ...]], object]) -> None:
        super().__init__(connection)
        self.callback = callback
        self.refused: Optional[Callable[[errors.Error], object]] = None

    def on_signal(self, message: Any) -> None:
        self.callback(text_of(lib.dbus_message_get_signature(message)),
                      _values.read(address_of(message)))

    def on_reply(self, _: Any, error: Any) -> None:
        problem = error_of(error)
        if not self.refused:
            raise problem
        self.refused(problem)

    def on_lost(self) -> None:
        if self.refused:
            self.refused(errors.Disconnected('the connection was closed'))


class Watched(Entry):
    """Who owns a name, until close()."""

    def __init__(self, connection: Connection, callback: Callable[[str], object]) -> None:
        super().__init__(connection)
        self.callback = callback

    def on_owner(self, owner: str) -> None:
        self.callback(owner)


class _Ends(Entry):
    def on_event(self, event: int, error: Any) -> None:
        self.connection._on_event(event, None if error == ffi.NULL else error_of(error))

    def on_disconnect(self, failure: int) -> None:
        self.connection._on_disconnect(failure)


class Connection:
    """Made by connect(). Use it in the loop in which it was made, and in its thread."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._entries: Dict[int, Entry] = {}
        self._failure = ffi.new('int *')
        self._listeners: List[Event] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed: asyncio.Future[errors.Error] = self._loop.create_future()
        self._fd, self._is_writing, self._is_due = -1, False, False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_fd_old = False
        self._interrupt: Optional[BaseException] = None
        lib.listen_to_end(bus, _Ends(self).key)
        self._touch()

    # ---- the loop ----

    def _touch(self) -> None:
        """Something is to be done: soon, and once for all that comes until then."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        if self._bus == ffi.NULL:
            return
        was_connected = lib.xcpbus_is_connected(self._bus)
        lib.xcpbus_process(self._bus)
        if self._interrupt:  # such as KeyboardInterrupt, which could not go through C
            interrupt, self._interrupt = self._interrupt, None
            self._touch()
            raise interrupt
        if self._bus != ffi.NULL:
            # Another descriptor may have the same number as the one that we know.
            if self._is_fd_old or not was_connected or not lib.xcpbus_is_connected(self._bus):
                self._forget_fd()
            self._arm()

    def _arm(self) -> None:
        """Wait for what the library waits for."""
        fd = lib.xcpbus_get_fd(self._bus)
        if fd != self._fd:
            self._forget_fd()
        events = lib.xcpbus_get_events(self._bus) if fd >= 0 else 0
        if fd >= 0 and self._fd < 0:
            self._loop.add_reader(fd, self._turn)
            self._fd = fd
        wants_write = bool(events & POLLOUT)
        if wants_write and not self._is_writing:
            self._loop.add_writer(fd, self._turn)
        elif self._is_writing and not wants_write:
            self._loop.remove_writer(fd)
        self._is_writing = wants_write
        self._set_timer(lib.xcpbus_get_timeout(self._bus))

    def _set_timer(self, timeout_ms: int) -> None:
        if timeout_ms == 0:
            self._touch()
        elif timeout_ms > 0:
            when = self._loop.time() + timeout_ms / 1000
            if self._timer and not self._timer.cancelled() and self._timer.when() <= when:
                return  # too early does no harm, and most deadlines never come
            self._cancel_timer()
            self._timer = self._loop.call_at(when, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._turn()

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _forget_fd(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            if self._is_writing:
                self._loop.remove_writer(self._fd)
        self._fd, self._is_writing, self._is_fd_old = -1, False, False

    def _report(self, problem: BaseException, what: str) -> None:
        self._loop.call_exception_handler({'message': what, 'exception': problem})

    # ---- its life ----

    def _on_event(self, event: int, error: Optional[errors.Error]) -> None:
        self._is_fd_old = True
        for listener in list(self._listeners):
            try:
                listener(EVENTS[event], error)
            except Exception as problem:
                self._report(problem, f'xcpbus: a listener to "{EVENTS[event]}" failed')

    def _on_disconnect(self, failure: int) -> None:
        if not self._closed.done():
            self._closed.set_result(errors.Disconnected(
                'the bus has closed the connection' if failure == -errno.EPIPE else
                f'the connection has ended: {errors.from_errno(failure).message}'))

    def add_listener(self, listener: Event) -> None:
        """listener(event, error): 'lost', 'retrying' or 'reconnected'. After the last, error is the
        first name or rule that the bus did not give back; ask for all that matters anew."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Event) -> None:
        self._listeners.remove(listener)

    @property
    def is_connected(self) -> bool:
        return self._bus != ffi.NULL and bool(lib.xcpbus_is_connected(self._bus))

    @property
    def unique_name(self) -> str:
        return text_of(lib.xcpbus_unique_name(self._checked()))

    @property
    def address(self) -> str:
        return text_of(lib.xcpbus_address(self._checked()))

    def set_keepalive(self, interval: float) -> None:
        """Ask for a sign of life when nothing came for so many seconds; 0: never."""
        self._check(lib.xcpbus_set_keepalive(self._checked(), math.ceil(interval * 1000)))
        self._touch()

    async def wait_closed(self) -> errors.Error:
        """Until the connection is over for good: the reason."""
        return await asyncio.shield(self._closed)

    async def close(self) -> None:
        """Ends it when what was sent has gone, for which it waits some seconds at most."""
        if self._bus == ffi.NULL:
            return
        bus, self._bus = self._bus, ffi.NULL
        self._detach()
        if lib.xcpbus_flush(bus, 1) == -errno.ETIMEDOUT:
            # The other side is slow. Nobody else has the connection any more, so a thread may.
            flushing = self._loop.run_in_executor(None, lib.xcpbus_flush, bus, FLUSH_MS)
            try:
                await asyncio.shield(flushing)
            except asyncio.CancelledError:
                flushing.add_done_callback(lambda _: lib.xcpbus_free(bus))
                self._end()
                raise
        lib.xcpbus_free(bus)
        self._end()

    def abort(self) -> None:
        """Ends it at once."""
        if self._bus != ffi.NULL:
            bus, self._bus = self._bus, ffi.NULL
            self._detach()
            lib.xcpbus_free(bus)
            self._end()

    def _detach(self) -> None:
        self._forget_fd()
        self._cancel_timer()
        for entry in self._entries.values():
            entry.slot = ffi.NULL  # they end with the connection

    def _end(self) -> None:
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            entry.on_lost()
        for task in list(self._tasks):
            task.cancel()
        if not self._closed.done():
            self._closed.set_result(errors.Disconnected('the connection was closed'))

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if getattr(self, '_bus', ffi.NULL) != ffi.NULL:
            warnings.warn(f'{self!r} was never closed', ResourceWarning, source=self)
            bus, self._bus = self._bus, ffi.NULL
            lib.xcpbus_free(bus)

    def _checked(self) -> Any:
        if self._bus == ffi.NULL:
            raise errors.Disconnected('the connection was closed')
        return self._bus

    def _check(self, result: int, message: str = '') -> int:
        if result < 0:
            raise errors.from_errno(result, message)
        return result

    def _add(self, entry: _E, add: Any, *arguments: Any) -> _E:
        """Starts what the entry stands for."""
        entry.slot = add(self._bus, *arguments, self._failure)
        if entry.slot == ffi.NULL:
            entry.close()
            raise errors.from_errno(self._failure[0])
        self._touch()
        return entry

    # ---- messages ----

    async def call(self, destination: str, path: str, interface: str, member: str,
                   signature: str = '', values: Tuple[Any, ...] = (),
                   timeout: Optional[float] = None) -> Tuple[Any, ...]:
        """Calls a method, and gives back all that was answered. `timeout` in seconds, 25 if None."""
        return (await self.call_with_signature(destination, path, interface, member, signature,
                                               values, timeout))[1]

    async def call_with_signature(
            self, destination: str, path: str, interface: str, member: str, signature: str,
            values: Tuple[Any, ...], timeout: Optional[float]) -> Tuple[str, Tuple[Any, ...]]:
        """The same, and the signature of the answer before it."""
        self._checked()
        message = lib.make_call(destination.encode(), path.encode(), interface.encode(),
                                member.encode())
        if message == ffi.NULL:
            raise errors.InvalidArgs(f'{destination} {path} {interface}.{member}: not a valid name')
        try:
            if signature:
                _values.append(address_of(message), signature, values)
            entry = _Call(self)
            self._add(entry, lib.add_call, message, milliseconds(timeout), entry.key)
        finally:
            lib.dbus_message_unref(message)
        try:
            return await entry.future
        finally:
            entry.close()  # if it was cancelled: the answer is for nobody

    def send(self, destination: str, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = ()) -> None:
        """Calls a method without waiting for an answer, or wanting one."""
        message = lib.make_call(destination.encode(), path.encode(), interface.encode(),
                                member.encode())
        if message != ffi.NULL:
            lib.dbus_message_set_no_reply(message, 1)
        self._send(message, signature, values)

    def emit(self, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = ()) -> None:
        """Sends a signal to all who subscribed to it."""
        self._send(lib.make_signal(path.encode(), interface.encode(), member.encode()), signature,
                   values)

    def _send(self, message: Any, signature: str, values: Tuple[Any, ...]) -> None:
        if message == ffi.NULL:
            raise errors.InvalidArgs('a name is not valid')
        try:
            if signature:
                _values.append(address_of(message), signature, values)
            self._check(lib.xcpbus_send(self._checked(), message))
        finally:
            lib.dbus_message_unref(message)
        self._touch()

    def subscribe(self, rule: str, callback: Callable[[str, Tuple[Any, ...]], object],
                  refused: Optional[Callable[[errors.Error], object]] = None) -> Subscribed:
        """Runs callback(signature, values) for each signal that matches a D-Bus match rule, until
        close(). `refused` runs if the bus does not accept it."""
        self._checked()
        entry = Subscribed(self, callback)
        entry.refused = refused
        return self._add(entry, lib.add_signal, rule.encode(), entry.key)

    # ---- names ----

    def watch_name(self, name: str, callback: Callable[[str], object]) -> Watched:
        """Runs callback(owner) soon and whenever it changes; '' is nobody."""
        self._checked()
        entry = Watched(self, callback)
        return self._add(entry, lib.add_owner, name.encode(), entry.key)

    def request_name(self, name: str, *, queue: bool = True, replace: bool = False,
                     allow_replacement: bool = False) -> bool:
        """Whether the name is ours now; if not, we wait in the queue for it (or not). Waits for the
        bus, which answers at once."""
        flags = ((0 if queue else DO_NOT_QUEUE) | (REPLACE_EXISTING if replace else 0) |
                 (ALLOW_REPLACEMENT if allow_replacement else 0))
        return self._ask_bus(lib.xcpbus_request_name, name.encode(), flags) in (1, 4)

    def release_name(self, name: str) -> None:
        self._ask_bus(lib.xcpbus_release_name, name.encode())

    def _ask_bus(self, function: Any, *arguments: Any) -> int:
        error = ffi.new('struct xcpbus_error *')
        result: int = function(self._checked(), *arguments, error)
        self._touch()
        if result < 0:
            raise error_of(error)
        return result


class _Dialing:
    """Connects in a thread: the library waits there. The connection goes if nobody wants it any more."""

    def __init__(self) -> None:
        self.is_wanted = True

    def dial(self, connect: Any, address: Any, timeout_ms: int) -> Any:
        out, error = ffi.new('struct xcpbus **'), ffi.new('struct xcpbus_error *')
        result = connect(address, timeout_ms, out, error)
        if result < 0:
            raise error_of(error)
        if not self.is_wanted:
            lib.xcpbus_free(out[0])
            raise errors.Disconnected('nobody wants it any more')
        return out[0]


async def _dial(connect: Any, address: Any, timeout_ms: int) -> Any:
    dialing = _Dialing()
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, dialing.dial, connect, address, timeout_ms)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        dialing.is_wanted = False
        future.add_done_callback(_free_result)
        raise


def _free_result(future: asyncio.Future[Any]) -> None:
    if not future.cancelled() and not future.exception():
        lib.xcpbus_free(future.result())


async def connect(address: Optional[str] = None, *, timeout: Optional[float] = None,
                  wait: bool = False, reconnect: bool = False,
                  cls: Type[Connection] = Connection) -> Connection:
    """Connects to the bus: at one of the `address`es, else $XCP_BUS_ADDRESS, else where xcp-bus is.

    With `wait` it is waited for until there is one, for `timeout` seconds or for ever; otherwise 10.
    With `reconnect` the connection is not over when the bus goes: see Connection.add_listener."""
    loop = asyncio.get_running_loop()
    where = ffi.NULL if address is None else ffi.new('char[]', address.encode())
    deadline = None if timeout is None else loop.time() + timeout
    while wait:
        left = SLICE_MS if deadline is None else int((deadline - loop.time()) * 1000)
        try:
            bus = await _dial(lib.xcpbus_connect_wait, where, min(max(left, 1), SLICE_MS))
            break
        except errors.Error as problem:
            is_over = deadline is not None and loop.time() >= deadline
            if is_over or isinstance(problem, errors.InvalidArgs):
                raise
    else:
        bus = await _dial(lib.xcpbus_connect, where, milliseconds(timeout))
    if reconnect:
        lib.xcpbus_set_reconnect(bus, True, 0)
    return cls(bus)


# ---- what C calls ----

def _entry(data: Any) -> Optional[Entry]:
    return _live.get(address_of(data))


def _run(data: Any, function: str, *arguments: Any) -> Any:
    """A method of the entry; what it raises goes to the loop, never to C."""
    entry = _entry(data)
    if entry is None:
        return None
    try:
        return getattr(entry, function)(*arguments)
    except Exception as problem:
        entry.connection._report(problem, f'xcpbus: {function} failed')
    except BaseException as problem:
        entry.connection._interrupt = problem
    return None


@ffi.def_extern()  # type: ignore[misc]
def on_reply(_: Any, reply: Any, error: Any, data: Any) -> None:
    _run(data, 'on_reply', reply, error)


@ffi.def_extern()  # type: ignore[misc]
def on_signal(_: Any, message: Any, data: Any) -> None:
    _run(data, 'on_signal', message)


@ffi.def_extern()  # type: ignore[misc]
def on_owner(_: Any, __: Any, owner: Any, data: Any) -> None:
    _run(data, 'on_owner', text_of(owner))


@ffi.def_extern()  # type: ignore[misc]
def on_event(_: Any, event: int, error: Any, data: Any) -> None:
    _run(data, 'on_event', event, error)


@ffi.def_extern()  # type: ignore[misc]
def on_disconnect(_: Any, failure: int, data: Any) -> None:
    _run(data, 'on_disconnect', failure)

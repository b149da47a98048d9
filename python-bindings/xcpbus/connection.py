# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection to the bus in an asyncio loop. libxcpbus never waits here but in request_name and
release_name, and once, when the first message of more than 64 KiB is sent, for how long one may be. All
three are answered by the bus itself."""
from __future__ import annotations

import asyncio
import errno
import math
import os
import warnings
import weakref
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, TypeVar

from . import _values, errors
from ._xcpbus import ffi, lib
from .entries import (Ends, Entry, PendingCall, Subscribed, Watched, address_of, c_text, error_of,
                      error_of_errno, text_of)
from .turns import Turns

Event = Callable[[str, Optional[errors.Error]], object]
_E = TypeVar('_E', bound=Entry)
LOST, RETRYING, RECONNECTED = 1, 2, 3
EVENTS = {LOST: 'lost', RETRYING: 'retrying', RECONNECTED: 'reconnected'}
FLUSH_MS = 5000
DO_NOT_QUEUE, REPLACE_EXISTING, ALLOW_REPLACEMENT = 4, 2, 1
_all: weakref.WeakSet[Connection] = weakref.WeakSet()


def milliseconds(seconds: Optional[float]) -> int:
    """0 is the default of the library, 25 seconds."""
    return 0 if seconds is None else math.ceil(min(max(1, seconds * 1000), 2**31 - 1))


def _new_call(destination: str, path: str, interface: str, member: str) -> Any:
    message = lib.make_call(c_text(destination), c_text(path), c_text(interface), c_text(member))
    if message == ffi.NULL:
        raise errors.InvalidArgs(f'{destination} {path} {interface}.{member}: not a valid name')
    return message


class Connection(Turns):
    """Made by connect(). Use it in the loop in which it was made, and in its thread."""

    def __init__(self, bus: Any) -> None:
        super().__init__(bus)
        self._entries: Dict[int, Entry] = {}
        self._failure = ffi.new('int *')
        self._listeners: List[Event] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed: asyncio.Future[errors.Error] = self._loop.create_future()
        self._why = 'the connection was closed'
        _all.add(self)
        lib.listen_to_end(bus, Ends(self).key)
        self._touch()

    # ---- its life ----

    def _on_event(self, event: int, error: Optional[errors.Error]) -> None:
        if event == LOST:
            self._forget_fd()  # before anybody can have another with its number
        self._is_fd_old = True
        if error and event == RECONNECTED and not self._listeners:
            self._report(error, 'xcpbus: the bus did not give everything back')
        for listener in list(self._listeners):
            try:
                listener(EVENTS[event], error)
            except Exception as problem:
                self._report(problem, f'xcpbus: a listener to "{EVENTS[event]}" failed')

    def _on_disconnect(self, failure: int) -> None:
        self._closed.set_result(errors.Disconnected(
            'the bus has closed the connection' if failure == -errno.EPIPE else
            f'the connection has ended: {error_of_errno(failure).message}'))
        self._tell_lost(entry for entry in self._entries.values() if isinstance(entry, Subscribed))

    def _tell_lost(self, entries: Iterable[Entry]) -> None:
        for entry in list(entries):
            try:
                entry.on_lost()
            except Exception as problem:
                self._report(problem, 'xcpbus: who was told of the end failed')

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
    def _is_over(self) -> bool:
        return self._bus == ffi.NULL or self._closed.done()

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
        bus = self._detach()
        if lib.xcpbus_flush(bus, 1) == -errno.ETIMEDOUT:
            # The other side is slow. Nobody else has the connection any more, so a thread may.
            loop = asyncio.get_running_loop()  # another one if ours is closed already
            flushing = loop.run_in_executor(None, lib.xcpbus_flush, bus, FLUSH_MS)
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
            lib.xcpbus_free(self._detach())
            self._end()

    def _detach(self) -> Any:
        """What is nobody's any more."""
        self._check_place()
        self._forget_fd()
        self._cancel_timer()
        return self._take_bus()

    def _take_bus(self) -> Any:
        bus, self._bus = self._bus, ffi.NULL
        for entry in self._entries.values():
            entry.slot = ffi.NULL  # they end with the connection
        return bus

    def _end(self) -> None:
        entries, self._entries = self._entries, {}
        if self._loop.is_closed():
            return  # nobody waits
        self._tell_lost(entries.values())
        for task in list(self._tasks):
            task.cancel()
        if not self._closed.done():
            self._closed.set_result(errors.Disconnected(self._why))

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if getattr(self, '_bus', ffi.NULL) != ffi.NULL:
            lib.xcpbus_free(self._take_bus())
            warnings.warn(f'{self!r} was never closed', ResourceWarning, source=self)

    def _checked(self) -> Any:
        if self._bus == ffi.NULL:
            raise errors.Disconnected(self._why)
        if self._loop.is_closed():
            raise RuntimeError('the loop of the connection is closed')
        self._check_place()
        return self._bus

    def _check(self, result: int) -> int:
        if result < 0:
            raise error_of_errno(result)
        return result

    def _add(self, entry: _E, add: Any, *arguments: Any) -> _E:
        """Starts what the entry stands for."""
        entry.slot = add(self._bus, *arguments, self._failure)
        self._touch()  # in any case: it may have waited for the bus, and read what came meanwhile
        if entry.slot == ffi.NULL:
            entry.close()
            raise error_of_errno(self._failure[0])
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
        timeout_ms = milliseconds(timeout)
        message = _new_call(destination, path, interface, member)
        try:
            if signature:
                _values.append(address_of(message), signature, values)
            entry = PendingCall(self)
            self._add(entry, lib.add_call, message, timeout_ms, entry.key)
        finally:
            lib.dbus_message_unref(message)
        try:
            return await entry.future
        finally:
            entry.close()  # if it was cancelled: the answer is for nobody
            del entry  # an error that it has would have this frame, and so the entry

    def send(self, destination: str, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = ()) -> None:
        """Calls a method without waiting for an answer, or wanting one."""
        message = _new_call(destination, path, interface, member)
        lib.dbus_message_set_no_reply(message, 1)
        self._send(message, signature, values)

    def emit(self, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = ()) -> None:
        """Sends a signal to all who subscribed to it."""
        message = lib.make_signal(c_text(path), c_text(interface), c_text(member))
        if message == ffi.NULL:
            raise errors.InvalidArgs(f'{path} {interface}.{member}: a name is not valid')
        self._send(message, signature, values)

    def _send(self, message: Any, signature: str, values: Tuple[Any, ...]) -> None:
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
        text = c_text(rule)
        entry = Subscribed(self, callback)
        entry.refused = refused
        return self._add(entry, lib.add_signal, text, entry.key)

    # ---- names ----

    def watch_name(self, name: str, callback: Callable[[str], object]) -> Watched:
        """Runs callback(owner) soon and whenever it changes; '' is nobody."""
        self._checked()
        text = c_text(name)
        entry = Watched(self, callback)
        return self._add(entry, lib.add_owner, text, entry.key)

    def request_name(self, name: str, *, queue: bool = True, replace: bool = False,
                     allow_replacement: bool = False) -> bool:
        """Whether the name is ours now; if not, we wait in the queue for it (or not). Waits for the
        bus, which answers at once."""
        flags = ((0 if queue else DO_NOT_QUEUE) | (REPLACE_EXISTING if replace else 0) |
                 (ALLOW_REPLACEMENT if allow_replacement else 0))
        return self._ask_bus(lib.xcpbus_request_name, c_text(name), flags) in (1, 4)

    def release_name(self, name: str) -> None:
        self._ask_bus(lib.xcpbus_release_name, c_text(name))

    def _ask_bus(self, function: Any, *arguments: Any) -> int:
        error = ffi.new('struct xcpbus_error *')
        result: int = function(self._checked(), *arguments, error)
        self._touch()
        if result < 0:
            raise error_of(error)
        return result


def _forget_all() -> None:
    """In a child that was forked: the library leaves the connections to the parent, and we the loop."""
    for connection in list(_all):
        lib.xcpbus_free(connection._take_bus())
        connection._why = 'the connection belongs to the process that was forked'
        connection._fd, connection._is_writing, connection._timer = -1, False, None


os.register_at_fork(after_in_child=_forget_all)

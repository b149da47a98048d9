# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection to the bus in an asyncio loop. libxcpbus never waits here but in request_name and
release_name, which are answered by the bus itself."""
from __future__ import annotations

import asyncio
import errno
import math
import warnings
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from . import _values, errors
from ._xcpbus import ffi, lib
from .entries import (Ends, Entry, PendingCall, Subscribed, Watched, address_of, error_of, text_of)
from .turns import Turns

Event = Callable[[str, Optional[errors.Error]], object]
_E = TypeVar('_E', bound=Entry)
LOST, RETRYING, RECONNECTED = 1, 2, 3
EVENTS = {LOST: 'lost', RETRYING: 'retrying', RECONNECTED: 'reconnected'}
FLUSH_MS = 5000
DO_NOT_QUEUE, REPLACE_EXISTING, ALLOW_REPLACEMENT = 4, 2, 1


def milliseconds(seconds: Optional[float]) -> int:
    """0 is the default of the library, 25 seconds."""
    return 0 if seconds is None else min(max(1, math.ceil(seconds * 1000)), 2**31 - 1)


class Connection(Turns):
    """Made by connect(). Use it in the loop in which it was made, and in its thread."""

    def __init__(self, bus: Any) -> None:
        super().__init__(bus)
        self._entries: Dict[int, Entry] = {}
        self._failure = ffi.new('int *')
        self._listeners: List[Event] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed: asyncio.Future[errors.Error] = self._loop.create_future()
        lib.listen_to_end(bus, Ends(self).key)
        self._touch()

    # ---- its life ----

    def _on_event(self, event: int, error: Optional[errors.Error]) -> None:
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
            f'the connection has ended: {errors.from_errno(failure).message}'))
        for entry in list(self._entries.values()):
            if isinstance(entry, Subscribed):
                entry.on_lost()

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
            entry = PendingCall(self)
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

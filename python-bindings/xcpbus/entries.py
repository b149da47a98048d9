# SPDX-License-Identifier: LGPL-2.1-or-later
"""What C can call back: an awaited answer, a subscription, a watched name, an exported service.

Each is an entry with a number, and the number is all that C knows: one that is not there any more is no
one's, so it does not matter in which order things end.
"""
from __future__ import annotations

import asyncio
import contextvars
import itertools
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple

from . import _values, errors
from ._xcpbus import ffi, lib

if TYPE_CHECKING:
    from .connection import Connection

_keys = itertools.count(1)
_live: weakref.WeakValueDictionary[int, Entry] = weakref.WeakValueDictionary()


def address_of(pointer: Any) -> int:
    return int(ffi.cast('uintptr_t', pointer))


def text_of(pointer: Any) -> str:
    """Of a C string; libdbus has made sure that it is UTF-8."""
    return '' if pointer == ffi.NULL else str(ffi.string(pointer).decode('utf-8', 'replace'))


def c_text(text: str) -> bytes:
    """For C, which would take what is before a NUL for all of it."""
    if '\0' in text:
        raise errors.InvalidArgs(f'{text!r:.100} has a NUL in it')
    return text.encode()


def error_of(struct: Any) -> errors.Error:
    return errors.plain(text_of(struct.name), text_of(struct.message))


def error_of_errno(failure: int) -> errors.Error:
    """Of a negative errno of libxcpbus."""
    error = ffi.new('struct xcpbus_error *')
    lib.xcpbus_error_set_errno(error, failure)
    return error_of(error)


@dataclass(frozen=True)
class Origin:
    """Where a message came from: who sent it, and the object that it is for, or from."""

    sender: str
    path: str
    member: str

    @property
    def domid(self) -> int:
        """In which domain the sender is; the bus has made sure of it."""
        return int(self.sender[1:].split('.')[0])


class Signal(Origin):
    """A signal. See current_signal() and Subscription.last."""


_current: contextvars.ContextVar[Signal] = contextvars.ContextVar('xcpbus signal')


def current_signal() -> Signal:
    """In a function that runs for a signal: who sent it, and from which object."""
    return _current.get()


class Entry:
    """Something that C can call. It is over when it is closed, or the connection is."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.key, self.slot = connection, next(_keys), ffi.NULL
        connection._entries[self.key] = self
        _live[self.key] = self

    def close(self) -> None:
        if self.slot != ffi.NULL:
            self.connection._check_place()
        self.connection._entries.pop(self.key, None)
        slot, self.slot = self.slot, ffi.NULL
        lib.xcpbus_slot_free(slot)

    def on_lost(self) -> None:
        """The connection is over."""

    def on_failure(self, problem: BaseException, function: str) -> None:
        """What one of the functions below raised: to the loop, never to C."""
        if isinstance(problem, (KeyboardInterrupt, SystemExit)):
            self.connection._interrupt = problem
        else:
            self.connection._report(problem, f'xcpbus: {function} failed')


class PendingCall(Entry):
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
        self.future.set_result((signature, _values.read(address_of(reply))))

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
            except Exception as problem:
                self.connection._report(problem, f'xcpbus: {name} cannot be read')
        return errors.plain(name, message)

    def on_failure(self, problem: BaseException, function: str) -> None:
        self.close()
        if not self.future.done():  # whatever happened, somebody waits
            self.future.set_exception(errors.Error(
                f'the answer could not be read: {type(problem).__name__}'))
        super().on_failure(problem, function)

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
        self.message: Any = ffi.NULL  # while the callback runs

    def on_signal(self, message: Any) -> None:
        self.message = message
        token = _current.set(Signal(text_of(lib.dbus_message_get_sender(message)),
                                    text_of(lib.dbus_message_get_path(message)),
                                    text_of(lib.dbus_message_get_member(message))))
        try:
            self.callback(text_of(lib.dbus_message_get_signature(message)),
                          _values.read(address_of(message)))
        finally:
            _current.reset(token)
            self.message = ffi.NULL

    def on_reply(self, _: Any, error: Any) -> None:
        problem = error_of(error)
        if not self.refused:
            raise problem
        self.refused(problem)

    def on_lost(self) -> None:
        if self.refused:
            self.refused(errors.Disconnected('the connection is over'))


class Watched(Entry):
    """Who owns a name, until close()."""

    def __init__(self, connection: Connection, callback: Callable[[str], object]) -> None:
        super().__init__(connection)
        self.callback = callback

    def on_owner(self, owner: str) -> None:
        self.callback(owner)


class Ends(Entry):
    """Hears of the connection being lost, found again, over."""

    def on_event(self, event: int, error: Any) -> None:
        self.connection._on_event(event, None if error == ffi.NULL else error_of(error))

    def on_disconnect(self, failure: int) -> None:
        self.connection._on_disconnect(failure)


# ---- what C calls ----

def run_entry(data: Any, function: str, *arguments: Any) -> Any:
    """A method of the entry, if there still is one. None if not."""
    entry = _live.get(address_of(data))
    return None if entry is None else getattr(entry, function)(*arguments)


def on_failure(_: Any, problem: BaseException, traceback: Any) -> None:
    """Of each function below, also if it was interrupted before it came to do anything."""
    frame = traceback.tb_frame
    entry = _live.get(address_of(frame.f_locals['data']))
    if entry is not None:
        entry.on_failure(problem, frame.f_code.co_name)


@ffi.def_extern(onerror=on_failure)  # type: ignore[misc]
def on_reply(_: Any, reply: Any, error: Any, data: Any) -> None:
    run_entry(data, 'on_reply', reply, error)


@ffi.def_extern(onerror=on_failure)  # type: ignore[misc]
def on_signal(_: Any, message: Any, data: Any) -> None:
    run_entry(data, 'on_signal', message)


@ffi.def_extern(onerror=on_failure)  # type: ignore[misc]
def on_owner(_: Any, __: Any, owner: Any, data: Any) -> None:
    run_entry(data, 'on_owner', text_of(owner))


@ffi.def_extern(onerror=on_failure)  # type: ignore[misc]
def on_event(_: Any, event: int, error: Any, data: Any) -> None:
    run_entry(data, 'on_event', event, error)


@ffi.def_extern(onerror=on_failure)  # type: ignore[misc]
def on_disconnect(_: Any, failure: int, data: Any) -> None:
    run_entry(data, 'on_disconnect', failure)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""A connection's place in an asyncio loop: whatever the library waits for, the loop waits for."""
from __future__ import annotations

import asyncio
from asyncio.events import _get_running_loop
from typing import Any, Optional

from ._xcpbus import ffi, lib

POLLOUT = 4


class Turns:
    """What the library has to do is done in one xcpbus_process, for each event and for all that the program
    wants between two events."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._fd, self._is_writing, self._is_due = -1, False, False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._is_fd_old = False
        self._interrupt: Optional[BaseException] = None

    def _check_place(self) -> None:
        """The library has no locks: two threads in it at once would end the program."""
        if self._loop.is_running() and _get_running_loop() is not self._loop:
            raise RuntimeError('the connection is used by another loop, or another thread')

    def _touch(self) -> None:
        """Something is to be done: soon, and once for all that comes until then."""
        if not self._is_due and not self._loop.is_closed():
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

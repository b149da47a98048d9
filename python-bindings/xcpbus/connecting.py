# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a connection is made. The library waits there, so that is done in a thread."""
from __future__ import annotations

import asyncio
from typing import Any, Optional

from . import errors
from ._xcpbus import ffi, lib
from .connection import Connection, milliseconds
from .entries import error_of

SLICE_MS = 1000  # how long a thread waits before it looks whether somebody still wants it


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
                  wait: bool = False, reconnect: bool = False) -> Connection:
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
    return Connection(bus)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same for programs without a loop: each call waits for its answer. There is no thread; a loop turns
while a call waits, or run() does, and that is when callbacks run."""
from __future__ import annotations

import asyncio
import os
import threading
from asyncio.events import _get_running_loop
from typing import (Any, Awaitable, Callable, ClassVar, Concatenate, Coroutine, Dict, Generic, Iterator,
                    Optional, ParamSpec, Tuple, Type, TypeVar)

from . import connecting, connection, errors, proxy
from .entries import Signal
from .service import Service

_P = ParamSpec('_P')
_R = TypeVar('_R')
_T = TypeVar('_T')
_S = TypeVar('_S', bound='SyncProxy')


class _Loop(asyncio.SelectorEventLoop):
    """A child that was forked does not take things out of the epoll set of its parent."""

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()

    @property
    def is_ours(self) -> bool:
        return os.getpid() == self._pid

    def close(self) -> None:
        if self.is_ours:
            super().close()


class SyncConnection:
    """Made by connect() of this module. `bus` is the connection of its loop."""

    def __init__(self, address: Optional[str] = None, **options: Any) -> None:
        self._loop = _Loop()
        self._lock = threading.Lock()  # who has it turns the loop
        try:
            self.bus: connection.Connection = self.wait(connecting.connect(address, **options))
        except BaseException:
            self._loop.close()
            raise

    def wait(self, coroutine: Coroutine[Any, Any, _R]) -> _R:
        """Until it has a result. What is interrupted is cancelled."""
        if _get_running_loop() or not self._lock.acquire(blocking=False):
            coroutine.close()
            raise RuntimeError('inside of a loop, or a callback, nothing can be waited for'
                               if _get_running_loop() else 'another thread uses the connection')
        try:
            return self._wait(coroutine)
        finally:
            self._lock.release()

    def _wait(self, coroutine: Coroutine[Any, Any, _R]) -> _R:
        if self._loop.is_closed():
            coroutine.close()
            raise RuntimeError('the connection was closed')
        if not self._loop.is_ours:
            coroutine.close()
            raise errors.Disconnected('the connection belongs to the process that was forked')
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            raise

    def _do(self, function: Callable[..., _R], *arguments: Any) -> _R:
        """What waits for nothing, and may be done in a callback."""
        if _get_running_loop() is self._loop:
            return function(*arguments)

        async def do() -> _R:
            return function(*arguments)

        return self.wait(do())

    def run(self, seconds: float = 0) -> None:
        """Lets callbacks run for a time."""
        self.wait(asyncio.sleep(seconds))

    def call(self, destination: str, path: str, interface: str, member: str, signature: str = '',
             values: Tuple[Any, ...] = (), timeout: Optional[float] = None) -> Tuple[Any, ...]:
        return self.wait(self.bus.call(destination, path, interface, member, signature, values,
                                       timeout))

    def close(self) -> None:
        if not self._loop.is_closed() and self._loop.is_ours:
            self.wait(self._close())
            self._loop.close()

    async def _close(self) -> None:
        await self.bus.close()
        await self._loop.shutdown_default_executor()

    def __enter__(self) -> SyncConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(address: Optional[str] = None, *, timeout: Optional[float] = None, wait: bool = False,
            reconnect: bool = False) -> SyncConnection:
    """As xcpbus.connect()."""
    return SyncConnection(address, timeout=timeout, wait=wait, reconnect=reconnect)


class SyncSubscription(Generic[_T]):
    """Signals, one after the other: `for` waits for the next one."""

    def __init__(self, bus: SyncConnection, inner: proxy.Subscription[_T]) -> None:
        self._bus, self._inner = bus, inner

    def __iter__(self) -> Iterator[_T]:
        return self

    def __next__(self) -> _T:
        return self._bus.wait(self._inner.__anext__())

    def take(self, timeout: float) -> _T:
        """The next one, or TimeoutError."""
        return self._bus.wait(asyncio.wait_for(self._inner.__anext__(), timeout))

    @property
    def last(self) -> Signal:
        """Where the signal that was taken last came from."""
        return self._inner.last

    def close(self) -> None:
        if not self._bus._loop.is_closed() and self._bus._loop.is_ours:
            self._bus._do(self._inner.close)

    def __enter__(self) -> SyncSubscription[_T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncProxy:
    """An object of a service, for programs without a loop."""

    _proxy_class: ClassVar[Type[proxy.Proxy]] = proxy.Proxy

    def __init_subclass__(cls, service: Optional[Type[Service]] = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if service:
            cls._proxy_class = type(cls.__name__, (proxy.Proxy,), {}, service=service)

    def __init__(self, bus: SyncConnection, destination: str = '', path: str = '',
                 timeout: Optional[float] = None) -> None:
        self._bus = bus
        self._proxy = self._proxy_class(bus.bus, destination, path, timeout)

    def with_timeout(self: _S, seconds: Optional[float]) -> _S:
        """The same object; its calls wait for so many seconds."""
        other = self._part(type(self))
        other._proxy._timeout = seconds
        return other

    def _part(self, cls: Type[_S]) -> _S:
        there = self._proxy
        other = cls(self._bus, there._destination, there._path, there._timeout)
        other._proxy._home = there._home
        return other

    def _call(self, method: Callable[Concatenate[Any, _P], Awaitable[_R]],
              *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self._bus.wait(self._proxy._call(method, *args, **kwargs))

    def _send(self, method: Callable[Concatenate[Any, _P], Awaitable[None]],
              *args: _P.args, **kwargs: _P.kwargs) -> None:
        self._bus._do(lambda: self._proxy._send(method, *args, **kwargs))

    def _get(self, thing: Callable[[Any], _R]) -> _R:
        return self._bus.wait(self._proxy._get(thing))

    def _set(self, thing: Callable[[Any], _R], value: _R) -> None:
        self._bus.wait(self._proxy._set(thing, value))

    def _subscribe(self, thing: Callable[..., None],
                   callback: Optional[Callable[..., object]]) -> SyncSubscription[Any]:
        return SyncSubscription(self._bus, self._bus._do(self._proxy._subscribe, thing, callback))

    def changes(self, callback: Optional[Callable[[Dict[str, Any]], object]] = None
                ) -> SyncSubscription[Dict[str, Any]]:
        """As Proxy.changes()."""
        return SyncSubscription(self._bus, self._bus._do(self._proxy.changes, callback))
